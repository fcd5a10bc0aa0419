"""The Snapshots page."""
