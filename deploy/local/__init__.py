"""The cluster on one machine without Docker: `python -m deploy.local up|down|status|logs|reset`."""
