"""TuShare through its real SDK, against a server on this machine that serves the simulated market and injects faults."""
