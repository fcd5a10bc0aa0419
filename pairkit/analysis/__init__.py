"""Performance attribution of a run: legs, costs, rolls, blocked trades."""
