"""The bad-data check: Hold against forced flat under injected faults."""
