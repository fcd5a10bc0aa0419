"""Import of bars and contract specs from files of other programs."""
