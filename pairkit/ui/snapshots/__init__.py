"""The page Snapshots."""
