"""The calls of API v2, one file a topic: a file with a function ``blueprint`` is an endpoint, and is found here."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

from flask_openapi3 import APIBlueprint

from gateway.api.application import Application


def blueprints(application: Application) -> Iterator[APIBlueprint]:
    """Yield the blueprint of every endpoint in this folder."""
    for module in pkgutil.iter_modules(__path__):
        yield importlib.import_module(f"{__name__}.{module.name}").blueprint(application)
