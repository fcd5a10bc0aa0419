"""Where a run's result came from: legs, costs, rolls, blocked trades."""
