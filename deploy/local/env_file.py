"""The checkout's ``.env``, which docker compose, the client and ``python -m admin`` read too."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values

from deploy.local.errors import ClusterError
from deploy.local.settings import CHECKOUT, OWN_HOME
from runtime.settings import FILE, PREFIX

ENV_FILE = CHECKOUT / ".env"


def with_env_file(environment: Mapping[str, str], home: Path, path: Path = ENV_FILE) -> dict[str, str]:
    """Return the environment, completed by the settings of ``.env``; what the environment has wins.

    A cluster in another folder than the checkout's own reads its environment only: it is another cluster than the one
    that the file describes. Raises ClusterError when the file cannot be read.
    """
    if home != OWN_HOME:
        return dict(environment)
    try:
        found = dotenv_values(path)
    except (OSError, UnicodeDecodeError) as error:
        raise ClusterError(f"{path} cannot be read: {error}") from error
    given = {name.removesuffix(FILE) for name, value in environment.items() if value}
    added = {
        name: value
        for name, value in found.items()
        if value and name.startswith(PREFIX) and name.removesuffix(FILE) not in given
    }
    return added | dict(environment)
