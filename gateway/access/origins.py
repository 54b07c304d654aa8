"""Which requests may come in, by what a browser says of their origin. Pure.

A page of another site can make a browser send requests here, and a name that an attacker points at this address (DNS
rebinding) makes that page look like one of ours. A browser says where a request comes from in ``Origin`` and
``Sec-Fetch-Site``, and which name it looked up in ``Host``; other clients send no ``Origin`` and go on unchanged.
Sources: RFC 6454, the Fetch standard, W3C Fetch Metadata Request Headers.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from werkzeug.datastructures import Headers

from contracts.errors import InvalidSetting

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::([0-9]{1,5}))?", re.IGNORECASE)
_NAME = re.compile(r"(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*", re.IGNORECASE)
_DEFAULT_PORTS = {"http": 80, "https": 443}
_API = ("/api/", "/health")

CORS_METHODS = "GET, HEAD, POST, DELETE, OPTIONS"
CORS_REQUEST_HEADERS = "Content-Type, Idempotency-Key, If-Match, If-None-Match, If-Range, Last-Event-ID, Prefer, Range"
CORS_ANSWER_HEADERS = (
    "Accept-Ranges, Content-Disposition, Content-Range, ETag, Idempotency-Replayed, Link, Location, "
    "Preference-Applied, Retry-After"
)
CORS_SECONDS = 600

WRONG_HOST = (
    "This gateway does not answer for the host name that the request was sent to. Use its address, or let its operator "
    "add the name to SHOWCASE_ALLOWED_HOSTS."
)
WRONG_ORIGIN = (
    "The request comes from a web page of another site, which may not use this gateway. Its operator can add the "
    "page's origin to SHOWCASE_CORS_ORIGINS."
)


@dataclass(frozen=True)
class OriginPolicy:
    """``hosts``: names in lower case, ``*.`` before one stands for all names under it. ``origins``: as browsers write
    them, scheme, host and port."""

    hosts: frozenset[str] = frozenset()
    origins: frozenset[str] = frozenset()

    @classmethod
    def of(cls, hosts: str, origins: str) -> OriginPolicy:
        """Read the two settings, each separated by commas. Raises InvalidSetting."""
        names = frozenset(each.strip().lower().rstrip(".") for each in hosts.split(",") if each.strip())
        for name in names:
            if not _NAME.fullmatch(name):
                raise InvalidSetting(f"SHOWCASE_ALLOWED_HOSTS: {name!r} is not a host name. Leave port and scheme out.")
        pages = frozenset(each.strip().lower() for each in origins.split(",") if each.strip())
        for page in pages:
            if not re.fullmatch(rf"https?://{_HOST.pattern}", page):
                raise InvalidSetting(
                    f"SHOWCASE_CORS_ORIGINS: {page!r} is not an origin. Write it as https://app.example.com, without a "
                    "path."
                )
        return cls(names, pages)

    def refusal(self, method: str, path: str, headers: Headers) -> str | None:
        """Return why the request is refused, in a sentence; None when it may go on."""
        host = headers.get("Host")
        if host and not self._answers_for(host):
            return WRONG_HOST
        origin, site = headers.get("Origin"), headers.get("Sec-Fetch-Site", "").lower()
        if origin is not None:
            # A form of our own pages sends "null" under their Referrer-Policy; only the browser writes Sec-Fetch-Site.
            own = _same(origin, host) or (origin == "null" and site == "same-origin")
            return None if own or self.allows(origin) else WRONG_ORIGIN
        if site == "cross-site" and not _opens_page(method, path, headers):
            return WRONG_ORIGIN
        return None

    def allows(self, origin: str | None) -> bool:
        """Whether pages of this origin may use the API from a browser."""
        return origin is not None and origin.lower() in self.origins

    def _answers_for(self, host: str) -> bool:
        match = _HOST.fullmatch(host)
        if match is None:
            return False
        name = match[1].lower().rstrip(".")
        if not name or "." not in name or name.endswith(".localhost") or name in self.hosts or _is_address(name):
            return bool(name) and (not name.startswith("[") or _is_address(name))
        return any(each.startswith("*.") and name.endswith(each[1:]) for each in self.hosts)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


def _same(origin: str, host: str | None) -> bool:
    """Whether the origin is the host that the request was sent to. A proxy may have ended TLS: any scheme will do."""
    match = _HOST.fullmatch(host or "")
    try:
        page = urlsplit(origin)
        port = page.port or _DEFAULT_PORTS.get(page.scheme)
    except ValueError:
        return False
    if match is None or port is None or page.scheme not in _DEFAULT_PORTS or page.path or page.username is not None:
        return False
    ours = int(match[2]) if match[2] else _DEFAULT_PORTS[page.scheme]
    name = match[1].lower().removeprefix("[").removesuffix("]")
    return (page.hostname or "").rstrip(".") == name.rstrip(".") and port == ours


def _opens_page(method: str, path: str, headers: Headers) -> bool:
    """Whether a person opens one of the web pages by a link elsewhere. The other site cannot read what comes."""
    return (
        method in {"GET", "HEAD"}
        and headers.get("Sec-Fetch-Mode", "").lower() == "navigate"
        and headers.get("Sec-Fetch-Dest", "document").lower() == "document"
        and not path.startswith(_API)
    )
