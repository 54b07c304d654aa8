"""The orchestrator's ports, implemented on real servers; only __main__ imports them."""
