"""The ports on real servers; only __main__ imports them."""
