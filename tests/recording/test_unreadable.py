"""No recording is unplayable: what a client or another version wrote is shown, or shown as unreadable."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.playback.player import Player
from dashboard.playback.replay import Replay
from dashboard.playback.timeline_marks import TimelineMarks
from dossier_realtime.archive import open_journal
from dossier_realtime.protocol import codec
from dossier_realtime.protocol.inbound import encode_inbound
from dossier_realtime.recording import tables
from dossier_realtime.recording.entry import Entry, Header, decode_entry, encode_entry
from dossier_realtime.recording.reading import UNREADABLE, cut, entry_type, is_cut
from dossier_realtime.recording.replay.timeline import RecordedState
from tests.harness.service import Service
from tests.harness.wire import Client

KINDS = (
    "in",
    "refused",
    "out",
    "fanout",
    "recovered",
    "open",
    "close",
    "attach",
    "conflated",
    "replayed",
    "act",
    "http",
)
CLIENT_BYTES = st.one_of(
    st.binary(max_size=200),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=20),
        lambda part: st.dictionaries(st.text(max_size=9), part),
    ).map(lambda value: json.dumps(value).encode()),
    st.sampled_from(["brief_cancel", "ping", "rate_limit_warning", "dossier_update", "error", "presence_join"]).map(
        lambda name: json.dumps({"x": {"type": name}, "type": name, "payload": 1}).encode()
    ),
)


@settings(max_examples=300)
@given(st.lists(st.tuples(st.sampled_from(KINDS), CLIENT_BYTES, st.booleans()), max_size=8))
def test_any_bytes_in_any_kind_of_entry_are_read_or_shown_as_unreadable(rows: list[tuple[str, bytes, bool]]) -> None:
    state, replay, lanes = RecordedState(), Replay(), TimelineMarks(0.0)
    entries = []
    for number, (kind, frame, limited) in enumerate(rows, 1):
        header = Header(number, kind, float(number), session="s", user="u", channel="dossier:country:SA", offset=number)  # type: ignore[arg-type]
        if limited:
            header = msgspec.structs.replace(header, channel="")
        entries.append(Entry(header, frame, False))
    for entry in entries:
        state.take(entry)
        replay.take(entry)
        lanes.take(entry, entry.header.at, shown=True)
        assert isinstance(entry_type(entry), str)
    replay.tell(9.0)
    assert len(tables.events(entries, "")) == len(entries)


def test_an_entry_of_an_unknown_kind_is_shown_with_its_digest() -> None:
    line, _ = encode_entry(Header(7, "in", 1.0, session="s"), b'{"type":"ping"}', b"0" * 32, bytes(32))
    entry = decode_entry(line.replace(b'"kind":"in"', b'"kind":"dance"'))
    assert (entry.header.kind, entry.header.seq, entry.header.detail["kind"]) == (UNREADABLE, 7, "dance")
    assert len(str(entry.header.detail["digest"])) == 64


TRICKS = (
    b'{"type":"subscribe","channel":"global","x":{"type":"brief_cancel"}}',
    b'{"x":{"type":"brief_cancel"},"type":"subscribe","channel":"global"}',
    b'{ "type" : "ping" }',
    b'{"t\\u0079pe":"ping"}',
    b'{"type":"ping","token":"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"}',
    b'{"type":"edit_operation","channel":"document:1","payload":{"content":"secret words"}}',
    b'{"type":"unsubscribe","channel":"global","type":"ping"}',
    b"\x7b\x22",
    b'{"type":"brief_cancel","payload":{"request_id":"r","x":1}}',
)


def test_the_tricks_of_clients_leave_a_recording_that_plays(tmp_path: Path) -> None:
    async def scene(service: Service) -> None:
        async with await Client.connect(service, service.token("mal")) as client:
            for trick in TRICKS:
                await client.send(trick)
            assert (await client.ask({"type": "ping"}))["type"] == "pong"

    with Service(tmp_path / "data") as service:
        asyncio.run(scene(service))
    recording = open_journal(tmp_path / "data" / "journal", clearance="secret")
    frames = [
        (entry.header, entry.frame or b"") for entry in recording.entries() if entry.header.kind in ("in", "refused")
    ]
    types = [header.type for header, _ in frames]
    assert types.count("ping") >= 4
    assert types.count("subscribe") == 2
    assert not any(b"eyJ" in frame or b"brief_cancel" in frame or b"secret words" in frame for _, frame in frames)
    malformed = [frame for header, frame in frames if header.rule == "format"]
    assert malformed
    assert all(is_cut(frame) for frame in malformed)
    assert "unknown" not in recording.events(kind="in")["type"].cat.categories
    assert Player(recording).html()
    assert recording.state_at(recording.span[1]).unreadable == 0


@given(st.binary(max_size=2_000))
def test_of_a_refused_frame_little_is_kept(payload: bytes) -> None:
    assert len(cut(payload, payload)) <= 2_048
    assert b"head" not in cut(payload)


@pytest.mark.parametrize(
    "frame", [b'{"type":"ping","x":{"a":[1]}}', b'{"y":1,"type":"unsubscribe","channel":"global"}']
)
def test_what_is_ignored_is_not_kept(frame: bytes) -> None:
    kept = encode_inbound(codec.decode_command(frame))
    assert codec.decode_command(kept) == codec.decode_command(frame)
    assert b"x" not in kept
    assert b'"y"' not in kept
