"""Takes jobs from the queue and drives each submission through its workflow's models."""
