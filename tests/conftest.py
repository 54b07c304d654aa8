"""What all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.checkout import SAMPLES

# A shared machine may be slow at any moment; that a property holds is not a matter of time.
settings.register_profile("steady", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("steady")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--cluster",
        choices=["local", "compose", "container"],
        default="local",
        help="which cluster the system tests start: make up's, docker compose's, or the one container (local)",
    )


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of synthetic pictures that are shipped."""
    return SAMPLES


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of the real sets, which SHOWCASE_DATA names."""
    folder = os.environ.get("SHOWCASE_DATA")
    assert folder, "Set SHOWCASE_DATA to the folder that holds mnist/ and lgg/, or leave these tests out: -m 'not data'"
    return Path(folder)
