"""The client's address behind proxies: read from the right, as far as trusted proxies wrote it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dossier_realtime.protocol.http.forwarded import bucket, client_address, networks, parse

TRUSTED = networks(["10.0.0.0/8", "192.0.2.7", "fd00::/8"])


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("203.0.113.9", [], "203.0.113.9"),
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["6.6.6.6, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["6.6.6.6, 198.51.100.1, 10.2.0.1, 192.0.2.7"], "198.51.100.1"),
        ("10.0.0.1", ["6.6.6.6", "198.51.100.1 ,10.2.0.1"], "198.51.100.1"),
        ("10.0.0.1", ["10.3.0.1, 10.2.0.1"], "10.3.0.1"),
        ("10.0.0.1", ["198.51.100.1:4711"], "198.51.100.1"),
        ("10.0.0.1", ["[2001:db8::1]:4711"], "2001:db8::1"),
        ("10.0.0.1", ["2001:DB8::1"], "2001:db8::1"),
        ("fd00::1", ["2001:db8::1%eth0"], "2001:db8::1"),
        ("::ffff:10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["::ffff:10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", ["198.51.100.1, unknown, 10.2.0.1"], "10.2.0.1"),
        ("10.0.0.1", ["198.51.100.1, "], "10.0.0.1"),
        ("10.0.0.1", ["'; DROP TABLE"], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1:99999"], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1:¹"], "10.0.0.1"),
        ("0.0.0.0", ["198.51.100.1"], "0.0.0.0"),
    ],
)
def test_the_first_address_from_the_right_that_is_no_trusted_proxy(
    peer: str, forwarded: list[str], client: str
) -> None:
    assert client_address(peer, forwarded, TRUSTED) == client


def test_without_trusted_proxies_nothing_is_believed() -> None:
    assert client_address("127.0.0.1", ["198.51.100.1"], ()) == "127.0.0.1"


addresses = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str)
entries = st.one_of(addresses, st.just("10.1.2.3"), st.text(max_size=20))


@given(st.lists(entries, max_size=8), addresses)
def test_whatever_a_client_sends_it_is_known_by_the_address_it_came_from(claimed: list[str], address: str) -> None:
    """The part that the first trusted proxy appends stands right of everything that the client wrote."""
    client = parse(address)
    for hops in ([], ["10.0.0.9"], ["192.0.2.7", "10.0.0.9"]):
        seen = client_address("10.0.0.1", [*claimed, ", ".join([address, *hops])], TRUSTED)
        if client_address(address, [], TRUSTED) == address and not any(client in network for network in TRUSTED):
            assert seen == str(client)


@given(st.text(max_size=40), st.lists(st.text(max_size=40), max_size=6))
def test_any_headers_give_an_address_and_never_an_error(peer: str, forwarded: list[str]) -> None:
    found = client_address(peer, forwarded, TRUSTED)
    assert found == peer or parse(found) is not None


def test_an_ipv6_host_counts_with_its_network() -> None:
    assert bucket("2001:db8:1:2:3:4:5:6") == bucket("2001:db8:1:2::1") == "2001:db8:1:2::/64"
    assert bucket("2001:db8:1:3::1") != bucket("2001:db8:1:2::1")
    assert bucket("203.0.113.9") == "203.0.113.9" == bucket("::ffff:203.0.113.9")


@given(st.ip_addresses(v=6), st.integers(0, (1 << 64) - 1))
def test_what_a_host_may_choose_of_its_address_changes_nothing(address: object, host: int) -> None:
    from ipaddress import IPv6Address

    other = IPv6Address(int(IPv6Address(str(address))) >> 64 << 64 | host)
    if parse(str(address)) == address and parse(str(other)) == other:
        assert bucket(str(address)) == bucket(str(other))
