"""The public REST API: both versions, health checks, and error responses."""
