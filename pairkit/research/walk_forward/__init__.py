"""The walk-forward check."""
