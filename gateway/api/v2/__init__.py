"""API v2: submissions as resources. The OpenAPI document is generated from these modules."""

PREFIX = "/api/v2"
