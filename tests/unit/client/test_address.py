"""Which server the client talks to when no address is given."""

from __future__ import annotations

from pathlib import Path

import pytest

from showcase.address import DEFAULT_URL, default_url, own_checkout
from tests.support.checkout import CHECKOUT


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / ".local").mkdir()
    return tmp_path


def test_the_first_that_is_set_counts(checkout: Path) -> None:
    steps: list[tuple[Path, str, str]] = [
        (checkout / ".env", "SHOWCASE_PORT=8200\n", "http://127.0.0.1:8200"),
        (checkout / ".local" / "address", "http://127.0.0.1:8270\n", "http://127.0.0.1:8270"),
        (checkout / ".env", "SHOWCASE_PORT=8200\nSHOWCASE_URL='http://far'\n", "http://far"),
    ]
    assert default_url({}, checkout) == DEFAULT_URL
    for path, text, expected in steps:
        path.write_text(text)
        assert default_url({}, checkout) == expected
    assert default_url({"SHOWCASE_URL": "http://given"}, checkout) == "http://given"
    assert default_url({}, None) == DEFAULT_URL


def test_files_that_cannot_be_read_count_as_absent(checkout: Path) -> None:
    (checkout / ".env").write_bytes(b"\xff\xfe")
    (checkout / ".local" / "address").write_bytes(b"\xff\n")
    assert default_url({}, checkout) == DEFAULT_URL
    (checkout / ".env").write_text("SHOWCASE_PORT=${HOME}\n")
    assert default_url({}, checkout) == DEFAULT_URL


def test_only_a_package_in_place_has_a_checkout(tmp_path: Path) -> None:
    assert own_checkout() == CHECKOUT
    installed = tmp_path / "lib" / "python3.11" / "site-packages" / "showcase" / "address.py"
    assert own_checkout(installed) is None
    unpacked = tmp_path / "client" / "src" / "showcase" / "address.py"  # an unpacked source distribution
    assert own_checkout(unpacked) is None
