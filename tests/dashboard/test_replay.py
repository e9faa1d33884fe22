"""A recording, folded, is what the dashboard knew while it happened; and what a player holds is that, step by step."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
import pytest

from dashboard.live import standing_lists
from dashboard.live.feed import Feed
from dashboard.live.service_api import ServiceApi
from dashboard.playback.player_data import PLAYER_PAGES, playback
from dashboard.playback.replay import Replay
from dashboard.playback.timeline_marks import KINDS
from dashboard.screen.listing import ListQuery
from dashboard.screen.panes import PANES
from dashboard.screen.viewer import Viewer
from dashboard.state.store import DashboardState
from dossier_realtime.archive import open_journal
from dossier_realtime.protocol.authorization import reader
from dossier_realtime.protocol.classification import Clearance
from dossier_realtime.recording.recording import Recording
from dossier_realtime.recording.replay.transcript import span
from tests.dashboard.test_blocks import apply
from tests.demo.demo_run import record_demo
from tests.harness import tokens
from tests.harness.eventually import HANG_SECONDS
from tests.harness.service import Service


class Watched(NamedTuple):
    """A day at the office as the live dashboard knew it in the end, and its recording."""

    live: DashboardState
    recording: Recording


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Watched:
    live = DashboardState()
    # The lists are read at the start alone: a recording has the messages, not what lists say beside them.
    with pytest.MonkeyPatch.context() as patch, Service(tmp_path_factory.mktemp("replayed") / "data") as service:
        for pause in ("READ_SECONDS", "DOUBTED_SECONDS"):
            patch.setattr(standing_lists, pause, float("inf"))
        asyncio.run(_watch(service, live))
    return Watched(live, open_journal(service.data / "journal", clearance="secret"))


async def _watch(service: Service, live: DashboardState) -> None:
    api = ServiceApi(service.http)
    feed = asyncio.create_task(Feed(api, tokens.operator(), live).run())
    await _until(lambda: bool(live.nodes))
    await asyncio.to_thread(record_demo, service, 8)
    said = next(iter(live.nodes.values())).at
    # Until what came last and the lists after it were told: everybody is gone, also by the grace of presence.
    await _until(
        lambda: _node(live).at > said + 3 and live.people == 1 and not any(map(_users, live.channels.values()))
    )
    feed.cancel()
    await asyncio.gather(feed, return_exceptions=True)
    await api.close()


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(HANG_SECONDS):
        while not true():  # noqa: ASYNC110  a state that is folded tells nobody of its changes
            await asyncio.sleep(0.05)


def _users(row: dict[str, Any]) -> int:
    return int(row["users"])


def _node(state: DashboardState) -> Any:
    (node,) = state.nodes.values()
    return node


@pytest.fixture(scope="module")
def replayed(watched: Watched) -> DashboardState:
    """The same, from the recording."""
    replay, index = Replay(), watched.recording.index
    last = -1
    for number in range(len(index)):
        if int(index.times[number]) != last:
            last = int(index.times[number])
            replay.tell(last)
        replay.take(index.entry(number))
    replay.tell(index.times[-1])
    return replay.state


def test_alerts_briefs_and_limits_are_what_the_live_dashboard_knew(watched: Watched, replayed: DashboardState) -> None:
    live = watched.live
    assert live.alerts.items()
    assert {key: (alert.level, alert.facts) for key, alert in live.alerts.items()} == {
        key: (alert.level, alert.facts) for key, alert in replayed.alerts.items()
    }
    assert live.briefs.items()
    assert {key: (brief.state, brief.progress, brief.stage, brief.facts) for key, brief in live.briefs.items()} == {
        key: (brief.state, brief.progress, brief.stage, brief.facts) for key, brief in replayed.briefs.items()
    }
    assert live.limits.items()
    assert {key: (who.name, who.state, who.rate) for key, who in live.limits.items()} == {
        key: (who.name, who.state, who.rate) for key, who in replayed.limits.items()
    }


def test_totals_are_those_that_were_counted(watched: Watched, replayed: DashboardState) -> None:
    live = watched.live
    errors = {rule: count for rule, count in live.totals["errors"].items() if rule != "token_refused"}
    assert errors  # a token that was refused opened no session: there is nothing of it in a recording
    assert errors == dict(replayed.totals["errors"])
    assert live.totals["limits"] == replayed.totals["limits"]
    assert live.totals["codes"] == replayed.totals["codes"]
    assert _node(live).values["events_total"] == _node(replayed).values["events_total"]
    counted = Counter[str]()
    for state in (live, replayed):
        for second in state.seconds:
            counted[f"events {state is live}"] += second.counts["events"]
    assert counted["events True"] == counted["events False"] > 0


def test_documents_relationships_and_levels_are_those_that_were_followed(
    watched: Watched, replayed: DashboardState
) -> None:
    live = watched.live
    versions = {name: document.version for name, document in replayed.documents.items()}
    assert versions
    assert {name: document.version for name, document in live.documents.items()}.items() <= versions.items()
    for name, relationship in live.relationships.items():
        known = replayed.relationships.get(name)
        assert known is not None
        assert (known.status, known.score) == (relationship.status, relationship.score)
    known_to_both = live.channels.keys() & replayed.channels.keys()
    assert len(known_to_both) > 20
    for channel in known_to_both:
        assert live.level(channel) == replayed.level(channel)
        assert live.channels[channel]["users"] == replayed.channels[channel]["users"] == 0


@pytest.mark.parametrize("language", ["en", "ar"])
def test_what_a_player_holds_leads_to_the_state_as_the_panes_show_it(watched: Watched, language: Any) -> None:
    index = watched.recording.index
    replay = Replay()
    for number in range(len(index)):
        replay.take(index.entry(number))
    replay.tell(index.times[-1])
    data = json.loads(msgspec.json.encode(playback(watched.recording, index.times[0], index.times[-1])))
    told = data["languages"][language]
    blocks: list[dict[str, Any]] = []
    for _, message in told["states"]:
        blocks = apply(blocks, message)
    assert [name for name, _ in told["pages"]] == list(PLAYER_PAGES)
    assert {block["page"] for block in blocks} == set(PLAYER_PAGES)
    assert not _offered(blocks)
    shown = {block["id"]: block for block in blocks}
    for page in PLAYER_PAGES:
        viewer = Viewer(language, "observer", reader(Clearance.SECRET))
        for block in PANES[page](replay.state, viewer, index.times[-1], ListQuery(size=10_000)):
            if block["kind"] == "table":
                keys = {row["key"] for row in block["rows"]}
                assert {row["key"] for row in shown[f"{page}.{block['id']}"]["rows"]} == keys, block["id"]
            elif block["kind"] == "board":
                counts = [column["count"]["total"] for column in shown[f"{page}.{block['id']}"]["columns"]]
                assert counts == [column["count"]["total"] for column in block["columns"]]
                assert sum(counts) == len(watched.live.alerts)


def _offered(thing: Any) -> bool:
    """Return whether an action is offered anywhere."""
    if isinstance(thing, dict):
        return "act" in thing or any(map(_offered, thing.values()))
    return isinstance(thing, list) and any(map(_offered, thing))


def test_a_lane_has_the_frames_of_its_connections_transcript(watched: Watched) -> None:
    recording = watched.recording
    times = recording.index.times
    data = playback(recording, times[0], times[-1], ["overview"], ["en"])
    marks = data["marks"]
    sent, received = Counter[str](), Counter[str]()
    for lane, kind, to in zip(marks["lane"], marks["kind"], marks["to"], strict=True):
        if KINDS[kind] in ("sent", "refused"):
            sent[data["lanes"][lane]["session"]] += 1
        if KINDS[kind] == "received":
            received[data["lanes"][lane]["session"]] += 1
        for each in to:
            received[data["lanes"][each]["session"]] += 1
    checked = 0
    for session in recording.sessions().index:
        frames = recording.transcript(session)
        own = Counter(frame.direction for frame in frames)
        queued = own["received"] + _taken_back(recording, session)
        if recording.sessions().loc[session, "connections"] == 1:  # else what came before the resumed one is elsewhere
            before = sum(frame.connection != session and frame.direction == "sent" for frame in frames)
            assert sent[session] + before >= own["sent"] >= sent[session]
        assert received[session] + _in_ranges(recording, session) == queued
        checked += 1
    assert checked > 40


def _in_ranges(recording: Recording, session: str) -> int:
    """Frames that were recovered, but for the one of each page that is the page's mark."""
    replayed = recording.entries(session=session, kind="replayed")
    return sum(len(span(entry.header)) - 1 for entry in replayed)


def _taken_back(recording: Recording, session: str) -> int:
    """How many frames were queued for the session and never left."""
    lost = 0
    for number in recording.index.sessions[session]:
        header = recording.index.entry(number).header
        if header.kind == "conflated":
            lost += len(str(header.detail["places"]).split())
        elif header.kind == "close":
            lost += int(header.detail.get("unsent", 0))  # type: ignore[arg-type]  # a number, as the format says
    return lost
