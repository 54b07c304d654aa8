"""The gateway's ports on RabbitMQ."""
