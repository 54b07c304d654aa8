"""What a model answers, what its card says of it, and where it is served."""
