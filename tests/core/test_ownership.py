"""Ids of commitments and briefs belong to whom the domain says, not to who names them first."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.domain.ownership import Authority, Claim, bind, claim_on_brief, claim_on_commitment
from dossier_realtime.protocol.authorization import Grant, Identity
from dossier_realtime.protocol.classification import ChannelPolicy, Clearance

MOU, SERVICE, CHANNEL = Authority.MOU, Authority.SERVICE, Authority.CHANNEL
POLICY = ChannelPolicy([])

claims = st.builds(
    Claim, st.sampled_from(list(Authority)), st.sampled_from(["mal", "program"]), st.sampled_from(["m1", "m2"])
)


def who(*permissions: str, user: str = "program", clearance: Clearance = Clearance.INTERNAL) -> Identity:
    return Identity(user, user, "service", None, Grant.parse_all(permissions), clearance, 0)


@pytest.mark.parametrize(
    ("permissions", "mou", "authority"),
    [
        (("write:user:mal",), "m1", CHANNEL),
        (("write:user:mal", "read:*"), "m1", CHANNEL),
        (("write:user:*",), "m1", SERVICE),
        (("write:*",), "m1", MOU),
        (("write:user:mal", "write:dossier:mou:m1"), "m1", MOU),
        (("write:user:mal", "write:dossier:mou:m1"), "m2", CHANNEL),
        (("write:user:*", "write:dossier:mou:m1"), "m2", SERVICE),
        (("write:user:*", "write:dossier:mou:*"), "no segment", SERVICE),
    ],
)
def test_authority_is_of_the_mou_then_of_all_users_then_of_one_channel(
    permissions: tuple[str, ...], mou: str, authority: Authority
) -> None:
    assert claim_on_commitment(who(*permissions), mou, POLICY) == Claim(authority, "program", mou)
    assert claim_on_brief(who(*permissions)).authority == min(
        authority if "write:user:*" in permissions or "write:*" in permissions else CHANNEL, SERVICE
    )


def test_the_clearance_for_the_mou_is_asked_for_too() -> None:
    secret = ChannelPolicy([("dossier:mou:*", "secret")])
    permissions = ("write:user:mal", "write:dossier:mou:m1")
    assert claim_on_commitment(who(*permissions), "m1", secret).authority is CHANNEL
    assert claim_on_commitment(who(*permissions, clearance=Clearance.SECRET), "m1", secret).authority is MOU


@given(st.lists(claims, min_size=1, max_size=8))
def test_what_an_mou_or_a_program_named_stays_its_own(said: list[Claim]) -> None:
    known: Claim | None = None
    for claim in said:
        after = bind(known, claim)
        if known is not None and known.authority > CHANNEL:
            allowed = claim.mou_id == known.mou_id and claim.authority >= known.authority
            assert (after is not None) == allowed
        if known is not None and known.authority is CHANNEL and claim.authority is CHANNEL:
            assert (after is not None) == (claim == known)
        if known is not None and after is not None:
            assert after.authority >= known.authority
        known = after or known


@pytest.mark.parametrize("first", list(Authority))
def test_who_writes_one_channel_never_speaks_for_what_others_named(first: Authority) -> None:
    assert bind(Claim(first, "program", "m1"), Claim(CHANNEL, "mal", "m1")) is None


def test_a_brief_is_its_first_programs_unless_that_could_only_write_one_channel() -> None:
    service, other, person = Claim(SERVICE, "writer"), Claim(SERVICE, "other"), Claim(CHANNEL, "mal")
    assert bind(None, person) == person
    assert bind(service, service) == service
    assert bind(service, other) is None
    assert bind(service, person) is None
    assert bind(person, service) == service
