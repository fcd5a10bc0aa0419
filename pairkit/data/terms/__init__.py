"""Contract terms, and the source of each field."""
