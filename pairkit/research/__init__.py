"""Research: many runs, and how far a result can be believed."""
