"""Markets: contract specs, sessions, and how contracts join into one series."""
