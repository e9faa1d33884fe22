"""A data folder whose journal an earlier version wrote: a service goes on with it, and readers find one recording."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import msgspec
import pytest

from app.journal import store
from app.journal.compression import closed, compress
from app.journal.signatures.signing import PUBLIC
from dashboard import Player
from dossier_realtime.archive import open_export, open_journal
from dossier_realtime.recording.entry import FORMAT
from dossier_realtime.recording.joined import is_joined
from dossier_realtime.recording.recording import Recording
from tests.harness.coroutine_tests import asynchronous
from tests.harness.eventually import HANG_SECONDS
from tests.harness.processes import forked
from tests.harness.service import Service
from tests.web.conftest import ROOMY
from tests.web.test_documents import edit, editors, text_of

DOC, NODE = "document:paper", "test"
_LETTERS = 12  # sent before any is acknowledged: the writer finds some of them whole, and joins those
_EARLIER = "tests.journal.format_1"


def segments(service: Service) -> list[tuple[int, int]]:
    """Return format and number of joined lines of each segment."""
    found = []
    for path in store.segment_paths(service.data / "journal", NODE):
        head, *lines = *store.read_lines(path), b""
        if not head.endswith(b"\n"):
            continue  # it was made this moment
        joined = sum(is_joined(line.split(b"\t")[1]) for line in lines if line.count(b"\t") == 3)
        found.append((msgspec.json.decode(head.split(b"\t")[1])["format"], joined))
    return found


async def write(service: Service, letter: str, texts: list[str]) -> None:
    """Type letters at the begin of the document, all at once, and wait until they are committed."""
    async with editors(service, DOC, "ali", "bea") as clients:
        for number in range(_LETTERS):
            await clients[number % 2].send(edit(DOC, len(texts) - 1, 0, letter))
        for client in clients:
            for _ in range(_LETTERS // 2):
                await client.receive("operation_ack")
    texts += [letter * (number + 1) + texts[-1] for number in range(_LETTERS)]
    assert (await text_of(service, DOC))[:2] == (len(texts) - 1, texts[-1])


async def fetch(service: Service) -> bytes:
    """Return an export over HTTP. It is an act: what came before it is in the journal by then."""
    operator = service.token("op", "admin:*", clearance="secret")
    status, told = await asyncio.to_thread(service.get, f"/v1/journal?channel={DOC}", operator)
    assert status == 200, told
    return told


def run(service: Service, *arguments: str) -> tuple[int, str]:
    """Run a command on the service's data; return its status and what it printed."""
    with tempfile.TemporaryFile() as output:
        command = [arguments[0], "--data", str(service.data), *arguments[1:]]
        status = forked.start(forked.SERVICE, command, {}, output, output).wait(HANG_SECONDS)
        output.seek(0)
        return status, output.read().decode()


def check(recording: Recording, texts: list[str]) -> None:
    """Check that a recording has all that was written, in order, whoever wrote which line."""
    assert recording.verify().ok
    seqs = [entry.header.seq for entry in recording.entries()]
    assert seqs == sorted(set(seqs))
    history = recording.document(DOC)
    assert [history.at(version) for version in range(history.last + 1)] == texts
    assert [edit.payload.version for edit in history.edits] == list(range(1, len(texts)))
    for version in range(1, len(texts)):
        cause = recording.cause(DOC, version)
        assert (cause.header.kind, cause.header.type) == ("in", "edit_operation")
        assert recording.delivered_to(DOC, version), version
    (document,) = Player(recording).data["documents"]
    text = str(document["content"])
    for _, _, kind, position, _, content, *_ in document["edits"]:
        assert kind == 0
        text = text[:position] + content + text[position:]
    assert (text, len(document["edits"])) == (texts[-1], len(texts) - 1)


@pytest.mark.parametrize("is_killed", [False, True])
@asynchronous
async def test_a_journal_of_the_format_before_joined_lines_goes_on(tmp_path: Path, is_killed: bool) -> None:
    service, texts = Service(tmp_path / "data", ROOMY), [""]
    service.module = _EARLIER
    with service:
        await write(service, "a", texts)
        await write(service, "b", texts)
        await fetch(service)
        await asyncio.to_thread(service.kill if is_killed else service.stop)
    assert segments(service) == [(1, 0)]

    service.module, told = forked.SERVICE, b""
    with service:
        while not any(joined for _, joined in segments(service)):  # a writer that wakes at each edit joins none
            await write(service, "c", texts)
            told = await fetch(service)
        check(open_journal(service.data / "journal", clearance="secret"), texts)
    assert [form for form, _ in segments(service)] == [1, FORMAT]
    service.assert_log_clean()

    journal, public = service.data / "journal", service.data / PUBLIC
    assert run(service, "verify")[0] == 0
    assert run(service, "rerun")[0] == 0
    whole, fetched = tmp_path / "whole.ndjson", tmp_path / "fetched.ndjson"
    fetched.write_bytes(told)
    assert run(service, "export", "--to", str(whole))[0] == 0
    for file in (whole, fetched):
        assert run(service, "verify", "--export", str(file), "--key", str(public))[0] == 0
        check(open_export(file, clearance="secret", key=public), texts)
    for path in closed(journal, NODE):
        compress(path)
    assert run(service, "verify")[0] == 0
    check(open_journal(journal, clearance="secret"), texts)
