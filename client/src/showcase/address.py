"""Which server is meant when no address is given.

The first of these that is set: ``SHOWCASE_URL`` in the environment; ``SHOWCASE_URL`` in the checkout's ``.env``; what
``make up`` of the checkout wrote to its ``.local/address``; ``SHOWCASE_PORT`` in the ``.env``; the usual port here.

"The checkout" is the one that this package is installed from in place, as ``make venv`` does, whatever the current
folder is. A package that was installed elsewhere, from a wheel say, reads no file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values

DEFAULT_URL = "http://127.0.0.1:8100"
RULE = (
    "The server's address is --url, else SHOWCASE_URL, else what the checkout says that this client is installed from "
    "in place (SHOWCASE_URL in its .env; where its `make up` started the gateway; SHOWCASE_PORT in its .env), else "
    f"{DEFAULT_URL}. A client that is installed elsewhere reads no file."
)


def own_checkout(module: Path = Path(__file__)) -> Path | None:
    """Return the checkout that holds this package as ``client/src/showcase``; None for a package elsewhere."""
    above = module.resolve().parents
    if len(above) < 4 or (above[2].name, above[1].name) != ("client", "src"):
        return None
    return above[3] if (above[3] / "deploy" / "local").is_dir() else None


def default_url(environment: Mapping[str, str], checkout: Path | None) -> str:
    """Return the server's address; a file that cannot be read counts as absent."""
    if given := environment.get("SHOWCASE_URL"):
        return given
    if checkout is None:
        return DEFAULT_URL
    settings = _settings(checkout / ".env")
    if url := settings.get("SHOWCASE_URL"):
        return url
    if written := _first_line(checkout / ".local" / "address"):
        return written
    port = settings.get("SHOWCASE_PORT") or ""
    return f"http://127.0.0.1:{port}" if port.isascii() and port.isdigit() else DEFAULT_URL


def _settings(path: Path) -> Mapping[str, str | None]:
    try:
        return dotenv_values(path)
    except (OSError, UnicodeDecodeError):
        return {}


def _first_line(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").partition("\n")[0].strip()
    except (OSError, UnicodeDecodeError):
        return ""
