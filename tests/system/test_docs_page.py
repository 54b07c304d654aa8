"""The page at /docs in a real browser: complete without the internet, without an error, and it tries calls out."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import ConsoleMessage, Page, Request, expect, sync_playwright

from deploy.local.prerequisites import find_browser
from tests.support.patience import PATIENCE
from tests.support.system import Client

ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
PATIENCE_MILLISECONDS = 1000 * PATIENCE


class Visit:
    """A page with what it asked for and what it complained of."""

    def __init__(self, page: Page, host: str) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.elsewhere: list[str] = []
        self._host = host
        page.set_default_timeout(PATIENCE_MILLISECONDS)
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("requestfailed", lambda request: self.complaints.append(f"failed: {request.url}"))
        page.on("request", self._see)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)

    def _see(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme not in {"data", "blob"} and address.netloc != self._host:
            self.elsewhere.append(request.url)


@pytest.fixture
def visit(client: Client) -> Iterator[Visit]:
    program = find_browser()
    assert program, "There is no chromium; as root: python -m deploy.local prerequisites --browser"
    expect.set_options(timeout=PATIENCE_MILLISECONDS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield Visit(browser.new_page(base_url=client.url), urlsplit(client.url).netloc)
        browser.close()


def test_every_call_is_shown_and_one_is_tried_out(visit: Visit, client: Client) -> None:
    page = visit.page
    document = client.http.get(f"{client.url}/api/v2/openapi.json", timeout=PATIENCE).json()
    page.goto("/")
    page.get_by_role("link", name="/docs").click()
    shown = page.locator(".opblock")
    expect(shown).to_have_count(sum(len(item) for item in document["paths"].values()))

    call = page.locator("#operations-Workflows-get_workflow_version")
    call.locator(".opblock-summary-control").click()
    call.locator("tr[data-param-name=name] input").fill("workflow_001")
    call.locator("tr[data-param-name=version] input").fill("stable")
    with page.expect_response("**/api/v2/workflows/workflow_001/stable") as answered:
        call.get_by_role("button", name="Execute").click()
    assert answered.value.status == 200
    expect(call.locator(".live-responses-table td.response-col_status").nth(1)).to_contain_text("200")
    expect(call.locator(".live-responses-table").first).to_contain_text("classification.label == 'abnormality'")
    assert visit.complaints == []
    assert visit.elsewhere == []


def test_the_kinds_of_problems_are_one_click_away(visit: Visit) -> None:
    page = visit.page
    page.goto("/docs")
    page.get_by_role("link", name="rejected-upload").click()
    expect(page.get_by_role("heading", name="The image cannot be accepted")).to_be_visible()
    assert visit.complaints == []
    assert visit.elsewhere == []


def test_the_pages_content_security_policy_is_strict(client: Client) -> None:
    page = client.http.get(f"{client.url}/docs", timeout=PATIENCE)
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "script-src" not in policy, "scripts come from here, as everything else"
    assert "unsafe-eval" not in policy
    assert "<script>" not in page.text
