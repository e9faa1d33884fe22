"""Links admit one guest each, once, in time; links and guests are bounded."""

from __future__ import annotations

from app.services.room.guests import MAX_GUESTS, Guests, OperatorLogin
from app.services.room.one_time_keys import KEY_SECONDS, MAX_KEYS


class Clock:
    """A wall clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def _guests(clock: Clock) -> Guests:
    return Guests(lambda guest: f"token of {guest.user_id}", clock)


def test_a_link_admits_one_guest_once() -> None:
    guests = _guests(Clock())
    key = guests.link()
    entry = guests.admit(key)
    assert entry is not None
    assert entry.token == f"token of {entry.guest.user_id}"
    assert guests.admit(key) is None
    assert guests.admit("unknown") is None
    assert guests.admit("") is None


def test_a_link_is_void_after_its_time() -> None:
    clock = Clock()
    guests = _guests(clock)
    early, late = guests.link(), guests.link()
    clock.now += KEY_SECONDS - 1
    assert guests.admit(early) is not None
    clock.now += 1
    assert guests.admit(late) is None


def test_a_guest_renews_the_token_and_makes_links_and_no_other_key_does() -> None:
    guests = _guests(Clock())
    link = guests.link()
    entry = guests.admit(link)
    assert entry is not None
    assert guests.renew(entry.pass_key) == entry.token
    other = guests.admit(guests.link_by(entry.pass_key) or "")
    assert other is not None
    assert other.guest.user_id != entry.guest.user_id
    assert other.guest.name != entry.guest.name
    for wrong in (link, entry.token, entry.guest.user_id, "", "\ud800"):
        assert guests.renew(wrong) is None
        assert guests.link_by(wrong) is None


def test_links_and_guests_are_bounded_and_the_oldest_go_first() -> None:
    guests = _guests(Clock())
    links = [guests.link() for _ in range(MAX_KEYS + 1)]
    assert guests.admit(links[0]) is None
    entries = [guests.admit(link) for link in links[1:]]
    entries += [guests.admit(guests.link()) for _ in range(MAX_GUESTS)]
    known = [entry for entry in entries if entry is not None and guests.renew(entry.pass_key)]
    assert known == entries[-MAX_GUESTS:]


def test_a_link_into_the_dashboard_gives_the_operators_token_once() -> None:
    login = OperatorLogin(lambda: "the operator's token", Clock())
    key = login.link()
    assert login.token("unknown") is None
    assert login.token(key) == "the operator's token"
    assert login.token(key) is None
