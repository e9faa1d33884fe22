"""Grants, clearances, and the one decision that all doors ask for."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dossier_realtime.protocol.authorization import (
    Basis,
    Fact,
    Grant,
    Identity,
    Remedy,
    Right,
    decide,
    decide_operator,
    may_see,
)
from dossier_realtime.protocol.channels import SHAPES
from dossier_realtime.protocol.classification import ChannelPolicy, ChannelSettings, Clearance

SEGMENTS = st.from_regex(r"[A-Za-z0-9_-]{1,12}", fullmatch=True)
CHANNELS = st.one_of(
    [st.tuples(st.just(namespace), *[SEGMENTS for _ in shape]).map(":".join) for namespace, shape in SHAPES.items()]
)
RIGHTS, LEVELS = st.sampled_from(list(Right)), st.sampled_from(list(Clearance))


def who(*permissions: str, clearance: Clearance = Clearance.SECRET) -> Identity:
    return Identity("ali", "Ali", "editor", None, Grant.parse_all(permissions), clearance, 0)


def at(level: Clearance, *, frozen: bool = False, raised: bool = False) -> ChannelSettings:
    return ChannelSettings(level, presence=True, history=True, frozen=frozen, raised=raised)


PUBLIC = at(Clearance.PUBLIC)


@pytest.mark.parametrize(
    ("permission", "channel", "right"),
    [
        ("read:dossier:country:*", "dossier:country:SA", Right.READ),
        ("read:dossier:country:*", "dossier:mou:1", None),
        ("write:document:42", "document:42", Right.WRITE),
        ("write:document:42", "document:43", None),
        ("admin:*", "workspace:1", Right.ADMIN),
        ("admin:*", "ops:nodes", Right.ADMIN),
        ("write:*", "ops:nodes", None),
        ("read:dossier:*:SA", "dossier:country:SA", Right.READ),
        ("read:dossier:*:SA", "dossier:country:FR", None),
        ("read:*:SA", "workspace:SA", Right.READ),
        ("write:user:*", "user:ali", Right.WRITE),
        ("read:workspace:1", "user:ali", Right.READ),
        ("read:workspace:1", "user:bea", None),
        ("read:workspace:1", "global", Right.READ),
    ],
)
def test_a_permission_reaches_where_its_pattern_does(permission: str, channel: str, right: Right | None) -> None:
    for asked in Right:
        allowed = decide(who(permission), asked, channel, PUBLIC).allowed
        assert allowed == (right is not None and asked <= right)


@given(CHANNELS, RIGHTS)
def test_without_a_grant_there_is_only_reading_global_and_ones_own(channel: str, right: Right) -> None:
    own = channel in ("global", "user:ali") and right is Right.READ
    assert decide(who(), right, channel, PUBLIC).allowed == own


@given(CHANNELS, RIGHTS, LEVELS, LEVELS)
def test_both_the_right_and_the_clearance_must_reach(
    channel: str, right: Right, clearance: Clearance, level: Clearance
) -> None:
    own = channel == "user:ali" and right is Right.READ
    access = decide(who("admin:*", clearance=clearance), right, channel, at(level))
    assert access.allowed == (own or clearance >= level)
    assert access.rule == ("own" if own else "grant" if access.allowed else "clearance")
    weaker = {Right.READ: "read", Right.WRITE: "read", Right.ADMIN: "write"}[right]
    if right is not Right.READ and not channel.startswith("ops:"):
        assert not decide(who(f"{weaker}:*", clearance=clearance), right, channel, at(level)).allowed


@given(CHANNELS, RIGHTS, LEVELS, LEVELS, st.booleans(), st.sets(st.sampled_from(["read:*", "write:*", "admin:*"])))
def test_the_remedies_of_a_refusal_are_enough_and_each_is_needed(
    channel: str, right: Right, clearance: Clearance, level: Clearance, frozen: bool, permissions: set[str]
) -> None:
    """Of each refusal what it says would have to change, changed: then it is allowed; with one of them left, not."""
    identity, settings = who(*permissions, clearance=clearance), at(level, frozen=frozen, raised=True)
    access = decide(identity, right, channel, settings)
    assert bool(access.remedies) == (not access.allowed)
    for left_out in (None, *access.remedies) if access.remedies else ():
        claims, changed = list(permissions), settings
        cleared = clearance
        for remedy in access.remedies:
            if remedy == left_out:
                continue
            match remedy:
                case Remedy("claim", "permissions", value):
                    claims.append(value)
                case Remedy("claim", "clearance", value):
                    cleared = Clearance.parse(value)
                case Remedy("setting", "frozen", "false"):
                    changed = at(level, raised=True)
                case _:
                    raise AssertionError(remedy)
        after = decide(who(*claims, clearance=cleared), right, channel, changed)
        # A channel may be frozen too: that comes to light once permission and clearance reach.
        assert (after.allowed or (after.rule == "frozen" and access.rule != "frozen")) == (left_out is None)


@pytest.mark.parametrize(
    ("permissions", "clearance", "right", "channel", "settings", "rule", "basis"),
    [
        ((), 1, Right.READ, "global", PUBLIC, "everybody", Basis("default", "read_global", "global")),
        ((), 0, Right.READ, "user:ali", at(Clearance.INTERNAL), "own", Basis("default", "own_channel", "user:ali")),
        (
            (),
            1,
            Right.READ,
            "user:ali",
            at(Clearance.SECRET, raised=True),
            "clearance",
            Basis("claim", "clearance", "internal"),
        ),
        (
            ("write:document:*",),
            1,
            Right.WRITE,
            "document:a",
            at(Clearance.INTERNAL, frozen=True),
            "frozen",
            Basis("setting", "frozen", "true"),
        ),
        (
            ("read:document:*",),
            1,
            Right.WRITE,
            "document:a",
            PUBLIC,
            "grant.write",
            Basis("claim", "permissions", "read:document:*"),
        ),
        (("write:*",), 3, Right.READ, "ops:nodes", PUBLIC, "ops", Basis("claim", "permissions", "write:*")),
        ((), 3, Right.READ, "ops:nodes", PUBLIC, "grant.read", Basis("claim", "permissions", "")),
        (("admin:*",), 3, Right.READ, "ops:nodes", PUBLIC, "grant", Basis("claim", "permissions", "admin:*")),
    ],
)
def test_a_decision_names_its_rule_and_what_decided(
    permissions: tuple[str, ...],
    clearance: int,
    right: Right,
    channel: str,
    settings: ChannelSettings,
    rule: str,
    basis: Basis,
) -> None:
    access = decide(who(*permissions, clearance=Clearance(clearance)), right, channel, settings)
    assert (access.rule, access.basis) == (rule, basis)


def test_calls_that_name_no_channel_need_the_whole() -> None:
    assert decide_operator(who("admin:*")).allowed
    for less in ("admin:dossier:*", "write:*", "admin:*:*"):
        access = decide_operator(who(less))
        assert (access.allowed, access.rule) == (False, "grant.all")
        assert access.remedies == (Remedy("claim", "permissions", "admin:*"),)


POLICY = ChannelPolicy([("dossier:secret:*", "secret"), ("global", "public")])


@pytest.mark.parametrize(
    ("grants", "clearance", "then", "now"),
    list(product([(), ("read:*",), ("admin:*",)], Clearance, Clearance, Clearance)),
)
def test_a_fact_is_seen_by_who_could_read_its_channel_then_and_now(
    grants: tuple[str, ...], clearance: Clearance, then: Clearance, now: Clearance
) -> None:
    seen = may_see(who(*grants, clearance=clearance), Fact(("document:a",), then), lambda channel: at(now))
    assert seen == (bool(grants) and clearance >= max(then, now))


def test_a_fact_of_several_channels_needs_all_of_them() -> None:
    fact = Fact(("dossier:country:SA", "dossier:secret:x"))
    assert may_see(who("read:*"), fact, POLICY.settings)
    assert not may_see(who("read:*", clearance=Clearance.INTERNAL), fact, POLICY.settings)
    assert not may_see(who("read:dossier:country:*"), fact, POLICY.settings)


def test_names_and_addresses_are_for_who_administers_all() -> None:
    fact = Fact(personal=True)
    assert may_see(who("admin:*", clearance=Clearance.PUBLIC), fact, POLICY.settings)
    assert not may_see(who("admin:dossier:*", "read:*"), fact, POLICY.settings)


def test_a_fact_of_no_channel_keeps_its_level() -> None:
    assert may_see(who(), Fact(level=Clearance.SECRET), POLICY.settings)
    assert not may_see(who(clearance=Clearance.INTERNAL), Fact(level=Clearance.SECRET), POLICY.settings)


@given(st.text(max_size=40))
def test_any_text_parses_or_is_dropped(text: str) -> None:
    grant = Grant.parse(text)
    assert grant is None or grant.text == text


def test_permissions_are_told_with_the_two_that_everybody_has() -> None:
    assert who("read:global", "write:*").permissions == ["read:global", "write:*", "read:user:ali"]


@pytest.mark.parametrize("label", ["public", "internal", "confidential", "secret"])
def test_a_clearance_is_its_word(label: str) -> None:
    assert Clearance.parse(label).label == label
    with pytest.raises(ValueError, match="classification"):
        Clearance.parse(label.upper())
