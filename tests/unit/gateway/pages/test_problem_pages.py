"""A page for every kind of problem, and no kind without one."""

from __future__ import annotations

import ast
import json
import re

import pytest
from flask.testing import FlaskClient

from contracts import errors
from gateway.api.errors import CODES, STATUS, status_of
from gateway.api.problem_kinds import KINDS
from tests.support.checkout import CHECKOUT
from tests.unit.gateway.api.test_errors import kinds


@pytest.mark.parametrize("code", KINDS)
def test_each_kind_has_a_page_that_says_what_to_do(client: FlaskClient, code: str) -> None:
    response = client.get(f"/problems/{code}")
    assert (response.status_code, response.mimetype) == (200, "text/html")
    for words in (KINDS[code].title, "What it means", "What to do", "An example", f"/problems/{code}"):
        assert words in response.text.replace("&#39;", "'")
    for sentence in (KINDS[code].meaning, KINDS[code].remedy, KINDS[code].detail):
        assert sentence.endswith(".")


def test_the_docs_and_the_list_lead_to_each(client: FlaskClient) -> None:
    for page in ("/docs", "/problems"):
        links = set(re.findall(r'href="/problems/([a-z-]+)"', client.get(page).text))
        assert links == set(KINDS)


def test_what_is_no_kind_has_no_page(client: FlaskClient) -> None:
    assert client.get("/problems/nothing").status_code == 404


def test_every_error_that_a_client_is_told_of_is_a_kind_of_its_status() -> None:
    told = [kind for kind in kinds() if kind.__module__ == errors.__name__ and status_of(kind("x")) != 500]
    assert set(STATUS) - {errors.ShowcaseError} <= set(told)
    for kind in told:
        named = next(each for each in kind.__mro__ if each in STATUS)
        code = kind.code if kind.code in KINDS else named.code
        assert KINDS[code].status == status_of(kind("x")), kind
    for status, code in CODES.items():
        assert KINDS[code].status == status


def test_every_problem_that_is_made_by_name_is_a_kind() -> None:
    made = set()
    for path in (CHECKOUT / "gateway").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            makes = isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"problem", "Failed"}
            if makes and node.args and isinstance(node.args[0], ast.Constant):
                made.add(node.args[0].value)
    assert made
    assert made <= set(KINDS)


def test_the_example_is_what_is_answered(client: FlaskClient) -> None:
    answered = client.get("/api/v2/models/nothing").json
    page = client.get("/problems/unknown-model").text
    assert answered is not None
    shown = json.loads(page.partition("<pre>")[2].partition("</pre>")[0].replace("&#34;", '"').replace("&#39;", "'"))
    assert shown.keys() == answered.keys()
    for name in ("type", "title", "status", "code"):
        assert shown[name] == answered[name]
