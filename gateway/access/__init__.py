"""Who may ask: which hosts this gateway answers for, and which web pages may use it."""
