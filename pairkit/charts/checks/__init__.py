"""The figures of the honesty checks, one module a check, named after it."""
