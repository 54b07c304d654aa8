"""The targets that a webhook may be sent to: URLs and addresses, checked without the network. Pure.

A client names a URL that one of the operator's machines then calls. It must lead to the public internet or to an
address on the operator's allow-list, and never into the operator's own network by surprise (server-side request
forgery). A URL is checked when it is submitted (``check_url``), and the addresses of its name before each delivery
(``refusal``).
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from contracts.errors import InvalidWebhook

LONGEST_URL = 2048
LONGEST_NAME = 253

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*")
_PORTS = {"http": 80, "https": 443}

_PUBLIC_IPV6 = ipaddress.IPv6Network("2000::/3")

_CLASSES: tuple[tuple[str, tuple[str, ...]], ...] = (
    # The metadata services first: most of their addresses are in networks that are listed below too.
    (
        "a cloud's metadata",
        ("169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "192.0.0.192")
        + ("fd00:ec2::254", "fd20:ce::254"),
    ),
    ("an unspecified", ("0.0.0.0/8", "::/128")),
    ("a loopback", ("127.0.0.0/8", "::1/128")),
    ("a private", ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fec0::/10")),
    ("a link-local", ("169.254.0.0/16", "fe80::/10")),
    ("a carrier's shared (CGNAT)", ("100.64.0.0/10",)),
    ("a multicast", ("224.0.0.0/4", "ff00::/8")),
    ("an IPv4-mapped IPv6", ("::ffff:0:0/96", "::ffff:0:0:0/96")),
    ("an IPv4-compatible IPv6", ("::/96",)),
    ("a NAT64", ("64:ff9b::/96", "64:ff9b:1::/48")),
    ("a 6to4", ("2002::/16", "192.88.99.0/24")),
    ("a Teredo", ("2001::/32",)),
    ("a documentation", ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20")),
    ("a reserved", ("192.0.0.0/24", "198.18.0.0/15", "240.0.0.0/4", "2001::/23", "100::/64", "5f00::/16")),
)
_REFUSED = tuple((name, ipaddress.ip_network(text)) for name, texts in _CLASSES for text in texts)


@dataclass(frozen=True)
class Allowed:
    """What webhooks may reach although it is not public: networks, and host names whatever their addresses are."""

    networks: tuple[Network, ...] = ()
    names: frozenset[str] = frozenset()

    def address(self, address: Address) -> bool:
        return any(address.version == network.version and address in network for network in self.networks)


NOTHING = Allowed()


@dataclass(frozen=True)
class Target:
    """A URL's parts. ``host`` is in lower case, without brackets and without a final dot."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def literal(self) -> Address | None:
        """The host, if it is an address."""
        try:
            return ipaddress.ip_address(self.host)
        except ValueError:
            return None

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def parse_allowed(text: str) -> Allowed:
    """Read ``10.1.0.0/16, 192.168.1.7, receiver.internal``. Raises ValueError with what is wrong."""
    networks: list[Network] = []
    names: set[str] = set()
    for entry in filter(None, (part.strip().lower() for part in text.split(","))):
        try:
            networks.append(ipaddress.ip_network(entry))
        except ValueError as error:
            if "/" in entry or ":" in entry or not _is_name(entry.rstrip(".")):
                raise ValueError(f"{entry} is no network (10.1.0.0/16), address or host name") from error
            names.add(entry.rstrip("."))
    return Allowed(tuple(networks), frozenset(names))


def check_url(url: str, allowed: Allowed) -> Target:
    """Return the URL's parts if a webhook may be sent there, as far as the URL alone shows. Raises InvalidWebhook."""
    target = _parts(url)
    if target.host in allowed.names:
        return target
    literal = target.literal
    if literal is not None:
        kind = refusal(literal, allowed)
        if kind is not None:
            raise InvalidWebhook(f"{target.host} is {kind} address; a webhook goes to a public one.")
    elif target.host == "localhost" or target.host.endswith(".localhost"):
        raise InvalidWebhook(f"{target.host} is a loopback name; a webhook goes to a public address.")
    return target


def refusal(address: Address, allowed: Allowed) -> str | None:
    """Return the kind of the address ("a private") if no webhook may be sent there, otherwise None."""
    if allowed.address(address):
        return None
    for kind, network in _REFUSED:
        if address.version == network.version and address in network:
            return kind
    if isinstance(address, ipaddress.IPv6Address) and (address not in _PUBLIC_IPV6 or address.scope_id is not None):
        return "a reserved"
    return None


def _parts(url: str) -> Target:
    if len(url) > LONGEST_URL:
        raise InvalidWebhook(f"The webhook's URL is longer than {LONGEST_URL} characters.")
    if not url.isascii() or not all("!" <= each <= "~" for each in url) or "\\" in url:
        raise InvalidWebhook(
            "The webhook's URL holds a space, a backslash, a control character or a letter outside ASCII; "
            "percent-encode it, or write the host as xn--…"
        )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InvalidWebhook("The webhook is no URL; write https://receiver.example/path.") from error
    scheme = parts.scheme.lower()
    if scheme not in _PORTS:
        raise InvalidWebhook("The webhook's URL begins with https:// or http://, and this one does not.")
    if "@" in parts.netloc:
        raise InvalidWebhook("The webhook's URL holds a user name; leave it out: requests are signed instead.")
    if "#" in url:
        raise InvalidWebhook("The webhook's URL holds a fragment (#…), which is never sent; leave it out.")
    if port == 0:
        raise InvalidWebhook("The webhook's URL has port 0; nothing listens there.")
    host = (parts.hostname or "").removesuffix(".")
    target = Target(
        scheme, host, port or _PORTS[scheme], (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    )
    bracketed = parts.netloc.startswith("[")
    if (target.literal is None and not _is_name(host)) or bracketed != (":" in host) or "%" in host:
        raise InvalidWebhook(
            "The webhook's URL names no host; write https://receiver.example/path, and an address in its usual form."
        )
    return target


def _is_name(host: str) -> bool:
    """Whether this is a host name. The last label must not be a number: resolvers read 127.1 as an address."""
    labels = host.split(".")
    return len(host) <= LONGEST_NAME and all(map(_LABEL.fullmatch, labels)) and not _NUMERIC.fullmatch(labels[-1])
