"""Sessions over real sockets and the real engine, against a simple model: who owns what after any order of events."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, TypeVar
from uuid import uuid4

import httpx
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from app.lifecycle import Service
from tests.harness import tokens
from tests.harness.coroutine_tests import asynchronous
from tests.harness.eventually import HANG_SECONDS, eventually_async
from tests.harness.in_process import Gate, running
from tests.harness.wire import Client, Message

LIMIT = 3
REVOKED, CONNECTION_LIMIT, REPLACED = 4501, 4503, 4504
ROOMY = {
    "limits.connections_per_user": LIMIT,
    "limits.connections_per_address": 100_000,
    "limits.handshakes_per_second": 100_000,
    "limits.strangers_per_second": 100_000,
    "limits.general": 1_000_000,
    "limits.ping": 1_000_000,
    "limits.read": 1_000_000,
}
T = TypeVar("T")
_users = itertools.count()


@dataclass
class Known:
    """A session as the model knows it: how often it came back, and its connection while it has one."""

    reconnects: int = 0
    client: Client | None = None


@dataclass
class User:
    name: str
    sessions: dict[str, Known] = field(default_factory=dict)

    @property
    def open(self) -> dict[str, Known]:
        return {session_id: known for session_id, known in self.sessions.items() if known.client is not None}


class Sessions(RuleBasedStateMachine):
    """However connections resume, close, break or are ended, a session belongs to its newest connection."""

    runner: ClassVar[asyncio.Runner]
    service: ClassVar[Service]
    operator: ClassVar[httpx.AsyncClient]

    def __init__(self) -> None:
        super().__init__()
        number = next(_users)
        self.users = [User(f"one-{number}"), User(f"other-{number}")]
        self.channel = f"workspace:{number}"
        self.gone: list[Client] = []

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def teardown(self) -> None:
        async def close() -> None:
            for client in [*self.gone, *(known.client for user in self.users for known in user.open.values())]:
                assert client is not None
                await client.close()

        self.run(close())

    # --- what happens -------------------------------------------------------------------------------------------------

    async def _authenticate(self, user: User, resume: str | None) -> None:
        """Connect, and let the model follow."""
        known = user.sessions.get(resume or "")
        others = len(user.open) - (known is not None and known.client is not None)
        client = await Client.unauthenticated(self.service)
        token = tokens.token(user.name, "write:workspace:*")
        if others >= LIMIT:
            payload: Message = {"token": token, "session_id": resume} if resume else {"token": token}
            await client.send({"type": "auth", "payload": payload})
            await client.expect_close(CONNECTION_LIMIT)
            await client.close()
            return
        state = await client.authenticate(token, resume)
        if known is None:
            assert state["reconnect_count"] == 0
            assert state["session_id"] not in {key for one in self.users for key in one.sessions}
            known = user.sessions[state["session_id"]] = Known()
        else:
            known.reconnects += 1
            assert (state["session_id"], state["reconnect_count"]) == (resume, known.reconnects)
        before, known.client = known.client, client
        if before is not None:
            await before.expect_close(REPLACED)
            self.gone.append(before)  # its socket may still be closing
        await client.subscribe(self.channel, include_presence=True)

    @rule(who=st.sampled_from([0, 1]))
    def connect(self, who: int) -> None:
        self.run(self._authenticate(self.users[who], None))

    @rule(who=st.sampled_from([0, 1]), number=st.integers(0, 5))
    def resume(self, who: int, number: int) -> None:
        """A session of theirs, open or ended; or one that never was."""
        ids = [*self.users[who].sessions, "never-was"]
        self.run(self._authenticate(self.users[who], ids[number % len(ids)]))

    @precondition(lambda self: self.users[1].sessions)
    @rule()
    def resume_what_is_anothers(self) -> None:
        self.run(self._authenticate(self.users[0], next(iter(self.users[1].sessions))))

    @rule(who=st.sampled_from([0, 1]), number=st.integers(0, 5), how=st.sampled_from(["close", "drop", "reset"]))
    def end(self, who: int, number: int, how: str) -> None:
        known = self._chosen(who, number)
        if known is None or known.client is None:
            return
        client, known.client = known.client, None
        if how == "close":
            self.run(client.close())
        else:
            if how == "reset":
                client.raw.reset()
            self.run(client.drop())

    @rule(who=st.sampled_from([0, 1]), number=st.integers(0, 5))
    def end_by_an_operator(self, who: int, number: int) -> None:
        known = self._chosen(who, number)
        if known is None or known.client is None:
            return
        client, known.client = known.client, None
        session_id = next(key for key, one in self.users[who].sessions.items() if one is known)

        async def end() -> None:
            answer = await self.operator.delete(f"/sessions/{session_id}")
            assert answer.json() == {"ended": 1}
            await client.expect_close(REVOKED)
            await client.close()

        self.run(end())

    def _chosen(self, who: int, number: int) -> Known | None:
        found = list(self.users[who].open.values())
        return found[number % len(found)] if found else None

    # --- what holds ---------------------------------------------------------------------------------------------------

    @invariant()
    def what_is_listed_is_what_is_open(self) -> None:
        async def look() -> None:
            names = {user.name for user in self.users}
            expected = sorted((key, one.reconnects) for user in self.users for key, one in user.open.items())

            async def listed() -> bool:
                rows = (await self.operator.get("/sessions")).json()["sessions"]
                found = [row for row in rows if row["user_id"] in names]
                attached = all(row.get("channels") == [f"user:{row['user_id']}", self.channel] for row in found)
                return attached and sorted((row["session_id"], row["reconnect_count"]) for row in found) == expected

            await eventually_async(listed, lambda: expected)

        self.run(look())

    @invariant()
    def every_open_connection_receives_each_event_once(self) -> None:
        clients = [known.client for user in self.users for known in user.open.values() if known.client is not None]
        if not clients:
            return

        async def publish() -> None:
            payload = {
                "task_id": uuid4().hex,
                "previous_status": "pending",
                "new_status": "in_progress",
                "assigned_to": "u",
            }
            answer = await clients[0].ask({"type": "task_update", "channel": self.channel, "payload": payload})
            assert answer["type"] == "ack", answer
            for client in clients:
                assert (await client.receive("task_update"))["offset"] == answer["offset"]
                assert not [m for m in await client.settle() if m["type"] == "task_update"]
            roster = (await self.operator.get(f"/channels/{self.channel}/presence")).json()["presence"]
            here = {row["user_id"] for row in roster["users"]}
            assert here >= {user.name for user in self.users if user.open}

        self.run(publish())


def test_a_session_is_its_newest_connections_in_every_respect(tmp_path: Path) -> None:
    with asyncio.Runner() as runner:
        manager = running(tmp_path / "data", ROOMY)
        service = runner.run(manager.__aenter__())
        operator = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{service.port}/v1",
            headers={"Authorization": f"Bearer {tokens.operator()}"},
            timeout=HANG_SECONDS,
        )
        try:
            machine = type("Machine", (Sessions,), {"runner": runner, "service": service, "operator": operator})
            # Without shrinking: a fact that does not come is waited for, for minutes, at every try.
            run_state_machine_as_test(
                machine,
                settings=settings(
                    max_examples=25,
                    stateful_step_count=20,
                    suppress_health_check=list(HealthCheck),
                    phases=[Phase.generate],
                ),
            )
        finally:
            runner.run(operator.aclose())
            runner.run(manager.__aexit__(None, None, None))


@asynchronous
async def test_who_joins_while_the_last_one_leaves_is_told_of_presence(tmp_path: Path) -> None:
    async with running(tmp_path / "data") as service:
        channel = "workspace:shared"
        last = await Client.connect(service, tokens.token("last", "read:*"))
        await last.subscribe(channel)
        coming = await Client.connect(service, tokens.token("coming", "read:*"))
        gate = Gate(service.engine.presence, "enter", after=True)
        await coming.send({"type": "subscribe", "channel": channel, "params": {"include_presence": True}})
        await gate.wait_reached()
        await last.close()
        await eventually_async(lambda: not service.node.hub.members(channel))
        await service.node.background.settle(0.1)
        gate.open()
        await coming.receive("subscribed")
        await coming.send({"type": "presence_update", "channel": channel, "payload": {"activity": "editing"}})
        assert (await coming.receive("presence_update"))["payload"]["user_id"] == "coming"
        await coming.close()
