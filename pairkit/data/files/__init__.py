"""Files of bars and of specs as other programs write them."""
