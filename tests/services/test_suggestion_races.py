"""A suggestion that several people accept, reject or remove at once, each on a node, with every order of their calls.

Whatever the order, and wherever a node ends: the text has the suggestion once where it is accepted, else not at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from app.core.domain.comments.threads import CommentError
from app.core.domain.documents import EditError
from app.core.ratelimit import RateLimiter
from app.engine.build import open_engine
from app.engine.limits import EngineLimits
from app.services.commenting.ledger import ChangedComment
from app.services.editing.edit_submission import EditAuthor, EditSubmission
from dossier_realtime.protocol.commands import EditPayload
from dossier_realtime.protocol.http.comments import NewComment
from tests.engine.conftest import Clock
from tests.harness.redis_server import RedisServer
from tests.redis.nodes import opened_node
from tests.services.taken_turns import TakenTurns
from tests.services.test_comments import Commenting
from tests.services.test_deletion import Deleting
from tests.services.test_revisions import DOC, Versioning

NODES = ("one", "two", "three")
Act = Callable[[Commenting, str], Awaitable[Any]]
_runs = count()


async def accept(node: Commenting, name: str) -> ChangedComment:
    return await node.comments.suggestions.accept(name, node.act("omar"), lambda: True)


async def reject(node: Commenting, name: str) -> ChangedComment:
    return await node.comments.step(name, "reject", node.act("bea"))


async def remove(node: Commenting, name: str) -> ChangedComment:
    return await node.comments.remove(name, node.act("nora"))


async def reply(node: Commenting, name: str) -> ChangedComment:
    return await node.comments.reply(name, "Why?", node.act("sara"))


async def type_one(node: Commenting, name: str) -> int | EditError:
    answered: asyncio.Future[int | EditError] = asyncio.get_running_loop().create_future()
    edit = EditPayload("insert", 0, 13, "!")
    node.it.documents.submit(DOC, EditSubmission(EditAuthor("ali", "Ali"), edit, answered.set_result))
    return await answered


async def delete(node: Commenting, name: str) -> bool:
    return await Deleting(node).deletion.delete(DOC, 13)


_ACTS: dict[str, Act] = {
    "accept": accept,
    "reject": reject,
    "remove": remove,
    "reply": reply,
    "type": type_one,
    "delete": delete,
}


@pytest.fixture(params=["embedded", "redis"])
def store(request: pytest.FixtureRequest) -> RedisServer | None:
    found: RedisServer | None = request.getfixturevalue("redis_server") if request.param == "redis" else None
    return found


@asynccontextmanager
async def engines(store: RedisServer | None, folder: Path) -> AsyncIterator[list[Any]]:
    """Open an engine for each node on one store; on SQLite it is the same one."""
    async with AsyncExitStack() as stack:
        name = f"{folder.name}-{next(_runs)}"
        if store is not None:
            yield [
                (await stack.enter_async_context(opened_node(store.url, name, node, joined=[DOC]))).engine
                for node in NODES
            ]
            return
        engine = await open_engine("embedded", folder / name, limits=EngineLimits(), rates=RateLimiter(), clock=Clock())
        stack.push_async_callback(engine.close)
        yield [engine] * len(NODES)


_schedules = st.lists(st.integers(0, 2), max_size=40)


@given(st.lists(st.sampled_from(sorted(_ACTS)), min_size=1, max_size=2), _schedules, st.booleans())
@example(["accept"], [0, 1] * 20, False)
@example(["accept"], [0] * 8 + [1] * 8, False)
@example(["accept", "accept"], [0, 1, 2] * 14, False)
@example(["reject"], [0, 1] * 20, False)
@example(["delete"], [0, 1] * 20, False)
@example(["delete", "delete"], [1, 2] * 20, False)
@example(["accept", "type"], [0] * 9, True)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_a_suggestion_becomes_text_once_or_not_at_all(
    store: RedisServer | None, tmp_path: Path, others: list[str], schedule: list[int], ends: bool
) -> None:
    async def scene() -> None:
        async with engines(store, tmp_path) as opened:
            turns = TakenTurns()
            nodes = [
                Commenting(Versioning(turns.engine(engine, name), Clock()))
                for engine, name in zip(opened, NODES, strict=True)
            ]
            await nodes[0].it.type("ali", "one two three")
            name = (await nodes[0].comments.add(NewComment(4, 7, replacement="2"), nodes[0].act("nora"))).comment.id
            for node in nodes[1:]:
                await node.rows()  # each has the document open
            acts = dict(zip(NODES, ["accept", *others], strict=False))
            done = await turns.run(
                {at: partial(_ACTS[act], node, name) for (at, act), node in zip(acts.items(), nodes, strict=False)},
                schedule,
                NODES[0] if ends else "",
            )
            last = Commenting(Versioning(opened[-1], Clock()))
            rows = await last.rows()
            text = (await last.it.documents.state(DOC)).content.lstrip("!")
            _check([(acts[at], outcome) for at, outcome in done.items()], text, rows)

    asyncio.run(scene())


def _check(done: list[tuple[str, Any]], text: str, rows: list[Any]) -> None:
    refused = {act: outcome for act, outcome in done if isinstance(outcome, Exception)}
    for outcome in refused.values():
        assert isinstance(outcome, CommentError | EditError), outcome
        assert getattr(outcome, "status", 409) in (404, 409), outcome
    deleted = any((act, outcome) == ("delete", True) for act, outcome in done)
    if deleted:
        assert (text, rows) == ("", [])
        return
    status = rows[0].status if rows else "removed"
    accepted = {outcome.comment.accepted for act, outcome in done if act == "accept" and act not in refused}
    if status == "removed":
        assert text in ("one 2 three", "one two three")
        assert text == "one 2 three" or not accepted
        return
    assert text == ("one 2 three" if status == "accepted" else "one two three"), status
    if status == "accepted":
        assert "accept" not in refused, "who accepts what is accepted is answered with that"
        assert accepted <= {rows[0].accepted}, "all who accept it get one answer"
        assert rows[0].changed_by == "omar"
    else:
        assert not accepted
