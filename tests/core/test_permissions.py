"""Grants, clearances, and what everybody has."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.permissions import Clearance, Grant, Identity, Right
from dossier_realtime.protocol.channels import SHAPES

SEGMENTS = st.from_regex(r"[A-Za-z0-9_-]{1,12}", fullmatch=True)
CHANNELS = st.one_of(
    [st.tuples(st.just(namespace), *[SEGMENTS for _ in shape]).map(":".join) for namespace, shape in SHAPES.items()]
)


def who(*permissions: str, clearance: Clearance = Clearance.SECRET) -> Identity:
    grants = tuple(grant for text in permissions if (grant := Grant.parse(text)) is not None)
    return Identity("ali", "Ali", "editor", None, grants, clearance, 0)


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
    assert who(permission).right_on(channel) == right


@given(CHANNELS)
def test_without_a_grant_there_is_only_global_and_ones_own(channel: str) -> None:
    own = channel in ("global", "user:ali")
    assert who().right_on(channel) == (Right.READ if own else None)


@given(CHANNELS, st.sampled_from(list(Right)), st.sampled_from(list(Clearance)), st.sampled_from(list(Clearance)))
def test_both_the_right_and_the_clearance_must_reach(
    channel: str, right: Right, clearance: Clearance, level: Clearance
) -> None:
    assert who("admin:*", clearance=clearance).may(right, channel, level) == (clearance >= level)
    weaker = {Right.READ: "read", Right.WRITE: "read", Right.ADMIN: "write"}[right]
    if right is not Right.READ and not channel.startswith("ops:"):
        assert not who(f"{weaker}:*", clearance=clearance).may(right, channel, level)


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
