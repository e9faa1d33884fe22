"""Real editing, played again, ends with the text that its people ended with: each saw only what they had seen then.

The public traces are no part of the project: `DOSSIER_TRACES` names a folder with them. A trace of our own, of the
same format, is always played. `python -m tests.traces.play FOLDER` prints how long each way takes.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from dossier_realtime.ot import collab
from dossier_realtime.ot import transform as transformation
from dossier_realtime.ot.operations import Operation
from tests.harness.measurements import Sized
from tests.harness.service import Service
from tests.traces import make_trace
from tests.traces.replay import replay
from tests.traces.rooms import SETTINGS, RoomInMemory, RoomOverSockets
from tests.traces.trace import Trace, read

PUBLIC = ("clownschool", "friendsforever", "sveltecomponent")
ROOMS = {"the pure core": RoomInMemory.plain, "the SDK": RoomInMemory.with_sdk}

transform = transformation.transform


def _public(name: str) -> Trace:
    folder = os.environ.get("DOSSIER_TRACES")
    if not folder:
        pytest.skip("DOSSIER_TRACES names no folder with the traces of josephg/editing-traces")
    return read(Path(folder) / f"{name}.json.gz")


@pytest.mark.parametrize("room", ROOMS)
def test_our_own_trace_ends_with_its_text(room: str) -> None:
    trace = read(make_trace.FILE)
    assert asyncio.run(replay(trace, ROOMS[room](trace))) == trace.end


def test_our_own_trace_is_what_its_program_makes_and_people_are_concurrent_in_it() -> None:
    assert make_trace.FILE.read_text(encoding="utf-8") == make_trace.made()
    trace = read(make_trace.FILE)
    late = [number - 1 - one.sees for number, one in enumerate(trace.transactions)]
    assert max(late) > 20
    assert not trace.end.isascii()


@pytest.mark.long
@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_trace_ends_with_its_text(name: str, room: str) -> None:
    trace = _public(name)
    assert asyncio.run(replay(trace, ROOMS[room](trace))) == trace.end


def _first_keeps_left(first: Operation, second: Operation) -> tuple[Operation, Operation]:
    after_second, after_first = transform(second, first)
    return after_first, after_second


@pytest.mark.parametrize("room", ROOMS)
def test_under_the_other_rule_for_ties_our_own_trace_ends_elsewhere(room: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (transformation, collab):
        monkeypatch.setattr(module, "transform", _first_keeps_left)
    trace = read(make_trace.FILE)
    assert asyncio.run(replay(trace, ROOMS[room](trace))) != trace.end, "the trace has no ties"


@pytest.mark.long
def test_our_own_trace_ends_with_its_text_over_raw_sockets(tmp_path: Path) -> None:
    with Service(tmp_path / "data", SETTINGS) as service:
        own = read(make_trace.FILE)
        assert asyncio.run(_over_sockets(service, own, "own", None)) == own.end
        service.assert_log_clean()


@pytest.mark.long
@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_trace_ends_with_its_text_over_raw_sockets(tmp_path: Path, sized: Sized, name: str) -> None:
    """As many of its transactions as the pure core is compared with; all of them with `DOSSIER_PROMISES=full`."""
    trace, most = _public(name), sized(400, 1_000_000)
    wanted = asyncio.run(replay(trace, RoomInMemory.plain(trace), most))
    with Service(tmp_path / "data", SETTINGS) as service:
        assert asyncio.run(_over_sockets(service, trace, name, most)) == wanted
        service.assert_log_clean()
    assert most < len(trace.transactions) or wanted == trace.end


async def _over_sockets(service: Service, trace: Trace, name: str, most: int | None) -> str:
    return await replay(trace, await RoomOverSockets.opened(service, trace, name), most)
