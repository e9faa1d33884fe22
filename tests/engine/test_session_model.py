"""The store of sessions against a simple model, on every backend: resuming, ending, limits, time and restarts."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from app.core.ratelimit import RateLimiter
from app.engine.build import open_engine
from app.engine.limits import EngineLimits
from app.engine.options import EngineOptions
from app.engine.ports.engine import Engine
from app.engine.ports.errors import TooManyConnections
from app.engine.ports.sessions import OpenedSession, SessionRecord
from tests.engine.conftest import Clock
from tests.harness.redis_server import RedisServer

LIMIT, WINDOW = 2, 900.0
USERS = ("u0", "u1")
T = TypeVar("T")


class Holder(NamedTuple):
    """A connection that once opened a session: what it closes when it ends."""

    session_id: str
    reconnects: int


class Known:
    """A session as the model knows it. `ended`: seconds of the test's clock, None while it is open."""

    def __init__(self, user: str) -> None:
        self.user, self.count = user, 0
        self.ended: float | None = None


class SessionStore(RuleBasedStateMachine):
    """Old connections end late, twice, and after others have taken their sessions over: none of it matters."""

    setting = "embedded"

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = TemporaryDirectory()
        self.clock, self.ids = Clock(), itertools.count()
        self.known: dict[str, Known] = {}
        self.holders: list[Holder] = []
        self.opened: AbstractAsyncContextManager[Engine]
        self.engine: Engine
        self._open()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def _open(self) -> None:
        @asynccontextmanager
        async def opened() -> AsyncIterator[Engine]:
            limits = EngineLimits(resume_seconds=WINDOW)
            where = Path(self.folder.name)
            options = EngineOptions(prefix=where.name)
            engine = await open_engine(
                self.setting, where, limits=limits, rates=RateLimiter(), clock=self.clock, options=options
            )
            try:
                yield engine
            finally:
                await engine.close()

        self.opened = opened()
        self.engine = self.run(self.opened.__aenter__())

    def _close(self) -> None:
        self.run(self.opened.__aexit__(None, None, None))

    def teardown(self) -> None:
        self._close()
        self.runner.close()
        self.folder.cleanup()

    def _others(self, user: str, session_id: str) -> int:
        return sum(one.user == user and one.ended is None and key != session_id for key, one in self.known.items())

    @rule(user=st.sampled_from(USERS), number=st.integers(-1, 6))
    def open(self, user: str, number: int) -> None:
        """With number -1 a new session; else the one of that number, whosever it is, or one that never was."""
        resume = None if number < 0 else [*self.known, "never-was"][number % (len(self.known) + 1)]
        fresh = f"s{next(self.ids)}"
        found = self.known.get(resume or "")
        usable = found is not None and found.user == user
        if usable and found is not None and found.ended is not None:
            usable = self.clock.passed - found.ended < WINDOW
        session_id = resume if usable and resume is not None else fresh
        record = SessionRecord(fresh, user, "Name", "editor", "192.0.2.1", "n1", 1000.0, 0)
        if self._others(user, session_id) >= LIMIT:
            with pytest.raises(TooManyConnections):
                self.run(self.engine.sessions.open(record, resume, LIMIT))
            return
        one = self.known[session_id] if usable else Known(user)
        displaced = "n1" if usable and one.ended is None else None
        one.count, one.ended = one.count + usable, None
        self.known[session_id] = one
        self.holders.append(Holder(session_id, one.count))
        assert self.run(self.engine.sessions.open(record, resume, LIMIT)) == OpenedSession(
            session_id, one.count, displaced
        )

    @rule(number=st.integers(0, 20))
    def end(self, number: int) -> None:
        """A connection of before ends, whether its session is still its own or not."""
        if self.holders:
            holder = self.holders[number % len(self.holders)]
            self.run(self.engine.sessions.close(*holder))
            one = self.known[holder.session_id]
            if one.count == holder.reconnects and one.ended is None:
                one.ended = self.clock.passed

    @rule(seconds=st.sampled_from([1.0, 400.0, 1000.0]))
    def wait(self, seconds: float) -> None:
        self.clock.passed += seconds

    @rule()
    def restart(self) -> None:
        self._close()
        for one in self.known.values():
            one.ended = self.clock.passed if one.ended is None else one.ended
        self._open()

    @invariant()
    def what_is_listed_is_what_is_open(self) -> None:
        rows = self.run(self.engine.sessions.sessions())
        found = {(row.session_id, row.user_id, row.reconnect_count) for row in rows}
        assert found == {(key, one.user, one.count) for key, one in self.known.items() if one.ended is None}
        assert len(rows) == len(found)


class SharedSessionStore(SessionStore):
    """The same on a server that nodes share."""


@pytest.fixture(autouse=True)
def _shared(redis_server: RedisServer) -> None:
    SharedSessionStore.setting = redis_server.url


TestSessionStore = SessionStore.TestCase
TestSessionStore.settings = settings(max_examples=60, stateful_step_count=30)
TestSharedSessionStore = SharedSessionStore.TestCase
TestSharedSessionStore.settings = settings(max_examples=40, stateful_step_count=30)
