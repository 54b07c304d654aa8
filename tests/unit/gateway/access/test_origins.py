"""Which hosts and web pages may use the gateway."""

from __future__ import annotations

import io

import pytest
from flask.testing import FlaskClient
from werkzeug.datastructures import Headers

from contracts.errors import InvalidSetting
from contracts.workflows.catalogue import Catalogue
from gateway.access.origins import WRONG_HOST, WRONG_ORIGIN, OriginPolicy
from tests.support.factories import png
from tests.support.fakes import MemoryStore
from tests.support.gateway_app import GatewayPublisher, make_app

LIST = "/api/v2/submissions"
POLICY = OriginPolicy.of("models.example.com, *.lab.example", "https://app.example")


def refusal(method: str = "POST", path: str = LIST, **headers: str) -> str | None:
    return POLICY.refusal(method, path, Headers([(name.replace("_", "-"), value) for name, value in headers.items()]))


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:8100", "[::1]:8100", "10.0.0.7", "gateway:8100", "localhost", "LOCALHOST.:1", "a.localhost:8100"]
    + ["models.example.com", "Models.Example.com.:443", "x.lab.example", ""],
)
def test_the_gateway_answers_for_these_hosts(host: str) -> None:
    assert refusal(Host=host) is None


@pytest.mark.parametrize(
    "host",
    ["evil.example:8100", "lab.example", "xlab.example", "localhost.evil.example", "127.0.0.1.nip.io", "127.1", "."]
    + ["a@b", "a b", "[::1", "[zz]", "127.0.0.1,evil.example", "models.example.com.evil.example"],
)
def test_and_for_no_others(host: str) -> None:
    assert refusal("GET", Host=host) == WRONG_HOST


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://127.0.0.1:8100", "127.0.0.1:8100"),
        ("http://[::1]:8100", "[::1]:8100"),
        ("https://models.example.com", "models.example.com"),
        ("https://models.example.com", "models.example.com:443"),
        ("http://LOCALHOST:8100", "localhost:8100"),
        ("https://app.example", "localhost"),
    ],
)
def test_its_own_pages_and_allowed_ones_may_use_it(origin: str, host: str) -> None:
    assert refusal(Origin=origin, Host=host) is None


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "", "http://localhost:3000", "http://localhost:8100.evil.example", "file://"]
    + ["http://localhost:8100@evil.example", "http://localhost:x", "https://app.example:8443", "http://app.example"],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS"])
def test_other_pages_may_not(origin: str, method: str) -> None:
    assert refusal(method, Origin=origin, Host="localhost:8100") == WRONG_ORIGIN


def test_a_form_of_our_own_pages_may_hide_its_origin() -> None:
    assert refusal(Origin="null", Host="localhost", Sec_Fetch_Site="same-origin") is None


def test_a_link_elsewhere_opens_pages_and_nothing_else() -> None:
    link = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}
    assert [refusal("GET", path, **link) for path in ("/", "/docs", "/problems/busy")] == [None] * 3
    assert refusal("GET", LIST, **link) == WRONG_ORIGIN
    assert refusal("POST", "/", **link) == WRONG_ORIGIN
    assert refusal("GET", "/", **(link | {"Sec_Fetch_Dest": "iframe"})) == WRONG_ORIGIN
    assert refusal("GET", LIST, Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors") == WRONG_ORIGIN
    assert refusal("GET", LIST, Sec_Fetch_Site="none") is None


@pytest.mark.parametrize(
    ("hosts", "origins"), [("http://a.example", ""), ("a.example:80", ""), ("", "a.example"), ("", "https://a/b")]
)
def test_a_wrong_setting_is_named(hosts: str, origins: str) -> None:
    with pytest.raises(InvalidSetting, match="SHOWCASE_"):
        OriginPolicy.of(hosts, origins)


@pytest.mark.parametrize("path", [LIST, "/api/v2/openapi.json", "/api/v1/fetch_result/x", "/health/live", "/", "/no"])
def test_every_address_refuses_in_its_shape(client: FlaskClient, path: str) -> None:
    for headers in ({"Host": "evil.example:8100"}, {"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        response = client.get(path, headers=headers)
        assert response.status_code == 403
        assert response.json is not None
        if path.startswith("/api/v2"):
            assert response.json["code"] == "forbidden-origin"
        else:
            assert response.json["status"] == "Failure"


def test_nothing_is_stored_for_another_site(client: FlaskClient, store: MemoryStore) -> None:
    for path, field in ((LIST, "workflow"), ("/api/v1/submit_image", "workflow_name")):
        data = {"image": (io.BytesIO(png()), "x.png"), field: "digits"}
        assert client.post(path, data=data, headers={"Origin": "http://evil.example"}).status_code == 403
    assert store.documents == {}


def test_an_allowed_origin_is_answered_with_cors_headers(catalogue: Catalogue) -> None:
    client = make_app(MemoryStore(), GatewayPublisher(), catalogue, origins=POLICY).test_client()
    asked = {"Origin": "https://app.example", "Access-Control-Request-Method": "POST"}
    preflight = client.options(LIST, headers=asked)
    assert preflight.status_code == 204
    assert "Idempotency-Key" in preflight.headers["Access-Control-Allow-Headers"]
    for response in (preflight, client.get(LIST + "/x", headers={"Origin": "https://app.example"})):
        assert response.headers["Access-Control-Allow-Origin"] == "https://app.example"
        assert "Origin" in response.headers["Vary"]
    assert "Access-Control-Allow-Origin" not in client.get(LIST).headers


@pytest.mark.parametrize("path", [LIST, "/api/v1/submit_image"])
def test_an_encoded_body_is_415_with_a_sentence(client: FlaskClient, path: str) -> None:
    response = client.post(path, data=b"x", headers={"Content-Encoding": "gzip"})
    assert response.status_code == 415
    assert "Content-Encoding 'gzip'" in response.text
    assert response.headers["Accept-Encoding"] == "identity"
