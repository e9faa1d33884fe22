"""Work beside a node's clients goes on, whatever fails in it; and nothing runs that nobody looks after."""

from __future__ import annotations

import ast
import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.journal.signatures import checkpoints
from app.journal.signatures.checkpoints import Checkpointer, CheckpointSchedule
from app.journal.signatures.signing import KeyPlace, named_key, open_signer
from app.journal.writer import Journal
from app.node.sockets import background
from app.node.sockets.background import Background
from tests.harness.coroutine_tests import asynchronous
from tests.harness.eventually import HANG_SECONDS
from tests.harness.in_process import running
from tests.journal.folders import NODE, until

APP = Path(background.__file__).parents[2]
LOOKED_AFTER = {
    "app/commands/processes/dashboard_process.py": "ended with the dashboard that it feeds",
    "app/commands/dashboard.py": "its end is the dashboard's end",
    "app/security/jwks.py": "awaited by who asks for keys; catches all",
    "app/node/sockets/background.py": "the supervisor itself",
    "app/node/connections/connection_limit.py": "one question to silent connections, awaited by all that they keep out",
    "app/services/briefs/runner.py": "one brief, whose task ends it whatever fails; kept until it is done",
    "app/services/editing/cursors.py": "one cursor; the next is told anew",
    "app/services/editing/document_queue.py": "one queue's turn, which catches all, and a load that who asks awaits",
    "app/commands/beside.py": "awaited when the service stops; it begins the dashboard again itself",
    "app/commands/workers/parent.py": "awaited when the workers end; each begins its process again itself",
    "app/engine/redis/bus.py": "logs what fails and connects again",
    "app/engine/redis/domain/records.py": "one removal; the next upkeep begins another",
    "app/engine/redis/log/cursors.py": "one reading of what is missing; the next beat begins another",
    "app/engine/redis/log/lane.py": "logs what fails and goes on; one decision, which its commit awaits",
    "app/engine/redis/log/pulse.py": "logs what fails and beats on",
    "app/engine/redis/log/trimming.py": "one step of trimming; the next upkeep begins another",
    "app/engine/redis/together.py": "work of a key, awaited by all who ask for it; a miss is read again",
    "app/engine/redis/live/homes.py": "logs what fails and goes on with the next second; a dead run is taken again",
    "app/engine/redis/live/bulletin.py": "logs what fails and reads on",
    "app/engine/redis/sentinels/master_finder.py": "one question to all sentinels, awaited by all who ask meanwhile",
    "app/engine/redis/sentinels/master_watch.py": "logs what fails and asks on",
    "app/engine/redis/live/quotas.py": "one removal; the next upkeep begins another",
    "app/engine/redis/live/present/due.py": "logs what fails, and does again what the store refused",
    "app/web/transport/http_server.py": "one request, awaited by its connection",
}
_STARTING = frozenset({"create_task", "ensure_future"})


@asynchronous
async def test_endless_work_that_fails_or_ends_is_begun_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "FIRST_PAUSE_SECONDS", 0.0)
    tasks, begun, there = Background(asyncio.get_running_loop()), list[int](), asyncio.Event()

    async def work() -> None:
        begun.append(len(begun))
        if len(begun) == 1:
            raise ValueError("nobody thought of this")
        if len(begun) > 2:
            there.set()
            await asyncio.Event().wait()

    tasks.repeat("work", work)
    await asyncio.wait_for(there.wait(), HANG_SECONDS)
    await tasks.settle(HANG_SECONDS)
    assert len(begun) == 3


@asynchronous
async def test_endless_work_that_takes_a_cancellation_for_a_failed_call_ends_all_the_same() -> None:
    tasks, there = Background(asyncio.get_running_loop()), asyncio.Event()

    async def work() -> None:
        try:
            there.set()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.Event().wait()

    tasks.repeat("work", work)
    await there.wait()
    await asyncio.wait_for(tasks.settle(HANG_SECONDS), HANG_SECONDS / 2)
    assert not tasks._tasks


@asynchronous
async def test_checkpoints_go_on_after_a_look_that_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "until_next_second", lambda now: 0.0)
    folder = tmp_path / "journal"
    signer = open_signer(tmp_path, KeyPlace(), named_key(folder, NODE))
    journal = Journal(folder, NODE, about={"key": signer.fingerprint}, sync_seconds=0.01)
    for number in range(10):
        journal.record("fanout", channel="global", commit=number + 1, frame="{}")
    until(lambda: journal.waiting == 0)
    made = asyncio.Event()
    checkpointer = Checkpointer(folder, NODE, signer, [], lambda _: made.set(), CheckpointSchedule(0, 1))

    def failing(*_: object) -> None:
        raise ValueError("nobody thought of this")

    with monkeypatch.context() as patched:
        patched.setattr(checkpoints, "read_head", failing)
        run = asyncio.ensure_future(checkpointer.run())
        await _until(lambda: "nobody thought of this" in checkpointer.trouble)
    await asyncio.wait_for(made.wait(), HANG_SECONDS)
    await _until(lambda: not checkpointer.trouble)
    run.cancel()
    journal.close()
    checkpointer.close()


@asynchronous
async def test_the_engine_looks_after_itself_after_an_upkeep_that_failed(tmp_path: Path) -> None:
    async with running(tmp_path / "data") as service:
        engine = service.engine
        before = engine._timer  # type: ignore[attr-defined]  # the embedded one's

        def failing() -> None:
            raise ValueError("nobody thought of this")

        engine.upkeep = failing  # type: ignore[attr-defined]
        with pytest.raises(ValueError, match="nobody"):
            engine._tick()  # type: ignore[attr-defined]
        assert engine._timer is not before  # type: ignore[attr-defined]
        del engine.upkeep  # type: ignore[attr-defined]


def starters() -> Iterator[str]:
    for path in sorted(APP.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _STARTING:
                yield f"app/{path.relative_to(APP).as_posix()}"


def test_a_task_is_started_where_somebody_looks_after_it() -> None:
    assert set(starters()) == set(LOOKED_AFTER), "give it to Background, or say here who notices that it failed"


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(HANG_SECONDS):
        while not holds():  # noqa: ASYNC110  what is waited for tells nobody
            await asyncio.sleep(0.01)
