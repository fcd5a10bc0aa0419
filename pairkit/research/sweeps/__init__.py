"""Parameter sweeps: many configs on one pair or more."""
