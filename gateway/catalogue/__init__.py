"""The models that the published workflows call, with their cards and status."""
