"""The file of checkpoints: what a crash or a full disk cuts off costs that line, and no other."""

from __future__ import annotations

import argparse
import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.commands import verify
from app.configuration.config import load
from app.journal.signatures.signing import PUBLIC
from app.journal.signatures.sinks import Sink, to_file
from dossier_realtime.recording.proof.checkpoint import Checkpoint, read_checkpoints
from tests.harness.service import as_environment
from tests.harness.tokens import SECRET
from tests.journal.folders import NODE, until
from tests.journal.test_checkpoints import vouched

TOLD = [Checkpoint(NODE, seq, f"{seq:064x}", 1.0 * seq, "key", "signature") for seq in range(1, 8)]
LINES = [told.encode().rstrip(b"\n") for told in TOLD]


def kept(file: Path) -> tuple[list[Checkpoint], list[int]]:
    with file.open("rb") as lines:
        found, damaged = read_checkpoints(lines)
    return found, [one.number for one in damaged]


@given(cuts=st.lists(st.integers(0, len(LINES[0])), min_size=1, max_size=len(LINES) - 1))
def test_a_line_that_was_cut_off_costs_no_other(tmp_path_factory: pytest.TempPathFactory, cuts: list[int]) -> None:
    """At each crash a part of a line is left; then the service begins again and sends that line anew."""
    file = tmp_path_factory.mktemp("kept") / "checkpoints.ndjson"
    for line, cut in zip(LINES, cuts, strict=False):
        with file.open("ab") as torn:
            torn.write(line[:cut])
        to_file(file)(line)
    found, damaged = kept(file)
    wholes = sum(cut == len(LINES[0]) for cut in cuts)  # only its line feed was missing
    assert list(dict.fromkeys(found)) == TOLD[: len(cuts)]
    assert len(found) == len(cuts) + wholes
    assert len(damaged) == sum(0 < cut < len(LINES[0]) for cut in cuts)


def test_a_disk_that_takes_a_part_of_a_line_is_given_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, real = tmp_path / "checkpoints.ndjson", os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, bytes(data[:50])))
    for line in LINES:
        to_file(file)(line)
    assert kept(file) == (TOLD, [])


def test_what_a_full_disk_cut_off_is_sent_again_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, real, left = tmp_path / "checkpoints.ndjson", os.write, [50]

    def filling(descriptor: int, data: bytes) -> int:
        if not left[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken = real(descriptor, bytes(data[: left[0]]))
        left[0] -= taken
        return taken

    write = to_file(file)
    write(LINES[0])
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", filling)
        with pytest.raises(OSError, match="No space"):
            write(LINES[1])
    write(LINES[1])
    assert kept(file) == (TOLD[:2], [2])


def test_a_file_that_may_only_be_written_is_still_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "checkpoints.ndjson"
    write = to_file(file)
    write(LINES[0])

    def refusing(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(type(file), "open", refusing)
    write(LINES[1])
    monkeypatch.undo()
    assert kept(file) == (TOLD[:2], [])


def test_verify_names_a_damaged_line_and_compares_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, file = tmp_path / "data", tmp_path / "checkpoints.ndjson"
    vouched(data, [Sink("file", to_file(file))])
    lines = file.read_bytes().splitlines(keepends=True)
    config = load(None, {"DOSSIER_AUTH__SECRET": SECRET, **as_environment({"storage.data": str(data)})})
    asked = argparse.Namespace(command="verify", key=[data / PUBLIC], against=file, export=None, snapshot=None)

    def told(*changed: bytes) -> tuple[int, str]:
        file.write_bytes(b"".join(changed))
        status = verify.run(config, asked)
        return status, capsys.readouterr().out

    status, text = told(*lines)
    assert (status, "BROKEN" in text) == (0, False)
    status, text = told(lines[0], lines[1][:40] + b"\n", *lines[1:])
    assert status == 1
    assert f"{NODE}: intact" in text
    assert f"{file.name}: BROKEN: 1 of its lines" in text
    assert "line 2: it holds no checkpoint" in text
    status, text = told(lines[0], lines[1][:40] + lines[2], *lines[3:])  # as earlier versions glued them
    assert (status, "line 2: a part of one" in text, f"{NODE}: intact" in text) == (1, True, True)
    forged = lines[3].replace(b'"link":"', b'"link":"0', 1)
    status, text = told(lines[0], b"{\n", forged)
    assert (status, f"{NODE}: BROKEN" in text, "line 2:" in text) == (1, True, True)


def test_a_sink_that_fails_in_a_way_nobody_thought_of_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.journal.signatures.sinks._MIN_PAUSE_SECONDS", 0.0)
    sent: list[bytes] = []
    wrongs = [ValueError("unknown url type"), RuntimeError("whatever")]

    def write(line: bytes) -> None:
        if wrongs:
            raise wrongs.pop()
        sent.append(line)

    sink = Sink("hook", write)
    for line in LINES:
        sink.send(line)
    until(lambda: len(sent) == len(LINES))
    sink.close()
    assert (sent, sink.failures) == (LINES, 2)
