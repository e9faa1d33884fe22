"""The Host header: which ones name the service, whatever they look like."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dossier_realtime.protocol.http.host_header import HostHeader, is_allowed_host, parse_host, parse_hosts

NAMES = ["localhost", "127.0.0.1", "[::1]", "dossier.example.org:8443"]
ALLOWED = parse_hosts(NAMES)

GOOD = {
    "localhost": HostHeader("localhost", None),
    "LocalHost:8000": HostHeader("localhost", 8000),
    "127.0.0.1:1": HostHeader("127.0.0.1", 1),
    "[::1]": HostHeader("[::1]", None),
    "[0:0:0:0:0:0:0:1]:65535": HostHeader("[::1]", 65535),
    "[::FFFF:127.0.0.1]": HostHeader("[::ffff:7f00:1]", None),
    "[::ffff:0.0.0.1]:80": HostHeader("[::ffff:0:1]", 80),
    "[0:0:0:0:0:ffff:7f00:0001]": HostHeader("[::ffff:7f00:1]", None),
    "dossier.example.org:8443": HostHeader("dossier.example.org", 8443),
    "a-b.c--d.example": HostHeader("a-b.c--d.example", None),
}

BAD = [
    *("", " ", ":", ":8000", "localhost:", "localhost:8000:evil", "localhost:8000:8000", "localhost:evil"),
    *("localhost:8000@evil.test", "user@localhost", "user:pass@localhost", "evil.test@localhost:8000", "localhost@"),
    *("localhost.", "localhost.:8000", ".localhost", "local..host", "localhost,evil.test", "localhost evil.test"),
    *("localhost:0", "localhost:00080", "localhost:080", "localhost:65536", "localhost:99999", "localhost:123456"),
    *("localhost:-1", "localhost:+80", "localhost:8_0", "localhost:80 ", " localhost", "localhost\t", "localhost\n"),
    *("localhost:٨٠", "ｌocalhost", "localhost\x00", "local\u200bhost", "K\u212aocalhost", "localhost:²"),
    *("[::1", "::1", "::1]", "[::1]8000", "[::1]:", "[::1]:x", "[[::1]]", "[::1%lo]", "[::1%25lo]", "[]", "[:]"),
    *("[::1]:80:80", "[127.0.0.1]", "[localhost]", "[::g]", "[v1.x]", "[::1].evil.test", "localhost[::1]"),
    *("localhost/", "localhost/..", "localhost?x", "localhost#x", "http://localhost", "localhost\\evil.test", "*"),
    *("-localhost", "localhost-", "a" * 64 + ".example", "a." * 127 + "toolong", "x_y.example"),
]


@pytest.mark.parametrize(("text", "meant"), GOOD.items(), ids=GOOD)
def test_a_host_is_a_name_or_an_address_and_at_most_one_port(text: str, meant: HostHeader) -> None:
    assert parse_host(text) == meant


@pytest.mark.parametrize("text", BAD, ids=ascii)
def test_what_could_be_read_in_two_ways_names_nobody(text: str) -> None:
    assert parse_host(text) is None
    assert not is_allowed_host(text, ALLOWED)
    with pytest.raises(ValueError, match="is no host"):
        parse_hosts(["localhost", text])


@pytest.mark.parametrize(
    ("text", "ours"),
    [
        ("localhost", True),
        ("localhost:1", True),
        ("LOCALHOST:9999", True),
        ("[::1]:5006", True),
        ("[0::1]", True),
        ("dossier.example.org:8443", True),
        ("dossier.example.org", False),
        ("dossier.example.org:443", False),
        ("dossier.example.org.evil.test:8443", False),
        ("evil.test", False),
        ("127.0.0.2", False),
        ("[::2]", False),
        ("127.1", False),
        ("2130706433", False),
    ],
)
def test_a_host_that_is_allowed_with_a_port_is_allowed_with_that_port_only(text: str, ours: bool) -> None:
    assert is_allowed_host(text, ALLOWED) is ours


@given(st.text(max_size=40))
def test_whatever_is_parsed_is_written_again_as_itself(text: str) -> None:
    parsed = parse_host(text)
    if parsed is not None:
        again = parsed.host if parsed.port is None else f"{parsed.host}:{parsed.port}"
        assert parse_host(again) == parsed


@given(before=st.text(max_size=10), after=st.text(max_size=10), host=st.sampled_from(NAMES))
def test_nothing_around_an_allowed_host_is_ignored(before: str, after: str, host: str) -> None:
    text = before + host + after
    if is_allowed_host(text, ALLOWED):
        parsed = parse_host(text)
        assert parsed is not None
        assert text.lower() in (parsed.host, f"{parsed.host}:{parsed.port}", "[::1]", f"[::1]:{parsed.port}")
