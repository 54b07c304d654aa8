"""API v2: submissions as resources. The OpenAPI document is generated from these modules."""

PREFIX = "/api/v2"


def workflow_url(name: str, *version: str) -> str:
    return "/".join((f"{PREFIX}/workflows", name, *version))


def model_url(name: str) -> str:
    return f"{PREFIX}/models/{name}"
