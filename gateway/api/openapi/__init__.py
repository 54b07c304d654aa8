"""The OpenAPI document: what the framework collects, and the repairs that it needs."""
