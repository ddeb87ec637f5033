"""Where the outgoing client may go: hostile URLs and hostile names."""
# ruff: noqa: E501

import ipaddress
from typing import Any

import pytest

from core import outbound_address
from core.errors import InvalidRequestError
from core.outbound import check_url, parse_url
from core.outbound_address import find_refusal

REFUSED_ADDRESSES = [
    "http://127.0.0.1",
    "http://127.0.0.1:8080/",
    "http://127.1",
    "http://127.0.1",
    "http://2130706433",
    "http://0x7f000001",
    "http://0x7f.1",
    "http://017700000001",
    "http://0177.0.0.1",
    "http://127.000.000.001",
    "http://0x7f.0x0.0x0.0x1",
    "http://[::1]",
    "http://[::]",
    "http://0.0.0.0",
    "http://0",
    "http://0x0",
    "http://10.0.0.1",
    "http://10.255.255.255",
    "http://172.16.0.1",
    "http://172.31.255.254",
    "http://192.168.0.1",
    "http://192.168.255.255",
    "http://169.254.169.254/latest/meta-data/",
    "http://169.254.0.1",
    "http://100.64.0.1",
    "http://100.127.255.255",
    "http://192.0.0.1",
    "http://192.0.0.170",
    "http://192.0.2.1",
    "http://198.18.0.1",
    "http://198.19.255.255",
    "http://198.51.100.1",
    "http://203.0.113.1",
    "http://224.0.0.1",
    "http://239.255.255.255",
    "http://240.0.0.1",
    "http://255.255.255.255",
    "http://192.88.99.1",
    "http://[::ffff:127.0.0.1]",
    "http://[::ffff:7f00:1]",
    "http://[::ffff:10.0.0.1]",
    "http://[::ffff:169.254.169.254]",
    "http://[::127.0.0.1]",
    "http://[64:ff9b::7f00:1]",
    "http://[64:ff9b::10.0.0.1]",
    "http://[64:ff9b:1::1]",
    "http://[2002:7f00:1::]",
    "http://[2002:a00:1::1]",
    "http://[2001::1]",
    "http://[2001:db8::1]",
    "http://[2001:10::1]",
    "http://[fe80::1]",
    "http://[fec0::1]",
    "http://[fc00::1]",
    "http://[fd00:ec2::254]",
    "http://[ff02::1]",
    "http://[100::1]",
    "http://[3fff::1]",
    "http://[4000::1]",
    "http://[fe80::1%25eth0]",
    "http://[::1%25lo]",
    "http://[0:0:0:0:0:ffff:0:1]",
    "http://１２７.０.０.１",
    "http://①②⑦.⓪.⓪.①",
    "http://127。0。0。1",
    "http://127．0．0．1",
    "http://localhost",
    "http://LOCALHOST",
    "http://localhost.",
    "http://loc%61lhost",
    "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ",
    "http://localhost:80/x",
    "http://[::ffff:0:0]",
    "http://0.0.0.0:65535",
]
REFUSED_FORMS = [
    "file:///etc/passwd", "gopher://example.com/_x", "ftp://example.com", "dict://example.com", "javascript:alert(1)",
    "data:text/plain,x", "ws://example.com", "//example.com", "example.com", "/hook", "", " ", "http://", "https:///x",
    "http:example.com", "http://user@example.com", "http://user:pass@example.com", "http://example.com@10.0.0.1",
    "http://10.0.0.1\\@example.com", "http://example.com\\.evil.com", "http://exa mple.com", "http://example.com\r\nX: 1",
    "http://example.com/\x00", "http://example.com/\ttab", "http://example.com/#fragment", "http://example.com/#",
    "http://example.com:0", "http://example.com:65536", "http://example.com:22", "http://example.com:25/",
    "http://example.com:6379", "http://example.com:5432", "http://example.com:99999999", "http://example.com:",
    "http://example.com:80x", "http://[::1", "http://::1/", "http://[1.2.3.4]", "http://[v1.x]", "http://-example.com",
    "http://example-.com", "http://exam_ple..com", "http://.example.com", "http://" + "a" * 64 + ".com",
    "http://" + "a." * 130 + "com", "http://example.com/" + "a" * 2000, "http://1.2.3.4.5", "http://1.2.3", "http://256.1.1.1",
    "http://1.2.3.4a.0x1", "http://ex\u200bample.com/\u2028", "http://xn--/", "http://a\u0338.com:22", "HTTP://[::1]:x",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _no_network_is_allowed(settings: Any) -> None:
    settings.OUTBOUND_ALLOWED_NETWORKS = ()
    settings.WEBHOOKS_REQUIRE_HTTPS = False


@pytest.mark.parametrize("url", REFUSED_ADDRESSES)
def test_a_private_address_is_refused_in_every_spelling(url: str) -> None:
    with pytest.raises(InvalidRequestError, match=r"rule \w+") as caught:
        check_url(url)
    assert (caught.value.code, caught.value.param) == ("invalid_parameter_value", "url")


@pytest.mark.parametrize("url", REFUSED_FORMS)
def test_a_malformed_url_is_refused(url: str) -> None:
    with pytest.raises(InvalidRequestError, match=r"rule \w+"):
        check_url(url)


def test_there_are_more_than_a_hundred_of_them() -> None:
    assert len(REFUSED_ADDRESSES) + len(REFUSED_FORMS) > 120


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("https://93.184.216.34", "https://93.184.216.34/"), ("https://93.184.216.34:443/a?b=c", "https://93.184.216.34/a?b=c"),
        ("http://93.184.216.34:8080/é", "http://93.184.216.34:8080/%C3%A9"),
        ("https://[2606:4700::1]/x", "https://[2606:4700::1]/x"), ("HTTPS://93.184.216.34/%2e%2F", "https://93.184.216.34/%2e%2F"),
    ],
)  # fmt: skip
def test_a_public_url_is_kept_in_its_normal_form(url: str, normal: str) -> None:
    assert check_url(url) == normal


def test_idn_names_are_kept_as_what_they_are() -> None:
    assert parse_url("https://bücher.example/x").host == "xn--bcher-kva.example"
    assert parse_url("https://EXAMPLE.com./").host == "example.com"
    assert parse_url("https://ｅxample.com/").host == "example.com"
    # A Cyrillic а: what is saved and shown is not the name it imitates
    assert parse_url("https://ex\u0430mple.com/").host.startswith("xn--")


def test_the_error_says_how_a_private_network_is_allowed(settings: Any) -> None:
    with pytest.raises(InvalidRequestError, match="OUTBOUND_ALLOWED_NETWORKS"):
        check_url("http://10.1.2.3/")
    settings.OUTBOUND_ALLOWED_NETWORKS = (ipaddress.ip_network("10.0.0.0/8"),)
    assert check_url("http://10.1.2.3/") == "http://10.1.2.3/"
    assert check_url("http://[::ffff:10.1.2.3]/")
    with pytest.raises(InvalidRequestError):
        check_url("http://192.168.1.1/")


def test_http_is_refused_where_https_is_required(settings: Any) -> None:
    settings.WEBHOOKS_REQUIRE_HTTPS = True
    with pytest.raises(InvalidRequestError, match="WEBHOOKS_REQUIRE_HTTPS"):
        check_url("http://93.184.216.34/")


def test_a_name_that_resolves_to_a_private_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        outbound_address, "_look_up", lambda host, port: [ipaddress.ip_address("93.184.216.34"), ipaddress.ip_address("10.0.0.7")]
    )  # fmt: skip
    with pytest.raises(InvalidRequestError, match=r"10\.0\.0\.7.*private"):
        check_url("https://rebind.example/")


def test_every_public_looking_address_is_judged_by_its_inner_one() -> None:
    assert find_refusal(ipaddress.ip_address("::ffff:8.8.8.8")) is None
    assert find_refusal(ipaddress.ip_address("::ffff:127.0.0.1")) == "loopback"
    assert find_refusal(ipaddress.ip_address("8.8.8.8")) is None
