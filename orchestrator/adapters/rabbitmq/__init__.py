"""The orchestrator's ports on RabbitMQ."""
