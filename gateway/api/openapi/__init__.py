"""The OpenAPI document: collected by the framework, then corrected and completed."""
