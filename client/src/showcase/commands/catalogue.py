"""``showcase workflows`` and ``models``."""

from __future__ import annotations

from typing import Annotated

import typer

from showcase.client import Client
from showcase.commands import options
from showcase.commands.output import print_json, print_table
