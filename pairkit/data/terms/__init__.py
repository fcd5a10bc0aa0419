"""Contract terms: where each field comes from."""
