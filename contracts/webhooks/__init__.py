"""Whether webhooks are sent, the secrets that sign them, and the addresses that they may reach."""
