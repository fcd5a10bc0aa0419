"""The realism check: a ladder from the paper result to the one that could have been had."""
