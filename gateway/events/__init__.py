"""State changes of submissions, delivered to the clients that wait for them."""
