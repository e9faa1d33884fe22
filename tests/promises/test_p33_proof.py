"""P33: every byte that a reader shows is covered by the proof that the verifier checks."""

from __future__ import annotations

import random
import warnings
from collections import Counter
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import pytest

from app.journal.compression import closed, compress
from app.journal.exports.export import Archive
from app.journal.exports.selection import Selection
from app.journal.signatures.signing import PUBLIC, Signer
from app.journal.writer import Journal
from dossier_realtime.archive import open_export, open_journal, segments
from dossier_realtime.archive.export import verify_file
from dossier_realtime.archive.folder import DamagedRecordingWarning, segment_paths, verify_node
from dossier_realtime.archive.keys import public_key_check
from dossier_realtime.recording.entry import Anchor as AnchorOf
from dossier_realtime.recording.entry import Entry, Head, encode_anchor, encode_head
from dossier_realtime.recording.proof.signed import Check
from dossier_realtime.recording.recording import Recording
from tests.promises.conftest import Report, Sized
from tests.promises.mutations import mutated

NODE = "n1"
FRAMES = ('{"n":%d}', '{"text":"مرحبا %d"}', "no object %d", '{"a":1,"a":%d}')


class Files(NamedTuple):
    """Real files, what they hold, and the check by the key that signed them."""

    journal: dict[str, bytes]
    entries: list[Entry]
    exports: dict[str, tuple[bytes, list[Entry]]]
    public: Path
    check: Check


def shown_by(recording: Recording) -> list[Entry]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DamagedRecordingWarning)
        return list(recording.entries())


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Files:
    monkeypatch.setattr(segments, "BLOCK_BYTES", 2_000)
    folder, signer = tmp_path / "journal", Signer(tmp_path)
    journal = Journal(folder, NODE, segment_bytes=8_000)
    for number in range(150):
        frame: str | bytes = FRAMES[number % 4] % number if number % 9 else b"\xff\0" + bytes([number])
        level = "secret" if number % 10 == 3 else "internal"
        channel = f"dossier:{level}:X" if number % 3 else "global"
        journal.record("fanout", channel=channel, level=level, offset=number + 1, commit=number + 1, frame=frame)
    assert journal.close() == 0
    for path in closed(folder, NODE)[:2]:
        compress(path)
    archive, exports = Archive(folder, NODE, signer), {}
    for name, clearance in (("whole", ""), ("part", "internal")):
        lines = archive.export(
            Selection() if clearance else Selection(channel="dossier:*"),
            made_at=1.0,
            made_by="auditor",
            clearance=clearance or "secret",
            level_of=(lambda name: name.split(":")[1] if ":" in name else "internal") if clearance else None,
            redacted=[] if clearance else ["dossier:secret:*"],
        )
        content = b"".join(lines)
        (tmp_path / name).write_bytes(content)
        exports[name] = (content, shown_by(open_export(tmp_path / name, clearance="secret", key=signer.public)))
    there = {path.name: path.read_bytes() for path in (*segment_paths(folder, NODE), folder / f"{NODE}.head")}
    check = public_key_check(tmp_path / PUBLIC)
    return Files(there, shown_by(open_journal(folder, clearance="secret")), exports, signer.public, check)


def journal_agrees(rng: random.Random, files: Files, folder: Path) -> str:
    """Change one file of a journal, or add one; return what was found."""
    name = rng.choice(sorted(files.journal))
    contents = dict(files.journal)
    if rng.random() < 0.08:
        seq = rng.randrange(1, 160)
        suffix = rng.choice((".journal", ".journal.zst", ".anchor", ".head.new", ".journal.new"))
        name = f"{NODE}.anchor" if suffix == ".anchor" else f"{NODE}-{seq:016d}{suffix}"
        forged = encode_anchor(AnchorOf(NODE, seq, "0" * 64, 0))
        contents[name] = forged if suffix == ".anchor" else rng.choice(list(files.journal.values()))
    elif rng.random() < 0.05:
        del contents[name]
    else:
        contents[name] = mutated(rng, contents[name], list(files.journal.values()))
    return judged(files, folder, contents)


def judged(files: Files, folder: Path, contents: Mapping[str, bytes]) -> str:
    """Verify and read a journal of these files; return what was found."""
    for path in folder.iterdir():
        path.unlink()
    for file, content in contents.items():
        (folder / file).write_bytes(content)
    report = verify_node(folder, NODE, files.check)
    try:
        shown = shown_by(open_journal(folder, NODE, clearance="secret", key=files.public))
    except ValueError:
        if report.ok:
            raise
        return "refused"
    assert shown == files.entries[: len(shown)], "an entry is shown that was never written"
    assert len(shown) == report.entries
    if not report.ok:
        return "shown up to the fault"
    assert report.torn or len(shown) == len(files.entries)
    return "torn" if report.torn else "untouched"


def export_agrees(rng: random.Random, files: Files, file: Path) -> str:
    """Change an export; return what was found."""
    content, _ = files.exports[rng.choice(sorted(files.exports))]
    changed = mutated(rng, content, [one for one, _ in files.exports.values()])
    file.write_bytes(changed)
    report = verify_file(file, files.check)
    try:
        shown = shown_by(open_export(file, clearance="secret", key=files.public))
    except ValueError:
        if report.ok:
            raise
        return "refused"
    assert report.ok, f"shown, and found to be wrong: {report.fault}"
    originals = [held for whole, held in files.exports.values() if sha256(whole).digest() == sha256(changed).digest()]
    assert originals, "an export passes that nobody has signed so"
    assert shown in originals
    return "untouched"


def test_verifier_and_reader_agree_on_every_file(files: Files, tmp_path: Path, report: Report, sized: Sized) -> None:
    rng, found = random.Random(33), Counter[str]()  # noqa: S311  changes, no secret
    folder = tmp_path / "changed"
    folder.mkdir()
    count = sized(1_200, 100_000)
    for number in range(count):
        if number % 2:
            found[f"journal {journal_agrees(rng, files, folder)}"] += 1
        else:
            found[f"export {export_agrees(rng, files, tmp_path / 'changed.ndjson')}"] += 1
    told = ", ".join(f"{name} {times}" for name, times in sorted(found.items()))
    report(f"{count} changed files, verifier and reader agree on each: {told}")
    assert found["export refused"] > count // 3
    last = max(name for name in files.journal if name.endswith(".journal"))
    for end in (b"half a line", b"\0" * 64):  # the changes by chance tear an end a few times, or never
        assert judged(files, folder, files.journal | {last: files.journal[last] + end}) == "torn"


def rechained(lines: list[bytes], header: bytes, body: bytes) -> tuple[bytes, Head]:
    """A one-segment journal to which somebody who knows the format added an entry, spelled his own way."""
    from dossier_realtime.recording.entry import frame_digest

    before, seal = bytes.fromhex(lines[-1][:64].decode()), b"0" * 32
    link = sha256(before + header + b"\t" + frame_digest(seal, body)).hexdigest()
    line = b"%b\t%b\t%b\t%b\n" % (link.encode(), header, seal, body)
    return b"".join([*lines, line]), Head(len(lines), link)


@pytest.mark.parametrize(
    ("header", "body"),
    [
        (b'{"seq":%d,"kind":"out","at":1.0,"user":"ali","user":"sara"}', b"{}"),
        (b'{"seq":%d,"kind":"out","at":1.0,"seq":%d}', b"{}"),
        (b'{"seq":%d, "kind":"out","at":1.0}', b"{}"),
        (b'{"seq":%d,"kind":"out","at":1}', b"{}"),
        (b'{"seq":%d,"kind":"out","at":1.0,"colour":"red"}', b"{}"),
        (b'{"seq":%d,"kind":"out","at":1.0,"user":""}', b"{}"),
        (b'{"seq":%d,"kind":"out","at":1.0,"user":"\\u0061li"}', b"{}"),
        (b'{"seq":%d,"kind":"out","at":1.0}', b'"{}"'),
        (b'{"seq":%d,"kind":"out","at":1.0}', b"=e30="),
        (b'{"seq":%d,"kind":"out","at":1.0}', b"= e30="),
        (b'{"seq":%d,"kind":"out","at":1.0}', b"garbage"),
    ],
)
def test_what_could_be_read_in_two_ways_is_a_fault_even_where_its_hash_holds(
    tmp_path: Path, header: bytes, body: bytes
) -> None:
    folder = tmp_path / "journal"
    Journal(folder, NODE).close()
    (path,) = segment_paths(folder, NODE)
    lines = path.read_bytes().splitlines(keepends=True)
    whole = shown_by(open_journal(folder))
    content, head = rechained(lines, header.replace(b"%d", b"%d" % len(lines)), body)
    path.write_bytes(content)
    (folder / f"{NODE}.head").write_bytes(encode_head(head))
    assert not verify_node(folder, NODE).ok
    assert shown_by(open_journal(folder)) == whole


@pytest.mark.parametrize(
    "behind", [b"\n", b" ", b"\0", b"{}\n", b'{"manifest":{},"signature":""}\n', "an entry", "all"]
)
def test_nothing_may_stand_behind_the_last_line_of_an_export(files: Files, tmp_path: Path, behind: bytes | str) -> None:
    for content, _ in files.exports.values():
        lines = content.splitlines(keepends=True)
        more = {"an entry": lines[0], "all": content}[behind] if isinstance(behind, str) else behind
        file = tmp_path / "longer"
        file.write_bytes(content + more)
        assert not verify_file(file, files.check).ok
        with pytest.raises(ValueError, match="is damaged"):
            shown_by(open_export(file, clearance="secret"))
