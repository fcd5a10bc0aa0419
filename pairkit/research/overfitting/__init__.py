"""The overfitting check: DSR, PBO, bootstrap."""
