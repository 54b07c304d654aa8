"""One version for everything: each place that shows it reads it from contracts/version.py, or is held to it here."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from pkgutil import resolve_name

import httpx
import pytest
from typer.testing import CliRunner

import showcase
import showcase.version
from contracts.version import VERSION
from gateway.api.openapi.document import make_app
from showcase.commands import app
from tests.support.checkout import CHECKOUT


def test_it_is_a_release_number() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", VERSION)


@pytest.mark.parametrize("path", ["pyproject.toml", "client/pyproject.toml"])
def test_a_package_reads_it_when_it_is_built(path: str) -> None:
    settings = tomllib.loads((CHECKOUT / path).read_text())
    assert "version" not in settings["project"]
    assert settings["project"]["dynamic"] == ["version"]
    assert resolve_name(settings["tool"]["setuptools"]["dynamic"]["version"]["attr"]) == VERSION


def test_the_client_holds_the_same_module() -> None:
    link = Path(showcase.version.__file__)
    assert link.is_symlink()
    assert link.resolve() == CHECKOUT / "contracts" / "version.py"


def test_the_client_names_itself_with_it() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json={"status": "alive"})

    with showcase.Client("http://server.test", transport=httpx.MockTransport(answer)) as client:
        client.live()
    assert showcase.__version__ == VERSION
    assert asked[0].headers["user-agent"] == f"ml-showcase-client/{VERSION}"
    assert CliRunner().invoke(app, ["--version"]).output == f"showcase {VERSION}\n"


def test_the_openapi_document_gives_it() -> None:
    document = make_app("document").test_client().get("/api/v2/openapi.json").get_json()
    assert document["info"]["version"] == VERSION


def test_the_images_are_labelled_with_it() -> None:
    dockerfile = (CHECKOUT / "Dockerfile").read_text()
    labels = re.findall(r'^LABEL org\.opencontainers\.image\.version="(.*)"$', dockerfile, re.MULTILINE)
    assert labels == [VERSION]


def test_the_example_of_the_clients_page_shows_it() -> None:
    page = (CHECKOUT / "docs" / "client.md").read_text()
    assert set(re.findall(r"ml-showcase-client (\d\S*)", page)) == {VERSION}
    assert set(re.findall(r"served by ML Showcase (\d\S*)", page)) == {VERSION}
