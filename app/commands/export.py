"""The commands that read the journal: `export` and `rerun`. The service may run meanwhile."""

from __future__ import annotations

import argparse
import getpass
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from app.commands.file_errors import expect_place
from app.core import reevaluate
from app.journal.exports.export import Archive
from app.journal.exports.selection import NothingSelected, Selection, Tally
from app.journal.signatures.signing import key_place, named_key, open_signer
from app.security.private_files import open_private
from dossier_realtime.archive import ExportError, open_export, open_journal
from dossier_realtime.archive.folder import nodes
from dossier_realtime.archive.parquet import write_parquet
from dossier_realtime.protocol.classification import HIGHEST, ChannelPolicy
from dossier_realtime.protocol.plain_text import visible
from dossier_realtime.recording.moments import unix, zone

if TYPE_CHECKING:
    from app.configuration.config import Config
    from app.core.ratelimit import RateLimiter
    from app.core.sessions.deadlines import SessionLimits

FOUND_WRONG = 1


def _say(text: str) -> None:
    """Print a line with its control characters made visible: text of messages must not act on the terminal."""
    print(visible(text))


def export(config: Config, asked: argparse.Namespace) -> int:
    """Write a signed export, and as Parquet too where that is asked for."""
    for file in filter(None, (asked.to, asked.parquet)):
        expect_place(file, replace=asked.replace)
    data = Path(config.storage.data)
    folder = data / "journal"
    paged = asked.after or asked.limit
    node = asked.node or (_only_node(folder) if paged else _first_node(folder))
    chosen = ("session", "user", "channel", "context", "after", "limit", "node")
    tz = zone(asked.tz)
    since, until = (unix(text, tz) if text else 0.0 for text in (asked.since, asked.until))
    selection = Selection(**{name: getattr(asked, name) for name in chosen}, since=since, until=until)
    signer = open_signer(data, key_place(config.journal), named_key(folder, node), make=False)
    archive, tally = Archive(folder, node, signer), Tally()
    lines = archive.export(
        selection, made_at=time.time(), made_by=getpass.getuser(), redacted=asked.redact, tally=tally
    )
    try:
        _write(lines, asked.to)
    except NothingSelected as nothing:
        print(f"dossier: {nothing}", file=sys.stderr)
        return FOUND_WRONG
    print(f"{asked.to}: {tally.entries} entries")
    for pattern, frames in tally.redacted.items():
        _say(f"  {frames} frames redacted for {pattern}")
    if tally.damaged:
        print("  the journal is not intact: the export ends before the first damaged entry. Run `python run.py verify`")
    print(f"{asked.to}: check it with `python run.py verify --export {asked.to} --key {signer.public}`")
    if asked.parquet is not None and not tally.damaged:
        write_parquet(asked.to, asked.parquet)
        print(f"{asked.parquet}: the same entries as columns, for analysis; {asked.to} is what is signed")
    return FOUND_WRONG if tally.damaged else 0


def _write(lines: Iterator[bytes], to: Path) -> None:
    """Write all lines, or leave no file: what is cut off may be taken for the whole."""
    draft = to.with_name(to.name + ".part")
    try:
        with open_private(draft) as file:
            file.writelines(lines)
        draft.replace(to)
    finally:
        draft.unlink(missing_ok=True)


def run_again(
    config: Config, asked: argparse.Namespace, new_limiter: Callable[[], RateLimiter], limits: SessionLimits
) -> int:
    """Judge a recording's messages again with the code and settings of today; print every difference."""
    data = Path(config.storage.data)
    if asked.export is not None:
        recording = open_export(asked.export, clearance=HIGHEST)
    else:
        folder = data / "journal"
        recording = open_journal(folder, asked.node or _only_node(folder), clearance=HIGHEST)
    policy = ChannelPolicy((row.pattern, row.level) for row in config.channels.classification)
    result = reevaluate.Reevaluation(policy, new_limiter, limits)
    differences = 0
    for entry in recording.entries():
        for difference in result.take(entry):
            differences += 1
            _say(str(difference))
    print(f"{result.judged} messages judged again, {result.skipped} cannot be: {differences} differences")
    return FOUND_WRONG if differences else 0


def _first_node(folder: Path) -> str:
    found = nodes(folder) if folder.is_dir() else []
    if not found:
        raise ValueError(f"{folder} has no journal; name its data folder with --data")
    return found[0]


def _only_node(folder: Path) -> str:
    found = nodes(folder) if folder.is_dir() else []
    if len(found) != 1:
        raise ValueError(f"name the node with --node; {folder} has {', '.join(found) or 'no journal'}")
    return found[0]


def add_commands(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser
) -> None:
    """Add the commands with their options."""
    making = commands.add_parser("export", parents=[common], help="write a signed export of the journal")
    making.add_argument("--to", type=Path, required=True, help="the file, NDJSON")
    making.add_argument("--replace", action="store_true", help="replace a file that is there already")
    making.add_argument("--parquet", type=Path, help="the same as Parquet (needs duckdb)")
    making.add_argument("--node", default="", help="only the journal of this node, whole, where the folder has several")
    making.add_argument("--session", default="", help="what this session sent and received")
    making.add_argument("--user", default="", help="what the sessions of this user sent and received")
    making.add_argument("--channel", default="", help="a channel, or a pattern such as dossier:*")
    making.add_argument("--since", default="", help="a time: ISO 8601 text, or Unix seconds")
    making.add_argument("--until", default="", help="a time likewise, excluded")
    making.add_argument("--tz", default="UTC", help="the zone of times that name none, such as Asia/Riyadh; else UTC")
    making.add_argument("--context", action="store_true", help="also how things stood when --since came")
    making.add_argument("--after", type=int, default=0, help="only entries with a higher number")
    making.add_argument("--limit", type=int, default=0, help="so many entries at most; the rest with --after")
    making.add_argument(
        "--redact", action="append", default=[], help="channels whose frames give way to digests (may repeat)"
    )
    again = commands.add_parser("rerun", parents=[common], help="judge a recording's messages again, with this code")
    again.add_argument("--export", type=Path, help="a whole export, instead of the journal")
    again.add_argument("--node", default="", help="whose journal, where the folder has several")


__all__ = ["ExportError", "add_commands", "export", "run_again"]
