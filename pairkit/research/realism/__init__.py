"""The realism check: a ladder from the paper result to the tradable one."""
