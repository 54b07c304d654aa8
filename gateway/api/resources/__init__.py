"""The resources of v2, as OpenAPI describes them and as they are answered. Pure."""
