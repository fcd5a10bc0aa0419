"""The placebo check, and the surrogates that it trades."""
