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
    named = os.environ.get("SHOWCASE_DATA")
    if not named:
        pytest.skip("SHOWCASE_DATA names no folder that holds mnist/ and lgg/")
    folder = Path(named)
    assert folder.is_dir(), f"SHOWCASE_DATA names {folder}, which is no folder"
    return folder
