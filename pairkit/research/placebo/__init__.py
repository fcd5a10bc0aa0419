"""The placebo check, and the surrogate pairs that it trades."""
