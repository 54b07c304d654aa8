"""Whether webhooks are sent, what signs them, and which addresses they may reach."""
