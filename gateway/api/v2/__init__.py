"""The endpoints of API v2, one module for each topic. Every module here defines a function ``blueprint``."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

from flask_openapi3 import APIBlueprint

from gateway.api.application import Application


def blueprints(application: Application) -> Iterator[APIBlueprint]:
    """Yield the blueprint of every module in this package."""
    for module in pkgutil.iter_modules(__path__):
        yield importlib.import_module(f"{__name__}.{module.name}").blueprint(application)
