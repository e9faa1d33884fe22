"""A journal that is opened under a clearance is, entry for entry, what the service would have exported for it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.journal.exports.export import Archive
from app.journal.exports.selection import Selection
from app.journal.signatures.signing import Signer
from dossier_realtime.archive import open_export, open_journal
from dossier_realtime.archive.export import ExportSource
from dossier_realtime.archive.folder import FolderSource
from dossier_realtime.protocol.classification import LEVELS
from dossier_realtime.recording.entry import (
    GENESIS,
    Head,
    Header,
    SegmentHeader,
    encode_entry,
    encode_head,
    encode_segment_header,
    segment_name,
)
from dossier_realtime.recording.redaction.redacted_view import Levels, RedactedView

NODE = "n1"
SEAL = b"0123456789abcdef" * 2
CHANNELS = ["dossier:country:SA", "dossier:secret:X", "document:plan", "global", "ops:nodes", "user:ali", "no:such"]
PERMISSIONS = ["admin:*", "write:dossier:*", "read:dossier:secret:*", "read:dossier:secret:X", "read:document:never"]
LOGIN = b'{"type":"auth_success","payload":{"user_id":"ali","permissions":["read:dossier:secret:X","read:global"]}}'
FRAMES = [
    b'{"type":"ping","ref":"r1"}',
    b'{"type":"ping","ref":"dossier:secret:X"}',
    b'{"type":"rate_limit_warning","payload":{"current_rate":3}}',
    b'{"type":"error","message":"no dossier:secret:X."}',
    LOGIN,
    b'{"type":"auth_success","payload":{}}',
    b'{"type":"dossier_update","payload":{"title":"\xd9\x85"}}',
]
ODD = [b'{"type":"auth_success"', b'{"type":"odd","control":"\x01"}', b"{not json", b"\xff\x00", b"plain"]
"""What only clients write."""
CALLS = ["/v1/channels/dossier:secret:X", "/v1/channels/dossier%3Acountry%3ASA", "/v1/documents/plan", "/v1/publish"]


def detail_of(kind: str, draw: st.DrawFn) -> dict[str, Any]:
    connection = draw(st.sampled_from(["c1", "c2"]))
    match kind:
        case "open" | "renewed":
            rights = {"name": "Ali", "role": "member", "clearance": "secret"}
            permissions = draw(st.lists(st.sampled_from(PERMISSIONS), unique=True))
            return rights | {"permissions": permissions, "connection": connection, "address": "", "reconnect_count": 0}
        case "close":
            reason = draw(st.sampled_from(["", "bye", "see document:plan"]))
            return {"code": 1000, "reason": reason, "unsent": draw(st.integers(0, 4)), "connection": connection}
        case "conflated":
            return {"places": " ".join(map(str, sorted(draw(st.sets(st.integers(0, 4), min_size=1)))))}
        case "http":
            reason = draw(st.sampled_from(["audit", "for dossier:secret:X."]))
            return {"method": "GET", "path": draw(st.sampled_from(CALLS)), "status": 200, "reason": reason}
        case _:
            return {}


Entries = list[tuple[Header, bytes | None]]


@st.composite
def worlds(draw: st.DrawFn) -> Entries:
    """Entries of channels that have a level each, which some are raised or lowered from."""
    levels = {channel: draw(st.sampled_from(LEVELS)) for channel in CHANNELS} | {"": ""}
    return draw(st.lists(entries(levels), min_size=10, max_size=40))


@st.composite
def entries(draw: st.DrawFn, levels: dict[str, str]) -> tuple[Header, bytes | None]:
    kinds = ["start", "open", "renewed", "close", "attach", "detach", "in", "refused", "out", "fanout", "conflated"]
    kind: Any = draw(st.sampled_from([*kinds, "fanout", "out", "settings", "http", "recovered", "decided"]))
    on_channel = kind in ("attach", "detach", "fanout", "settings", "recovered")
    channel = draw(st.sampled_from(CHANNELS if on_channel else [*CHANNELS, "", "", ""]))
    channel = "" if kind in ("start", "open", "renewed", "close", "conflated", "http", "decided") else channel
    common = not channel or kind in ("fanout", "settings", "recovered")
    header = Header(
        0,
        kind,
        draw(st.integers(0, 9)) / 8,
        session=""
        if kind in ("start", "fanout", "settings", "recovered", "http")
        else draw(st.sampled_from(["s1", "s2"])),
        user="" if common and kind in ("start", "fanout", "settings") else draw(st.sampled_from(["ali", "sara"])),
        channel=channel,
        offset=draw(st.integers(0, 3)) if channel else 0,
        commit=draw(st.integers(0, 3)) if kind == "fanout" else 0,
        rule=draw(st.sampled_from(["", "format", "clearance"])) if kind == "refused" else "",
        level=draw(st.sampled_from(["", *LEVELS])) if kind == "settings" else levels[channel],
        detail=detail_of(kind, draw),
    )
    if kind in ("in", "refused"):
        return header, draw(st.sampled_from(FRAMES + ODD))
    return header, draw(st.sampled_from(FRAMES)) if kind in ("out", "fanout", "recovered") else None


def write(folder: Path, world: Entries) -> None:
    """The segment and the head that a node would have written."""
    folder.mkdir()
    line, link = encode_segment_header(SegmentHeader(1, NODE, 1, GENESIS.hex(), 0), GENESIS)
    lines = [line]
    for seq, (header, frame) in enumerate(world, 1):
        line, link = encode_entry(msgspec.structs.replace(header, seq=seq), frame, SEAL, link)
        lines.append(line)
    (folder / segment_name(NODE, 1)).write_bytes(b"".join(lines))
    (folder / f"{NODE}.head").write_bytes(encode_head(Head(len(world), link.hex())))


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])  # a world is large
@given(worlds(), st.sampled_from(LEVELS[:-1]))
def test_what_is_shown_is_what_the_service_would_export(world: Entries, clearance: str) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "journal"
        write(folder, world)
        archive = Archive(folder, NODE, Signer(Path(place)))
        levels = Levels(line for _, line in FolderSource(folder, NODE).lines())

        def exported(name: str, **how: Any) -> Path:
            file = Path(place) / name
            with file.open("wb") as target:
                target.writelines(archive.export(Selection(), made_at=1.0, made_by="analyst", **how))
            return file

        partial = exported("partial.ndjson", clearance=clearance, level_of=levels.of)
        there = [line for _, line in ExportSource(partial).lines()]
        source = RedactedView(FolderSource(folder, NODE), clearance)
        here = list(source.lines())
        assert [line for _, line in here] == there
        assert [source.line(place) for place, _ in reversed(here)] == there[::-1]

        shown = list(open_journal(folder, clearance=clearance).entries())
        assert shown == list(open_export(partial, clearance="secret").entries())
        assert shown == list(open_export(exported("whole.ndjson"), clearance=clearance).entries())
        report = open_journal(folder, clearance=clearance).verify()
        assert (report.fault, report.entries) == (None, len(shown))
