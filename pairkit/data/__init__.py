"""Where bars come from: files, providers, a simulation. Vendor words and units end here, faults are told."""
