"""Trading: gates, the engine that moves from t to t+1, and the trace of a bar."""
