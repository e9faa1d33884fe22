"""Exports against checkpoints kept elsewhere: what they show is said."""

from __future__ import annotations

from pathlib import Path

import msgspec

from app.journal.exports.export import Archive
from app.journal.exports.selection import Selection
from app.journal.signatures.signing import named_key, open_signer
from app.journal.signatures.sinks import Sink, to_file
from dossier_realtime.recording.proof.checkpoint import Checkpoint, read_checkpoints
from tests.journal.folders import NODE
from tests.journal.test_checkpoints import HERE, run, vouched


def exported(data: Path, to: Path, *, after: int = 0, whole: bool = True) -> None:
    archive = Archive(data / "journal", NODE, open_signer(data, HERE, named_key(data / "journal", NODE)))
    level_of = None if whole else lambda _: "public"
    lines = archive.export(Selection(after=after), made_at=1.0, made_by="auditor", level_of=level_of)
    to.write_bytes(b"".join(lines))


def test_an_export_is_compared_and_what_checkpoints_show_is_said(tmp_path: Path) -> None:
    data, kept, whole = tmp_path / "data", tmp_path / "kept.ndjson", tmp_path / "whole.ndjson"
    vouched(data, [Sink("file", to_file(kept))])
    exported(data, whole)
    found = [told for told in read_checkpoints(kept.read_bytes().splitlines(keepends=True))[0] if told.node == NODE]
    others = Checkpoint("other", 3, "0" * 64, 1.0, "another key").encode()
    asked = ("verify", "--data", str(data), "--against", str(kept), "--export")
    for more in (b"", others):  # of another node's checkpoints nothing follows for this one
        kept.write_bytes(b"".join(told.encode() for told in found) + more)
        status, text = run(*asked, str(whole))
        assert status == 0, text
        last = max(told.seq for told in found)
        assert f"it is what {len(found)} checkpoints kept elsewhere say" in text
        assert f"the last for entry {last}\n" in text
    end, part = tmp_path / "end.ndjson", tmp_path / "part.ndjson"
    exported(data, end, after=max(told.seq for told in found))
    exported(data, part, whole=False)
    for file, said in ((end, "no checkpoint kept elsewhere speaks for an entry"), (part, "it is a partial one")):
        status, text = run(*asked, str(file))
        assert status == 0, text
        assert said in text
    wrong = msgspec.structs.replace(found[1], link="0" * 64, key="another key")
    for lines in ([wrong], [*found, wrong]):  # of the journal; of each other
        kept.write_bytes(b"".join(told.encode() for told in lines))
        status, text = run(*asked, str(whole))
        assert status == 1, text
        assert "BROKEN" in text
        assert f"entry {wrong.seq}" in text
