"""The page at /."""

from __future__ import annotations

import re

from flask.testing import FlaskClient

from contracts.workflows.catalogue import Catalogue
from tests.support.factories import ONE_STEP, make_workflow
from tests.support.fakes import FakeJobPublisher, MemoryStore
from tests.support.gateway_app import make_app


def test_it_names_the_stable_version_of_every_workflow(client: FlaskClient) -> None:
    response = client.get("/")
    assert response.status_code == 200
    assert response.mimetype == "text/html"
    for words in ("digits", "gated", "v1.0.0", "classification.label ==", "/api/v1/submit_image"):
        assert words in response.text
    assert "v1.9.0" not in response.text
    assert "v1.10.0" not in response.text


def test_what_a_workflow_says_is_text_and_not_markup() -> None:
    text = ONE_STEP.replace("version:", "title: \"<script>alert('x')</script> & more\"\nversion:")
    text = text.replace("timeout_seconds: 5", "when: \"'<b>' == '<b>'\"")
    catalogue = Catalogue([make_workflow(text)])
    page = make_app(MemoryStore(), FakeJobPublisher(), catalogue).test_client().get("/").text
    assert "<script" not in page
    assert "<b>" not in page
    assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; more" in page


def test_it_loads_nothing_from_elsewhere(client: FlaskClient) -> None:
    page = client.get("/", base_url="http://showcase:8100").text
    assert set(re.findall(r"https?://[^\s\"'<]+", page)) == {
        "http://showcase:8100/api/v1/submit_image",
        "http://showcase:8100/api/v1/fetch_result/&lt;submission_id&gt;",
    }
    assert not re.search(r"(src|href)=[\"']?(//|http)|url\(|@import", page)


def test_a_host_header_cannot_carry_markup(client: FlaskClient) -> None:
    page = client.get("/", headers={"Host": '"><script>alert(1)</script>'}).text
    assert "<script" not in page


def test_every_link_leads_somewhere(client: FlaskClient) -> None:
    for link in re.findall(r'href="(/[^"]*)"', client.get("/").text):
        assert client.get(link).status_code == 200
