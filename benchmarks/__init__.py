"""How fast pairkit is beside what a user would otherwise use: `python -m benchmarks`."""
