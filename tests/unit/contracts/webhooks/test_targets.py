"""Where a webhook may go: every class of address that is not the public internet, in every way to write it."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import InvalidWebhook
from contracts.webhooks.targets import LONGEST_URL, NOTHING, check_url, parse_allowed, refusal

REFUSED = {
    "an unspecified": ["0.0.0.0", "0.255.255.255", "::"],
    "a loopback": ["127.0.0.1", "127.255.255.254", "::1"],
    "a private": ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.255.255", "fc00::1", "fdff::1", "fec0::1"],
    "a link-local": ["169.254.0.1", "169.254.255.255", "fe80::1", "febf::1"],
    "a carrier's shared (CGNAT)": ["100.64.0.0", "100.127.255.255"],
    "a multicast": ["224.0.0.1", "239.255.255.255", "ff02::1"],
    "an IPv4-mapped IPv6": ["::ffff:8.8.8.8", "::ffff:127.0.0.1", "::ffff:169.254.169.254"],
    "an IPv4-compatible IPv6": ["::127.0.0.1", "::8.8.8.8"],
    "a NAT64": ["64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::1"],
    "a 6to4": ["2002:7f00:1::1", "2002:808:808::1", "192.88.99.1"],
    "a Teredo": ["2001:0:53aa:64c::1"],
    "a documentation": ["192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1"],
    "a reserved": ["192.0.0.1", "198.18.0.1", "198.19.255.255", "240.0.0.1", "255.255.255.255"]
    + ["2001:10::1", "100::1", "5f00::1", "4000::1", "1::1"],
    "a cloud's metadata": ["169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "192.0.0.192"]
    + ["fd00:ec2::254", "fd20:ce::254"],
}
PUBLIC = [
    *(
        "8.8.8.8",
        "1.1.1.1",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.1",
    ),
    *("169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.167.255.255", "192.169.0.0"),
    *("223.255.255.255", "2606:4700::1111", "2a00:1450:4001::1", "2003::1"),
]


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in REFUSED.items() for text in texts])
def test_an_address_that_is_not_public_is_refused_by_its_kind(kind: str, text: str) -> None:
    address = ipaddress.ip_address(text)
    assert refusal(address, NOTHING) == kind
    host = f"[{text}]" if address.version == 6 else text
    for scheme in ("http", "https"):
        with pytest.raises(InvalidWebhook, match="address"):
            check_url(f"{scheme}://{host}:8080/hook", NOTHING)


@pytest.mark.parametrize("text", PUBLIC)
def test_a_public_address_is_not(text: str) -> None:
    assert refusal(ipaddress.ip_address(text), NOTHING) is None


@given(st.ip_addresses())
def test_whatever_python_knows_as_not_global_is_refused(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    if refusal(address, NOTHING) is None:
        assert address.is_global
        assert not address.is_multicast


@given(st.ip_addresses(v=4))
def test_no_ipv6_address_carries_an_ipv4_one_past_the_guard(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    carriers = [
        *(number, (0xFFFF << 32) | number, (0xFFFF << 48) | number),
        *((0x64FF9B << 96) | number, (0x2002 << 112) | (number << 80), (0x20010000 << 96) | (number ^ 0xFFFFFFFF)),
    ]
    for carrier in carriers:
        assert refusal(ipaddress.IPv6Address(carrier), NOTHING) is not None


@pytest.mark.parametrize(
    "url",
    [
        "ftp://receiver.example/",
        "file:///etc/passwd",
        "gopher://receiver.example/",
        "receiver.example/hook",
        "//receiver.example/",
        "",
        "https://",
        "https:///path",
        "https://user@receiver.example/",
        "https://user:secret@receiver.example/",
        "https://receiver.example@127.0.0.1/",
        "https://receiver.example/#fragment",
        "https://receiver.example/#",
        "https://receiver.example#",
        "https://@receiver.example/",
        "https://receiver.example/a\\b",
        "https://re%63eiver.example/",
        "https://receiver.example%00/",
        "https://[2606:4700::1111%25eth0]/",
        "https://[2606:4700::1111%eth0]/",
        f"https://receiver.example/{'a' * (LONGEST_URL - len('https://receiver.example/') + 1)}",
        "https://receiver.example:0/",
        "https://receiver.example:65536/",
        "https://receiver.example:x/",
        "https://receiver.example/a b",
        "https://receiver.example/a\r\nHost: other",
        "https://receiver.example\\@127.0.0.1/",
        "https://receiver.example\t/",
        "https://bücher.example/",
        "https://\uff11\uff12\uff17.0.0.1/",
        "https://127%2e0.0.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.1/",
        "https://127.1/",
        "https://0177.0.0.1/",
        "https://127.0.0.1./",
        "https://[fe80::1%25eth0]/",
        "https://[::1/",
        "https://[v1.fe]/",
        "https://localhost/",
        "https://LOCALHOST./",
        "https://a.localhost/",
        "https://a..example/",
        "https://-a.example/",
        f"https://{'a' * 64}.example/",
        f"https://{'a.' * 130}example/",
        f"https://receiver.example/{'a' * LONGEST_URL}",
    ],
)
def test_a_url_that_is_none_of_a_receiver_is_refused_with_a_sentence(url: str) -> None:
    with pytest.raises(InvalidWebhook) as caught:
        check_url(url, NOTHING)
    assert caught.value.message.endswith((".", "…"))
    assert "secret" not in caught.value.message


def test_a_url_is_taken_apart_as_it_will_be_called() -> None:
    target = check_url("HTTPS://Receiver.Example.:8443/a/b?c=d&e", NOTHING)
    assert (target.scheme, target.host, target.port, target.path) == ("https", "receiver.example", 8443, "/a/b?c=d&e")
    assert target.authority == "receiver.example:8443"
    plain = check_url("http://8.8.8.8", NOTHING)
    assert (plain.host, plain.port, plain.path, plain.authority) == ("8.8.8.8", 80, "/", "8.8.8.8")
    six = check_url("https://[2606:4700::1111]/x", NOTHING)
    assert (six.port, six.authority, six.literal) == (443, "[2606:4700::1111]", ipaddress.ip_address("2606:4700::1111"))


def test_a_path_may_be_percent_encoded_and_as_long_as_a_url() -> None:
    assert check_url("https://receiver.example/a%20b%2F?c=%23", NOTHING).path == "/a%20b%2F?c=%23"
    start = "https://receiver.example/"
    assert len(check_url(start + "a" * (LONGEST_URL - len(start)), NOTHING).path) == LONGEST_URL - len(start) + 1


@pytest.mark.parametrize("host", ["fe80::1%25eth0", "fe80::1%eth0"])
def test_an_allowed_network_allows_no_zone_of_it(host: str) -> None:
    """A zone names an interface of the operator's machine."""
    with pytest.raises(InvalidWebhook, match="names no host"):
        check_url(f"https://[{host}]/", parse_allowed("fe80::/10"))


def test_the_operator_may_allow_networks_addresses_and_names() -> None:
    allowed = parse_allowed(" 10.1.0.0/16, 127.0.0.1,fd00::/8 , Receiver.Internal., localhost")
    for url in ("http://10.1.2.3/", "http://127.0.0.1:1/", "http://[fd12::1]/", "http://receiver.internal/"):
        check_url(url, allowed)
    check_url("http://LOCALHOST:8080/", allowed)
    for url in ("http://10.2.0.1/", "http://127.0.0.2/", "http://[::1]/", "http://[::ffff:10.1.2.3]/", "http://[::]/"):
        with pytest.raises(InvalidWebhook):
            check_url(url, allowed)


@pytest.mark.parametrize("text", ["10.1.0.1/16", "10.0.0.0/33", "10.1", "http://a", "a b", "*.internal", "::1/", "a/8"])
def test_an_allow_list_that_cannot_be_read_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="is no network"):
        parse_allowed(f"localhost, {text}")


def test_no_allow_list_allows_nothing() -> None:
    assert parse_allowed("") == parse_allowed(" , ") == NOTHING
