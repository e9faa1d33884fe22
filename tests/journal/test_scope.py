"""An export of channels with context: who touched them and what changed them, and of everybody else nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.journal.exports.export import Archive
from app.journal.exports.selection import NothingSelected, Selection
from app.journal.signatures.signing import Signer
from app.journal.writer import Journal
from dossier_realtime.archive import open_export, open_journal
from dossier_realtime.recording.entry import Detail, Kind
from dossier_realtime.recording.recording import Recording
from tests.journal.folders import NODE

PLAN, OTHER, SECRET = "document:plan", "dossier:country:SA", "document:hidden"
CROWD, TOUCHED = 189, 54
KINDS = [kind for kind in get_args(Kind) if kind != "unreadable"]  # which is never written


def login(number: int, permissions: list[str]) -> Detail:
    who: Detail = {"name": f"U{number}", "role": "analyst", "clearance": "internal", "permissions": permissions}
    return {**who, "address": f"10.0.0.{number}", "connection": f"c{number}", "reconnect_count": 0}


def ending(number: int, unsent: int) -> Detail:
    return {"connection": f"c{number}", "code": 1000, "reason": "", "unsent": unsent}


def crowd(folder: Path) -> None:
    """Of 189 sessions 54 join the plan; calls change it, and other things."""
    now = iter(range(1_000_000))
    journal = Journal(folder, NODE, clock=lambda: float(next(now)))
    for number in range(CROWD):
        session, user = f"s{number}", f"u{number}"
        rights: list[str] = ["read:document:*", f"write:{OTHER}", "read:dossier:secret:x", f"read:{PLAN}"]
        journal.record(
            "open",
            session=session,
            user=user,
            detail=login(number, rights),
        )
        journal.record("attach", session=session, user=user, channel=PLAN if number < TOUCHED else OTHER)
        if number == CROWD - 1:
            journal.record("refused", session=session, user=user, channel=SECRET, level="secret", rule="clearance")
    for offset in range(1, 4):
        for channel in (PLAN, OTHER):
            frame = f'{{"type":"dossier_update","offset":{offset}}}'
            journal.record("fanout", channel=channel, level="internal", offset=offset, epoch="e", frame=frame)
    for path in ("channels/document%3Aplan", "documents/plan", "channels/dossier:country:SA", "documents/hidden"):
        journal.record("http", user="op", detail={"method": "PUT", "path": f"/v1/{path}", "status": 200})
    journal.record("settings", channel=PLAN, level="internal", detail={"presence": True, "history": True})
    journal.record("settings", channel=OTHER, level="internal", detail={"presence": True, "history": True})
    for number in range(CROWD):
        journal.record("close", session=f"s{number}", user=f"u{number}", detail=ending(number, 2))
    assert journal.close() == 0


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scope")
    crowd(folder / "journal")
    return folder


Export = Callable[..., Recording]


@pytest.fixture
def export(data: Path, tmp_path: Path) -> Export:
    def made(selection: Selection, clearance: str = "") -> Recording:
        archive = Archive(data / "journal", NODE, Signer(data))
        level_of = (lambda name: "secret" if name == SECRET else "internal") if clearance else None
        lines = archive.export(
            selection, made_at=1.0, made_by="auditor", clearance=clearance or "secret", level_of=level_of
        )
        (tmp_path / "export.ndjson").write_bytes(b"".join(lines))
        return open_export(tmp_path / "export.ndjson", clearance="secret")

    return made


@pytest.mark.parametrize("clearance", ["", "internal"])
def test_only_sessions_that_touched_the_channel_are_in_its_context(export: Export, clearance: str) -> None:
    found = export(Selection(channel=PLAN, context=True), clearance)
    assert set(found.sessions().index) == {f"s{number}" for number in range(TOUCHED)}
    assert {entry.header.channel for entry in found.entries()} <= {"", PLAN}
    assert found.verify().ok


@pytest.mark.parametrize("clearance", ["", "internal"])
def test_their_rights_are_those_that_mattered_and_they_have_no_address(export: Export, clearance: str) -> None:
    found = export(Selection(channel=PLAN, context=True), clearance)
    for entry in found.entries(kind="open"):
        assert entry.header.detail["permissions"] == ["read:document:*", f"read:{PLAN}"]
        assert entry.header.detail["address"] == ""
    alone = export(Selection(session="s3", channel=PLAN, context=True))
    assert [entry.header.detail["address"] for entry in alone.entries(kind="open")] == ["10.0.0.3"]


@pytest.mark.parametrize("context", [True, False])
def test_the_acts_that_name_the_channel_are_in_its_export(export: Export, context: bool) -> None:
    found = export(Selection(channel=PLAN, context=context))
    paths = [entry.header.detail["path"] for entry in found.entries(kind="http")]
    assert paths == ["/v1/channels/document%3Aplan", "/v1/documents/plan"]
    assert [entry.header.channel for entry in found.entries(kind="settings")] == [PLAN]


def test_who_received_what_is_the_same_as_in_the_whole(export: Export, data: Path) -> None:
    """`unsent` counts frames over all channels: in an export of one it must count those that are in it."""
    found = export(Selection(channel=PLAN, context=True))
    whole = open_journal(data / "journal", clearance="secret")
    for offset in (1, 2, 3):
        assert found.delivered_to(PLAN, offset) == whole.delivered_to(PLAN, offset)
    assert len(whole.delivered_to(PLAN, 1)) == TOUCHED
    assert len(whole.delivered_to(PLAN, 3)) == 0


def test_a_hidden_channel_has_no_context_and_is_as_absent(export: Export) -> None:
    said = set()
    for channel in (SECRET, "document:absent"):
        with pytest.raises(NothingSelected) as refused:
            export(Selection(channel=channel, context=True), "internal")
        said.add(str(refused.value))
    assert len(said) == 1
    found = export(Selection(channel="document:*", context=True), "internal")
    assert f"s{CROWD - 1}" not in found.index.sessions, "it touched only what is hidden"
    assert f"s{CROWD - 1}" in export(Selection(channel="document:*", context=True)).index.sessions


def test_context_of_channels_has_no_pages() -> None:
    for page in ({"after": 3}, {"limit": 3}):
        with pytest.raises(ValueError, match="has no pages"):
            Selection(channel=PLAN, context=True, **page)  # type: ignore[arg-type]  # one of its numbers


@given(
    steps=st.lists(
        st.tuples(
            st.integers(0, 2), st.sampled_from(["attach", "detach", "leave", "say"]), st.sampled_from([PLAN, OTHER])
        ),
        max_size=25,
    ),
    unsent=st.integers(0, 5),
)
@settings(deadline=None, max_examples=60)
def test_the_readers_of_a_channel_are_the_same_whatever_else_happened(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, str, str]], unsent: int
) -> None:
    folder = tmp_path_factory.mktemp("any")
    journal = Journal(folder / "journal", NODE, clock=lambda: 1.0)
    for number in range(3):
        journal.record("open", session=f"s{number}", user=f"u{number}", detail=login(number, []))
    offset = 0
    for number, what, channel in steps:
        if what == "say":
            offset += 1
            frame = '{"type":"dossier_update"}'
            journal.record("fanout", channel=channel, level="internal", offset=offset, epoch="e", frame=frame)
        elif what == "leave":  # everything at once
            journal.record("detach", session=f"s{number}", user=f"u{number}")
        else:
            journal.record(what, session=f"s{number}", user=f"u{number}", channel=channel)  # type: ignore[arg-type]
    for number in range(3):
        journal.record("close", session=f"s{number}", user=f"u{number}", detail=ending(number, unsent))
    assert journal.close() == 0
    whole = open_journal(folder / "journal", clearance="secret")
    told = [entry.header.offset for entry in whole.entries(kind="fanout") if entry.header.channel == PLAN]
    if not told:
        return
    lines = Archive(folder / "journal", NODE, Signer(folder)).export(
        Selection(channel=PLAN, context=True), made_at=1.0, made_by="auditor"
    )
    (folder / "export.ndjson").write_bytes(b"".join(lines))
    found = open_export(folder / "export.ndjson", clearance="secret")
    for one in told:
        assert found.delivered_to(PLAN, one) == whole.delivered_to(PLAN, one)


def test_the_selection_travels_with_it(export: Export, tmp_path: Path) -> None:
    export(Selection(channel=PLAN, context=True))
    manifest = msgspec.json.decode((tmp_path / "export.ndjson").read_bytes().splitlines()[-1])["manifest"]
    assert manifest["whole"] is False
    assert manifest["selection"] == {"channel": PLAN, "context": True}


ADDRESS, TOKEN = "203.0.113.77", "jti-of-somebody"


def of_every_kind(folder: Path) -> None:
    """Entries of all kinds that a node writes, by a session that touches the plan; each says from where and by which
    token, also those that do not today."""
    journal = Journal(folder, NODE, clock=lambda: 1.0)
    named: Detail = {"address": ADDRESS, "token": TOKEN, "verb": "revoke_token", "subject_kind": "token"}
    named |= {"subject": TOKEN, "connection": "c1", "permissions": [f"read:{PLAN}"], "path": "/v1/documents/plan"}
    named |= {"channels": [PLAN], "places": "0", "unsent": 0, "count": 1, "first": 1, "last": 1, "epoch": "e"}
    for kind in KINDS:
        for channel in ("", PLAN):
            journal.record(
                kind,
                session="s1",
                user="u1",
                channel=channel,
                level="internal" if channel else "",
                epoch="e",
                offset=1,
                via=f"token:{TOKEN}",
                by="u2",
                detail=named,
            )
    assert journal.close() == 0


@pytest.mark.parametrize(
    "selection",
    [
        Selection(channel=PLAN, context=True),
        Selection(channel=PLAN),
        Selection(channel=PLAN, session="s1"),
        Selection(channel=PLAN, session="s1", context=True),
        Selection(channel=PLAN, user="u1", context=True),
        Selection(channel="document:*", user="u1", context=True),
    ],
    ids=str,
)
def test_no_address_and_no_token_is_in_what_an_administrator_of_channels_gets(
    tmp_path: Path, selection: Selection
) -> None:
    of_every_kind(tmp_path / "journal")
    archive = Archive(tmp_path / "journal", NODE, Signer(tmp_path))

    def exported(*, personal: bool) -> bytes:
        level_of = lambda _: "internal"  # noqa: E731
        lines = archive.export(
            selection, made_at=1.0, made_by="a", clearance="secret", level_of=level_of, personal=personal
        )
        return b"".join(lines)

    found = exported(personal=False)
    assert (found.count(ADDRESS.encode()), found.count(TOKEN.encode())) == (0, 0)
    kinds = {kind for kind in KINDS if f'"kind":"{kind}"'.encode() in found}
    assert {"act", "http", "fanout", "settings", "in", "refused"} <= kinds
    assert selection.surrounds == (ADDRESS.encode() not in exported(personal=True))


def test_without_channels_nothing_says_what_is_personal(data: Path) -> None:
    archive = Archive(data / "journal", NODE, Signer(data))
    for selection, level_of in ((Selection(), lambda _: "internal"), (Selection(channel=PLAN), None)):
        with pytest.raises(ValueError, match="of channels that are named"):
            next(archive.export(selection, made_at=1.0, made_by="a", level_of=level_of, personal=False))
