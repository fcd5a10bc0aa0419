"""The dashboard: the only code of pairkit, beside the command line's, that knows how it is shown."""
