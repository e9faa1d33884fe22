"""The commands that prove the journal: `verify` and `rotate-key`. `verify` may run beside the service."""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from app.journal.signatures.rotation import rotate
from app.journal.signatures.signing import PUBLIC, key_place
from dossier_realtime.archive.export import read_manifest, verify_file
from dossier_realtime.archive.folder import nodes, verify_node, witnesses
from dossier_realtime.archive.keys import check_by_bytes, named_check
from dossier_realtime.archive.snapshots import open_snapshot
from dossier_realtime.protocol.documents.snapshots import SnapshotStatement, SnapshotUser
from dossier_realtime.protocol.plain_text import visible
from dossier_realtime.recording.proof.checkpoint import Checkpoint, Damage, Outside, read_checkpoints
from dossier_realtime.recording.proof.signed import Check
from dossier_realtime.recording.proof.snapshot import SnapshotError
from dossier_realtime.recording.proof.verify import ChainFault, Report
from dossier_realtime.recording.proof.witness import Witnesses

if TYPE_CHECKING:
    from app.configuration.config import Config

FOUND_WRONG = 1
_MAX_SHOWN = 10  # damaged lines of a file of checkpoints
_FOLDER_ONLY = (
    "  intact as far as this folder can prove: who can write to it could have made all of it anew. "
    "Compare it with checkpoints kept elsewhere: --against FILE"
)
_OWN_KEY = (
    "  signatures were checked with the key that lies beside the journal, which who can write there can replace: "
    "name a copy kept elsewhere with --key"
)


@dataclass
class Known:
    """Knowledge from outside: links by node and seq, checks by fingerprint, the last checkpoint of each node."""

    checks: dict[str, Check]
    links: dict[str, dict[int, str]] = field(default_factory=lambda: defaultdict(dict))
    last: dict[str, Checkpoint] = field(default_factory=dict)
    faults: dict[str, ChainFault] = field(default_factory=dict)
    damaged: list[Damage] = field(default_factory=list)
    witnesses: Witnesses = field(default_factory=Witnesses)

    def of(self, node: str) -> Outside:
        """Return what is known of one node's journal, also from the journals of other nodes."""
        links = self.witnesses.links.get(node, {}) | self.links.get(node, {})
        return Outside(links, self.checks, check_by_bytes)

    def take(self, told: Checkpoint) -> None:
        """Take a checkpoint; one that is not signed by the key that it names, or contradicts another, is a fault."""
        check = self.checks.get(told.key)
        if check is not None and not check(told.text, told.signature):
            what = "the checkpoint kept elsewhere is not signed by the key that it names"
        elif self.links[told.node].setdefault(told.seq, told.link) != told.link:
            what = "two checkpoints kept elsewhere hold different links for this entry"
        else:
            if told.node not in self.last or told.seq >= self.last[told.node].seq:
                self.last[told.node] = told
            return
        self.faults.setdefault(told.node, ChainFault(told.seq, "", 0, what))


def run(config: Config, asked: argparse.Namespace) -> int:
    """Run the command that is asked for; return the exit status."""
    return rotate_key(config, asked) if asked.command == "rotate-key" else verify(config, asked)


def verify(config: Config, asked: argparse.Namespace) -> int:
    """Check the journal's chain, an export or a snapshot; the first bad entry is named."""
    data = Path(config.storage.data)
    files = asked.key or ([data / PUBLIC] if (data / PUBLIC).exists() else [])
    known = Known(dict(named_check(file) for file in files))
    if asked.snapshot is not None:
        return _verify_snapshot(asked.snapshot, known.checks, own_key=not asked.key)
    if asked.against is not None:
        with asked.against.open("rb") as lines:
            checkpoints, known.damaged = read_checkpoints(lines)
        for told in checkpoints:
            known.take(told)
        if not known.links:
            raise ValueError(f"{asked.against} holds no checkpoint")
    found = _reports(data, asked, known)
    if not found:
        raise ValueError(f"there is no journal in {data / 'journal'}; name its data folder with --data")
    exported = asked.export is not None
    reports = (_report_lines(name, report, known, exported=exported) for name, report in sorted(found.items()))
    for line in chain(*reports, _absent_lines(known, set(found)), _damage_lines(asked.against, known.damaged)):
        print(visible(line))  # it may hold text from a file that others wrote: it must not act on the terminal
    if not files:
        print("  no signature was checked: name the service's public key with --key")
    elif not asked.key:
        print(_OWN_KEY)
    if asked.against is None and asked.export is None and all(report.ok for report in found.values()):
        print(_FOLDER_ONLY)
    return 0 if all(report.ok for report in found.values()) and not known.damaged else FOUND_WRONG


def _verify_snapshot(file: Path, checks: dict[str, Check], *, own_key: bool) -> int:
    if not checks:  # whoever changes the text makes its digest anew: without a key nothing is proven
        raise ValueError("a snapshot is proven by its signature alone: name the service's public key with --key")
    try:
        snapshot = open_snapshot(file, checks)
    except SnapshotError as wrong:
        print(visible(f"{file.name}: BROKEN: {wrong}"))
        return FOUND_WRONG
    for line in _snapshot_lines(file.name, snapshot.statement):
        print(visible(line))
    if own_key:
        print(_OWN_KEY)
    return 0


def _snapshot_lines(name: str, told: SnapshotStatement) -> Iterator[str]:
    yield f"{name}: intact: document {told.document}, version {told.version} of history {told.epoch}"
    yield f"  text SHA-256 {told.text_sha256}, {told.classification}"
    written = "" if told.committed_at is None else f" at {_time(told.committed_at)}"
    yield f"  this version is by {_user(told.author)}{written}"
    yield f"  signed at {_time(told.signed_at)}, as {_user(told.asked_by)} asked"
    if told.name is not None:
        yield f"  named {told.name}"
    if told.note is not None:
        yield f"  note: {told.note}"
    if told.present is None:
        yield "  present: not known, the channel kept no presence"
        return
    present = ", ".join(map(_user, told.present)) or "no user"
    more = (told.present_count or 0) - len(told.present)
    yield f"  present: {present}{f' and {more} more' if more else ''}"


def _user(user: SnapshotUser) -> str:
    return f"{user.name} ({user.user_id})"


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _absent_lines(known: Known, there: set[str]) -> Iterator[str]:
    for node in sorted(known.witnesses.by.keys() - there):
        holders = ", ".join(sorted(known.witnesses.by[node]))
        yield f"{node}: its journal is not in this folder; that of {holders} holds its head. Check it where it lies"


def _damage_lines(file: Path, damaged: list[Damage]) -> Iterator[str]:
    if damaged:
        yield f"{file.name}: BROKEN: {len(damaged)} of its lines were not compared as they stand; all others were"
    for number, why in damaged[:_MAX_SHOWN]:
        yield f"  line {number}: {why}"
    if damaged:
        yield "  A crash or a full disk leaves a part of a line; once you know that it was so, delete that part"


def _reports(data: Path, asked: argparse.Namespace, known: Known) -> dict[str, Report]:
    checks = list(known.checks.values())
    check: Check | None = (lambda text, signature: any(one(text, signature) for one in checks)) if checks else None
    if asked.export is not None:
        manifest = read_manifest(asked.export)
        node = manifest.node if manifest else ""
        links = known.links.get(node)
        if manifest is None and len(known.links) == 1:
            (links,) = known.links.values()
        report = verify_file(asked.export, check, links)
        if report.ok and node in known.faults:
            report = replace(report, fault=known.faults[node])
        if report.ok and asked.against is not None:
            compared = _comparison(report, node, whole=manifest is None or manifest.whole)
            report = replace(report, notes=(*report.notes, compared))
        return {asked.export.name: report}
    folder = data / "journal"
    there = nodes(folder) if folder.is_dir() else []
    if there:
        known.witnesses = witnesses(folder, known.checks)
    for node in there:
        if (contradiction := known.witnesses.fault(node)) is not None:
            known.faults.setdefault(node, contradiction)
    found = {node: verify_node(folder, node, check, known.of(node)) for node in there}
    for node in {*known.links, *known.faults}:
        fault = known.faults.get(node)
        if node not in found:
            fault = ChainFault(1, "", 0, "its journal is not there, and checkpoints kept elsewhere name it")
        if fault is not None and (node not in found or found[node].ok):
            found[node] = Report(0, fault, 0, 0, 0, 0, torn=False)
    return found


def _comparison(report: Report, node: str, *, whole: bool) -> str:
    """Return the result of comparing checkpoints kept elsewhere with an export that is intact otherwise."""
    if report.compared:
        speaking = "1 checkpoint" if report.compared == 1 else f"{report.compared} checkpoints"
        last = f"the last for entry {report.vouched}"
        return f"it is what {speaking} kept elsewhere say of entries of this export, {last}"
    of = f" of {node}" if node else ""
    if not whole:
        return (
            "no checkpoint can speak for this export: it is a partial one, whose entries are numbered anew; "
            "only its signature vouches for it"
        )
    return f"no checkpoint kept elsewhere speaks for an entry of this export{of}: they show nothing of it"


def _report_lines(name: str, report: Report, known: Known, *, exported: bool) -> Iterator[str]:
    state = "intact" if report.ok else "BROKEN"
    removed = f", {report.removed} removed before" if report.removed else ""
    yield f"{name}: {state}: {report.entries} entries, {report.lost} lost, {report.redacted} redacted{removed}"
    if report.fault is not None:
        yield f"  {report.fault}"
    if report.missing_at_end:
        yield f"  {report.missing_at_end} entries are missing at the end"
    if report.checkpoints:
        yield f"  {report.checkpoints} checkpoints in it are signed"
    if report.ok and name in known.last and not exported:
        last = known.last[name]
        at = datetime.fromtimestamp(last.at, UTC).isoformat(timespec="seconds")
        behind = report.removed + report.entries - last.seq
        yield f"  up to entry {last.seq} it is what the checkpoint of {at} says; for {behind} later entries none speaks"
    holders = sorted(known.witnesses.by.get(name, ()))
    if report.ok and holders and not exported:
        seq = max(known.witnesses.links[name])
        yield f"  up to entry {seq} it is what the journals of other nodes hold of it: {', '.join(holders)}"
    for note in report.notes:
        yield f"  {note}"


def rotate_key(config: Config, asked: argparse.Namespace) -> int:
    """Record that another key signs from now on; in the data folder a new one is made."""
    changed = rotate(Path(config.storage.data), key_place(config.journal), old_file=asked.old, lost=asked.lost)
    for node, old in sorted(changed.items()):
        print(f"{node}: from now on another key signs; before it did {old or 'none that the journal names'}")
    if not changed:
        print("no journal names another key: nothing was recorded")
    return 0


def add_commands(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser
) -> None:
    """Add the commands with their options."""
    checking = commands.add_parser("verify", parents=[common], help="check the journal, an export or a snapshot")
    kept = checking.add_mutually_exclusive_group()
    kept.add_argument("--export", type=Path, help="an export file, instead of the journal")
    kept.add_argument("--snapshot", type=Path, help="the signed snapshot of a document, instead of the journal")
    checking.add_argument(
        "--key",
        type=Path,
        action="append",
        help="the service's public key (journal-key.pub), kept elsewhere (may repeat)",
    )
    checking.add_argument("--against", type=Path, help="checkpoints kept elsewhere: a file, or the lines of syslog")
    rotating = commands.add_parser("rotate-key", parents=[common], help="record that another key signs the journal")
    rotating.add_argument("--old", type=Path, help="the old private key, where the new one is not made here")
    rotating.add_argument("--lost", action="store_true", help="the old key is lost: it signs nothing")


__all__ = ["add_commands", "run"]
