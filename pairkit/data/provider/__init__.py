"""Downloads from a provider of market data."""
