"""Operators' interventions as a service: each is recorded first, and none is done that was not recorded."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from app.core.instant import Instant
from app.core.ratelimit import RateLimiter
from app.engine.build import open_engine
from app.engine.limits import EngineLimits
from app.engine.ports.control import ControlCommand
from app.engine.ports.engine import Engine
from app.engine.ports.sessions import SessionRecord
from app.journal.acts import Act, RecordAct
from app.services.operators import Operators
from tests.harness.coroutine_tests import asynchronous

SESSION = SessionRecord("s1", "sami", "Sami", "editor", "127.0.0.1", "n1", 1.0, 0)
Intervention = Callable[[Operators, RecordAct], Awaitable[object]]
INTERVENTIONS: dict[str, Intervention] = {
    "end_session": lambda operators, act: operators.end_session("s1", act),
    "disconnect_user": lambda operators, act: operators.disconnect_user("sami", act),
    "lift_limits": lambda operators, act: operators.lift_limits("sami", 60, act),
    "restore_limits": lambda operators, act: operators.lift_limits("sami", 0, act),
    "revoke_token": lambda operators, act: operators.revoke_token("t1", act),
    "revoke_user": lambda operators, act: operators.revoke_user("sami", act),
}
"""Each intervention by the verb of its act."""


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[tuple[Engine, Operators, list[object]]]:
    """An engine with one session, its operators, and all that it is asked to do."""

    def clock() -> Instant:
        return Instant(time.monotonic(), time.time())

    engine = await open_engine("embedded", folder, limits=EngineLimits(), rates=RateLimiter(), clock=clock)
    done = list[object]()

    def carry_out(command: ControlCommand) -> None:
        done.append(command.kind)

    engine.control.start(carry_out)
    engine.revocations.start(lambda *revoked: done.append(revoked))
    await engine.sessions.open(SESSION, None, 10)
    try:
        yield engine, Operators(engine, clock, RateLimiter()), done
    finally:
        await engine.close()


@pytest.mark.parametrize("verb", INTERVENTIONS)
@asynchronous
async def test_an_intervention_is_recorded_before_it_is_done(tmp_path: Path, verb: str) -> None:
    async with opened(tmp_path) as (_, operators, done):
        recorded: list[str] = []

        async def act(about: Act) -> None:
            assert not done
            recorded.append(about.verb)

        await INTERVENTIONS[verb](operators, act)
        assert recorded == [verb]
        assert len(done) == 1


@pytest.mark.parametrize("verb", INTERVENTIONS)
@asynchronous
async def test_an_intervention_that_cannot_be_recorded_is_not_done(tmp_path: Path, verb: str) -> None:
    async with opened(tmp_path) as (engine, operators, done):

        async def full(_: Act) -> None:
            raise OSError("the journal is full")

        with pytest.raises(OSError, match="full"):
            await INTERVENTIONS[verb](operators, full)
        assert not done
        assert [record.session_id for record in await operators.sessions()] == ["s1"]
        assert not engine.revocations.is_revoked("sami", "t1", 1)


@asynchronous
async def test_each_intervention_tells_whether_it_changed_anything(tmp_path: Path) -> None:
    async def act(_: Act) -> None:
        pass

    async with opened(tmp_path) as (_, operators, _):
        assert not await operators.end_session("absent", act)
        assert await operators.disconnect_user("nobody", act) == 0
        assert await operators.lift_limits("sami", 0, act) == (None, False)
        assert await operators.revoke_token("t1", act)
        assert not await operators.revoke_token("t1", act)
