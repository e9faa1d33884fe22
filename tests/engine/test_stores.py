"""The guarantees that every backend gives of sessions, revocations, settings, rates and orders."""

from __future__ import annotations

import asyncio

import pytest

from app.engine.ports.control import ControlCommand
from app.engine.ports.errors import TooManyConnections
from app.engine.ports.sessions import OpenedSession, SessionRecord
from dossier_realtime.protocol.classification import ChannelSettings, Clearance
from tests.engine.conftest import Opener
from tests.engine.events import CHANNEL, OTHER


def _record(session_id: str, user: str = "u1", node: str = "n1") -> SessionRecord:
    return SessionRecord(session_id, user, "Name", "editor", "192.0.2.1", node, 1000.0, 0)


# Sessions


def test_a_session_is_listed_from_its_opening_to_its_end(opened: Opener) -> None:
    async def scenario() -> None:
        async with opened() as engine:
            assert await engine.sessions.open(_record("s1"), None, 10) == OpenedSession("s1", 0, None)
            await engine.sessions.open(_record("s2", "u2"), None, 10)
            assert await engine.sessions.sessions() == [_record("s1"), _record("s2", "u2")]
            await engine.sessions.close("s1", 0)
            await engine.sessions.close("s1", 0)
            assert await engine.sessions.sessions() == [_record("s2", "u2")]

    asyncio.run(scenario())


def test_an_ended_session_is_resumed_under_its_id_and_counts_its_returns(opened: Opener) -> None:
    async def scenario() -> None:
        async with opened() as engine:
            await engine.sessions.open(_record("s1"), None, 10)
            for count in (1, 2, 3):
                await engine.sessions.close("s1", count - 1)
                resumed = await engine.sessions.open(_record(f"new{count}"), "s1", 10)
                assert resumed == OpenedSession("s1", count, None)
            (record,) = await engine.sessions.sessions()
            assert (record.session_id, record.reconnect_count) == ("s1", 3)

    asyncio.run(scenario())


def test_a_session_is_resumed_after_a_restart_whether_it_had_ended_or_not(opened: Opener) -> None:
    async def scenario() -> None:
        async with opened() as engine:
            await engine.sessions.open(_record("ended"), None, 10)
            await engine.sessions.open(_record("open"), None, 10)
            await engine.sessions.close("ended", 0)
        async with opened() as engine:
            assert await engine.sessions.sessions() == []
            assert await engine.sessions.open(_record("x"), "ended", 10) == OpenedSession("ended", 1, None)
            assert await engine.sessions.open(_record("y"), "open", 10) == OpenedSession("open", 1, None)

    asyncio.run(scenario())


@pytest.mark.parametrize("resume", ["s1", "never-was"])
def test_what_is_not_the_users_own_session_is_not_resumed(opened: Opener, resume: str) -> None:
    async def scenario() -> None:
        async with opened() as engine:
            await engine.sessions.open(_record("s1", "u1"), None, 10)
            assert await engine.sessions.open(_record("s2", "u2"), resume, 10) == OpenedSession("s2", 0, None)
            await engine.sessions.close("s1", 0)
            assert await engine.sessions.open(_record("s3", "u2"), resume, 10) == OpenedSession("s3", 0, None)

    asyncio.run(scenario())


def test_resuming_an_open_session_displaces_the_older_connection(opened: Opener) -> None:
    async def scenario() -> None:
        async with opened() as engine:
            await engine.sessions.open(_record("s1", node="n1"), None, 1)
            assert await engine.sessions.open(_record("s2", node="n2"), "s1", 1) == OpenedSession("s1", 1, "n1")
            await engine.sessions.close("s1", 0)  # of the displaced one: the session is no longer its own
            (record,) = await engine.sessions.sessions()
            assert (record.session_id, record.node) == ("s1", "n2")

    asyncio.run(scenario())


def test_a_user_has_no_more_sessions_than_the_limit(opened: Opener) -> None:
    async def scenario() -> None:
        async with opened() as engine:
            await engine.sessions.open(_record("s1"), None, 2)
            await engine.sessions.open(_record("s2"), None, 2)
            with pytest.raises(TooManyConnections):
                await engine.sessions.open(_record("s3"), None, 2)
            await engine.sessions.open(_record("other", "u2"), None, 2)
            await engine.sessions.close("s1", 0)
            assert (await engine.sessions.open(_record("s3"), None, 2)).session_id == "s3"
            with pytest.raises(TooManyConnections):  # and s1 can be resumed later
                await engine.sessions.open(_record("s4"), "s1", 2)
            await engine.sessions.close("s2", 0)
            assert await engine.sessions.open(_record("s4"), "s1", 2) == OpenedSession("s1", 1, None)

    asyncio.run(scenario())


# Revocations


@pytest.mark.parametrize(
    ("token_id", "issued_at", "revoked"),
    [
        ("t1", 5000, True),  # by its id, whenever it was issued
        ("t2", 999, True),
        ("t2", 1000, True),
        ("t2", 1001, False),
        (None, 1001, False),
        (None, 1000, True),
        ("t2", None, True),  # no time of issue counts as before
    ],
)
def test_a_token_is_shut_out_by_its_id_or_by_its_user_also_after_a_restart(
    opened: Opener, token_id: str | None, issued_at: int | None, revoked: bool
) -> None:
    async def scenario() -> None:
        async with opened() as engine:
            assert not engine.revocations.is_revoked("u1", token_id, issued_at)
            await engine.revocations.revoke(token_id="t1", user_id=None, at=1000.5)
            await engine.revocations.revoke(token_id=None, user_id="u1", at=1000.5)
            await engine.revocations.revoke(token_id=None, user_id="u1", at=900.0)  # never takes back
            assert engine.revocations.is_revoked("u1", token_id, issued_at) is revoked
            assert engine.revocations.is_revoked("u2", token_id, issued_at) is (token_id == "t1")
        async with opened() as engine:
            assert engine.revocations.is_revoked("u1", token_id, issued_at) is revoked

    asyncio.run(scenario())


def test_a_revocation_is_told_once_it_holds(opened: Opener) -> None:
    async def scenario() -> None:
        async with opened() as engine:
            told: list[tuple[str | None, str | None, float, bool]] = []
            engine.revocations.start(
                lambda token, user, at: told.append(
                    (token, user, at, engine.revocations.is_revoked(user or "", token, None))
                )
            )
            await engine.revocations.revoke(token_id="t1", user_id=None, at=5.0)
            await engine.revocations.revoke(token_id=None, user_id="u1", at=6.0)
            assert told == [("t1", None, 5.0, True), (None, "u1", 6.0, True)]

    asyncio.run(scenario())


# ChannelSettings


def test_settings_are_told_when_they_change_and_again_after_a_restart(opened: Opener) -> None:
    async def scenario() -> None:
        first = ChannelSettings(Clearance.SECRET, presence=True, history=False, frozen=True)
        second = ChannelSettings(Clearance.PUBLIC, presence=False, history=True)
        told: list[tuple[str, ChannelSettings]] = []
        async with opened() as engine:
            engine.settings.start(lambda channel, settings: told.append((channel, settings)))
            await engine.settings.put(CHANNEL, first)
            assert told == [(CHANNEL, first)]
            await engine.settings.put(CHANNEL, second)
            await engine.settings.put(OTHER, first)
            assert told[1:] == [(CHANNEL, second), (OTHER, first)]
        told.clear()
        async with opened() as engine:
            engine.settings.start(lambda channel, settings: told.append((channel, settings)))
            assert dict(told) == {CHANNEL: second, OTHER: first}

    asyncio.run(scenario())


# Rates and orders


def test_a_message_can_be_judged_once_it_is_covered(opened: Opener) -> None:
    async def scenario() -> None:
        async with opened() as engine:
            if not engine.rates.covered("u1", "editor", "general", 0.0):
                await engine.rates.cover("u1", "editor", "general")
            assert engine.rates.covered("u1", "editor", "general", 0.0)
            assert engine.rates.limiter.spend("u1", "editor", "general", 0.0).allowed

    asyncio.run(scenario())


def test_an_order_is_carried_out_on_its_own_node_before_the_call_returns(opened: Opener) -> None:
    async def scenario() -> None:
        async with opened() as engine:
            carried_out: list[ControlCommand] = []
            engine.control.start(carried_out.append)
            order = ControlCommand("end_user", "u1", reason="kicked")
            await engine.control.send(order)
            assert carried_out == [order]

    asyncio.run(scenario())
