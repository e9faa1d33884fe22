"""Places of connections: counted by address and in all, given back once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.web.transport.body_quota import BodyQuota
from app.web.transport.connection_quota import AddressLimits, ConnectionQuota, Ticket
from dossier_realtime.protocol.http.forwarded import networks


def test_the_connection_past_the_bound_is_told_and_those_far_past_it_are_closed() -> None:
    addresses = ConnectionQuota(AddressLimits(connections=2))
    tickets = [addresses.acquire("198.51.100.1", 0.0) for _ in range(270)]
    told = [None if ticket is None else ticket.is_over for ticket in tickets]
    assert told == [False] * 2 + [True] * 256 + [None] * 12
    assert addresses.acquire("198.51.100.2", 0.0) is not None


def test_past_the_process_bound_everybody_is_told_and_then_closed() -> None:
    addresses = ConnectionQuota(AddressLimits(total=3))
    tickets = [addresses.acquire(f"198.51.100.{number}", 0.0) for number in range(80)]
    assert [None if ticket is None else ticket.is_full for ticket in tickets] == [False] * 3 + [True] * 64 + [None] * 13


def test_connections_of_an_ipv6_network_count_together() -> None:
    addresses = ConnectionQuota(AddressLimits(connections=1))
    first, second = addresses.acquire("2001:db8::1", 0.0), addresses.acquire("2001:db8::2", 0.0)
    assert first is not None
    assert second is not None
    assert (first.is_over, second.is_over) == (False, True)


def test_behind_a_trusted_proxy_the_client_counts_and_not_the_proxy() -> None:
    addresses = ConnectionQuota(AddressLimits(connections=1), networks(["10.0.0.0/8"]))
    for client, admitted in (("198.51.100.1", True), ("198.51.100.2", True), ("198.51.100.1", False)):
        ticket = addresses.acquire("10.0.0.1", 0.0)
        assert ticket is not None
        assert addresses.admit_handshake(ticket, addresses.client("10.0.0.1", [client]), 0.0) == admitted


def test_handshakes_and_requests_of_strangers_are_counted_by_the_second() -> None:
    addresses = ConnectionQuota(AddressLimits(handshakes_per_second=2, strangers_per_second=3, accepts_per_second=4))
    assert [addresses.acquire("198.51.100.1", 0.4) is None for _ in range(5)] == [False] * 4 + [True]
    ticket = Ticket("198.51.100.1")
    assert [addresses.admit_handshake(ticket, "198.51.100.1", 0.5) for _ in range(3)] == [True, True, False]
    assert [addresses.admit_anonymous("198.51.100.1", 0.6) for _ in range(4)] == [True, True, True, False]
    assert addresses.admit_anonymous("198.51.100.1", 1.7)
    assert addresses.admit_handshake(ticket, "198.51.100.1", 1.8)


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=60))
def test_a_place_is_given_back_once_and_no_account_is_kept_of_who_left(steps: list[tuple[int, bool]]) -> None:
    addresses, tickets = ConnectionQuota(AddressLimits(connections=3, total=6)), list[Ticket]()
    for number, leaves in steps:
        if leaves and tickets:
            addresses.release(tickets[number % len(tickets)])
        elif (ticket := addresses.acquire(f"198.51.100.{number}", 0.0)) is not None:
            tickets.append(ticket)
        assert addresses.open == sum(not ticket.is_released for ticket in tickets)
    for ticket in tickets:
        addresses.release(ticket)
    assert addresses.open == 0
    again = addresses.acquire("198.51.100.0", 5.0)
    assert again is not None
    assert not again.is_over


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 9)), max_size=40))
def test_bodies_in_memory_are_bounded_for_one_user_and_in_all(pieces: list[tuple[str, int]]) -> None:
    bodies, held = BodyQuota(total=20, per_user=10), dict[str, int]()
    for user, size in pieces:
        if bodies.take(user, size):
            held[user] = held.get(user, 0) + size
        assert bodies.held == sum(held.values()) <= 20
        assert max(held.values(), default=0) <= 10
    for user, size in held.items():
        bodies.release(user, size)
    assert bodies.held == 0
