"""Models estimated from a pair's prices. Row t of every result uses rows up to t only."""
