"""The warm-up check: the same run on data that begin later."""
