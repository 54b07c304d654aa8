"""Takes jobs from the queue and runs each submission's workflow on its models."""
