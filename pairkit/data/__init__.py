"""Market data input: files, providers, a simulation. Vendor words and units end here; faults are reported."""
