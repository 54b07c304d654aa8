"""The public REST API: both versions, the health checks, and the answer to every error."""
