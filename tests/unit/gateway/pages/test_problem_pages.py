"""A page for every kind of problem, and no kind without one."""

from __future__ import annotations

import json
import re

import pytest
from flask.testing import FlaskClient

from contracts import errors
from contracts.errors import problems
from gateway.api.errors import KINDS as FRAMEWORK_KINDS
from tests.support.checkout import CHECKOUT
from tests.unit.gateway.api.test_errors import kinds

KINDS = problems()


@pytest.mark.parametrize("code", KINDS)
def test_each_kind_has_a_page_that_says_what_to_do(client: FlaskClient, code: str) -> None:
    response = client.get(f"/problems/{code}")
    assert (response.status_code, response.mimetype) == (200, "text/html")
    for words in (KINDS[code].title, "What it means", "What to do", "An example", f"/problems/{code}"):
        assert words in response.text.replace("&#39;", "'")
    for sentence in (KINDS[code].meaning, KINDS[code].remedy, KINDS[code].example):
        assert sentence.endswith(".")


def test_the_docs_and_the_list_lead_to_each(client: FlaskClient) -> None:
    for page in ("/docs", "/problems"):
        links = set(re.findall(r'href="/problems/([a-z-]+)"', client.get(page).text))
        assert links == set(KINDS)


def test_what_is_no_kind_has_no_page(client: FlaskClient) -> None:
    assert client.get("/problems/nothing").status_code == 404


def test_every_error_that_a_client_meets_has_a_page() -> None:
    assert {kind.code for kind in kinds() if kind.__module__ == errors.__name__ and kind.status != 500} <= set(KINDS)
    for status, kind in FRAMEWORK_KINDS.items():
        assert KINDS[kind.code].status == status


def test_one_class_is_all_that_a_new_error_needs() -> None:
    """A newcomer's test: an error = one entry in one table."""
    named = [path for path in (CHECKOUT / "gateway").rglob("*.py") if '"unknown-model"' in path.read_text()]
    assert not named, "a code stands in contracts/errors.py and nowhere else"


def test_the_example_is_what_is_answered(client: FlaskClient) -> None:
    answered = client.get("/api/v2/models/nothing").json
    page = client.get("/problems/unknown-model").text
    assert answered is not None
    shown = json.loads(page.partition("<pre>")[2].partition("</pre>")[0].replace("&#34;", '"').replace("&#39;", "'"))
    assert shown.keys() == answered.keys()
    for name in ("type", "title", "status", "code"):
        assert shown[name] == answered[name]
