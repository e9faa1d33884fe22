from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

from app.journal import store
from dossier_realtime.recording.entry import Header, decode_entry, encode_entry
from tests.journal.folders import NODE, report, write_some


@dataclass
class Lines:
    """All lines of a folder with their seq (a segment's first line: that of the entry after it)."""

    names: list[str]
    lines: dict[str, list[bytes]]

    def write(self, folder: Path) -> None:
        for name, lines in self.lines.items():
            (folder / name).write_bytes(b"".join(lines))


def tamper(chance: random.Random, journal: Lines) -> int:
    """Do something to the lines; the seq at which it must be found."""
    name = chance.choice(journal.names)
    lines = journal.lines[name]
    first, number = int(name[3:19]), chance.randrange(len(lines))
    seq = max(first, first + number - 1)
    entry = chance.randrange(1, len(lines))  # a line that is an entry
    what = chance.choice(["flip", "delete", "repeat", "swap", "edit", "cut", "segment", "rehash", "space"])
    match what:
        case "flip":
            line = bytearray(lines[number])
            line[chance.randrange(len(line))] ^= chance.randrange(1, 256)
            lines[number] = bytes(line)
        case "delete":
            del lines[number]
        case "repeat":
            lines.insert(number, lines[number])
            seq = first + number
        case "swap":
            number = chance.randrange(len(lines) - 1)
            seq = max(first, first + number - 1)
            lines[number], lines[number + 1] = lines[number + 1], lines[number]
        case "edit":
            seq = first + entry - 1
            lines[entry] = lines[entry].replace(b'"kind":"fanout"', b'"kind":"out"').replace(b"st", b"ts")
        case "cut":
            lines[number] = lines[number][: chance.randrange(len(lines[number]))]
            del lines[number + 1 :]
        case "segment":
            seq = first
            journal.lines[name] = []
        case "rehash":
            seq = first + entry
            before = bytes.fromhex(lines[entry - 1][:64].decode())
            lines[entry] = rehashed(lines[entry], before)
            if name == journal.names[-1] and entry == len(lines) - 1:
                seq -= 1  # the last: found by the head
        case _:
            place = chance.choice([0, 64, 65, len(lines[number]) - 1])
            space = chance.choice([b" ", b"\r", b"\t", b"\n"])
            if space == b"\n" and place == len(lines[number]) - 1:
                seq = first + number  # an empty line where the next belongs
            lines[number] = lines[number][:place] + space + lines[number][place:]
    return seq


def rehashed(line: bytes, before: bytes) -> bytes:
    """The line with another time and the link that it ought to have then."""
    entry = decode_entry(line)
    fields = {name: getattr(entry.header, name) for name in Header.__struct_fields__}
    seal = line.split(b"\t")[2] or b"0" * 32
    return encode_entry(Header(**fields | {"at": entry.header.at + 1}), entry.frame, seal, before)[0]


def test_a_thousand_random_tamperings_are_all_found_and_the_first_bad_entry_named(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    write_some(whole, 400, segment_bytes=6_000)
    paths = store.segment_paths(whole, NODE)
    assert len(paths) >= 4
    folder = tmp_path / "tampered"
    folder.mkdir()
    (folder / f"{NODE}.head").write_bytes((whole / f"{NODE}.head").read_bytes())
    chance = random.Random(20_260_101)  # noqa: S311 - tamperings, the same in each run
    for _ in range(1_000):
        journal = Lines([path.name for path in paths], {path.name: list(store.read_lines(path)) for path in paths})
        seq = tamper(chance, journal)
        journal.write(folder)
        fault = report(folder).fault
        assert fault is not None
        assert fault.seq == seq, (fault, seq)
        assert fault.what
