"""Research: parameter sweeps, scans, and checks of how far a result can be believed."""
