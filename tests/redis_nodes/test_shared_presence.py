"""Presence over two nodes: one order of changes, one user over both, first come for fields."""

from __future__ import annotations

import asyncio
import random

import pytest
from msgspec import UNSET

from app.core.field_locks import MAX_LOCKS, TooManyLocksError
from dossier_realtime.protocol.commands import PresenceChange
from dossier_realtime.protocol.documents.field_locks import LockState
from dossier_realtime.protocol.events import PresenceJoin, PresenceLeave, PresenceUpdate
from dossier_realtime.protocol.responses import PresentUser
from tests.harness.eventually import eventually_async
from tests.redis_nodes.nodes import CHANNEL, Node, Nodes, member


def _followed(before: dict[str, PresentUser], node: Node) -> dict[str, PresentUser]:
    """Return the roster that a watcher has who applied all that was told."""
    users = dict(before)
    for event in node.told:
        match event:
            case PresenceJoin(payload=said):
                assert said.user_id not in users
                users[said.user_id] = PresentUser(
                    user_id=said.user_id,
                    name=said.name,
                    role=said.role,
                    avatar=said.avatar,
                    status=said.status,
                    activity=said.activity,
                )
            case PresenceLeave(payload=gone):
                del users[gone.user_id]
            case PresenceUpdate(payload=changed):
                user = users[changed.user_id]
                for name in ("status", "activity", "field", "name", "role", "avatar"):
                    value = getattr(changed, name)
                    if value is not UNSET:
                        setattr(user, name, value)
            case LockState():
                pass
    return users


async def _named(node: Node, channel: str, name: str) -> None:
    """Wait until the node shows the only user of the channel under a name."""

    async def is_named() -> bool:
        return [one.name for one in (await node.engine.presence.roster(channel)).users] == [name]

    await eventually_async(is_named)


def _is_freed(node: Node) -> bool:
    """Return whether the node told that a field became free."""
    return any(isinstance(one, LockState) and one.payload.user_id is None for one in node.told)


@pytest.mark.parametrize("seed", range(4))
def test_both_nodes_tell_the_same_changes_in_the_same_order(nodes: Nodes, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311  a test's own chance

    async def act(node: Node, name: str) -> None:
        presence = node.engine.presence
        for _ in range(40):
            connection = f"{name}{chance.randrange(3)}"
            user = f"u{connection[-1]}"  # the same users on both nodes
            match chance.randrange(5):
                case 0 | 1:
                    await presence.enter(
                        CHANNEL, member(connection, user, float(chance.randrange(3)), chance.choice("xy"))
                    )
                case 2:
                    await presence.leave(CHANNEL, connection)
                case 3:
                    await presence.lost(connection)
                case _:
                    await presence.update(CHANNEL, connection, PresenceChange(field=chance.choice(["a", "b", None])))

    async def scenario() -> None:
        async with nodes.opened("a", "b", grace=0.05) as (a, b):
            await asyncio.gather(act(a, "a"), act(a, "A"), act(b, "b"))
            for node, name in ((a, "a"), (a, "A"), (b, "b")):
                for number in range(3):
                    await node.engine.presence.leave(CHANNEL, f"{name}{number}")
            await eventually_async(lambda: len(a.told) == len(b.told) and _followed({}, a) == {}, (a.told, b.told))
            assert a.told == b.told
            assert _followed({}, b) == {}
            assert (await a.engine.presence.counts()) == {}

    asyncio.run(scenario())


def test_a_user_is_shown_as_the_connection_that_changed_last_on_any_node(nodes: Nodes) -> None:
    async def scenario() -> None:
        async with nodes.opened("a", "b") as (a, b):
            await a.engine.presence.enter(CHANNEL, member("c1"))
            roster = await b.engine.presence.enter(CHANNEL, member("c2"))
            assert (roster.count, len(roster.users)) == (1, 1)
            await a.engine.presence.update(CHANNEL, "c1", PresenceChange(activity="editing", field="title"))
            await b.engine.presence.update(CHANNEL, "c2", PresenceChange(status="busy"))
            (user,) = (await b.engine.presence.roster(CHANNEL)).users
            assert (user.status, user.activity, user.field) == ("busy", "viewing", None)
            await b.engine.presence.leave(CHANNEL, "c2")
            (user,) = (await b.engine.presence.roster(CHANNEL)).users
            assert (user.activity, user.field) == ("editing", "title")
            await eventually_async(lambda: len(a.told) == len(b.told))
            assert a.joined() == b.joined() == ["u1"]
            assert a.left() == b.left() == []

    asyncio.run(scenario())


def test_a_newer_token_describes_the_user_on_all_channels_of_all_nodes(nodes: Nodes) -> None:
    other = "workspace:7"

    async def scenario() -> None:
        async with nodes.opened("a", "b") as (a, b):
            await a.engine.presence.enter(CHANNEL, member("c1", token=1.0))
            await b.engine.presence.enter(other, member("c2", token=2.0, name="Newer"))
            await _named(a, CHANNEL, "Newer")
            await a.engine.presence.renew("c1", member("c1", token=1.5, name="Older").profile)
            await _named(b, other, "Newer")
            await a.engine.presence.renew("c1", member("c1", token=3.0, name="Newest").profile)
            for channel in (CHANNEL, other):
                await _named(b, channel, "Newest")

    asyncio.run(scenario())


def test_a_field_goes_to_who_comes_first_and_is_free_when_the_lease_is_over(nodes: Nodes) -> None:
    async def scenario() -> None:
        async with nodes.opened("a", "b", grace=0.05) as (a, b):
            await a.engine.presence.enter(CHANNEL, member("c1", "u1"))
            await b.engine.presence.enter(CHANNEL, member("c2", "u2"))
            fields = [f"f{number}" for number in range(20)]
            takes = [
                node.engine.presence.lock(CHANNEL, connection, field, 30)
                for field in fields
                for node, connection in ((a, "c1"), (b, "c2"))
            ]
            states = await asyncio.gather(*takes)
            for first, second in zip(states[::2], states[1::2], strict=True):
                assert first is not None
                assert second is not None
                assert first.payload.user_id == second.payload.user_id in ("u1", "u2")
            await a.engine.presence.leave(CHANNEL, "c1")
            await b.engine.presence.lost("c2")
            await eventually_async(lambda: b.left() == ["u1", "u2"] and a.left() == ["u1", "u2"])
            await eventually_async(lambda: len(a.told) == len(b.told) == 2 + 40 + 2, lambda: (a.told, b.told))
            assert a.told == b.told
            roster = await a.engine.presence.roster(CHANNEL)
            assert (roster.count, roster.locks) == (0, [])

    asyncio.run(scenario())


def test_a_lease_ends_by_itself_and_a_user_holds_so_many_fields(nodes: Nodes) -> None:
    async def scenario() -> None:
        async with nodes.opened("a", "b") as (a, b):
            await a.engine.presence.enter(CHANNEL, member("c1", "u1"))
            await b.engine.presence.enter(CHANNEL, member("c2", "u2"))
            await a.engine.presence.lock(CHANNEL, "c1", "short", 0.05)
            await eventually_async(lambda: _is_freed(a) and _is_freed(b))
            for number in range(MAX_LOCKS):
                await a.engine.presence.lock(CHANNEL, "c1", f"f{number}", 30)
            with pytest.raises(TooManyLocksError):
                await a.engine.presence.lock(CHANNEL, "c1", "one-more", 30)
            assert await b.engine.presence.lock(CHANNEL, "unknown", "f", 30) is None

    asyncio.run(scenario())


def test_entering_again_does_not_wait(nodes: Nodes) -> None:
    async def scenario() -> None:
        async with nodes.opened("a") as (a,):
            await a.engine.presence.enter(CHANNEL, member("c1"))
            again = a.engine.presence.enter(CHANNEL, member("c1"))
            with pytest.raises(StopIteration):  # it ends before anything else can happen on the loop
                again.send(None)

    asyncio.run(scenario())
