"""Snapshots: sealed folders of market data, every byte hashed."""
