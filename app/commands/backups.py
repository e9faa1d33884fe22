"""The commands `backup` and `restore`. A backup may be made while the service runs; a restore needs an unused folder.

A backup is a folder: the event store (an online copy of SQLite), the journal, the node's name, the journal's key, the
development secret and the configuration file, where there are any, and `backup.json` with the digest of each file.
"""

from __future__ import annotations

import argparse
import os
import shutil
import time
from datetime import UTC, datetime
from hashlib import file_digest
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

import dossier_realtime
from app.engine.build import STORE, copy_store
from app.engine.sqlite.connection import StoreError, lock_folder
from app.journal.node_name import FILE as NODE_NAME
from app.journal.signatures.signing import PRIVATE
from app.journal.store import BALLAST, LOCK, OLD_BALLAST, OLD_LOCK, nodes, sync_folder, verify_folder
from app.security.private_files import open_private
from app.security.token_secrets import SECRET_FILE

if TYPE_CHECKING:
    from app.configuration.config import Config

MANIFEST: Final = "backup.json"
CONFIGURATION: Final = "config.toml"
_ATTEMPTS: Final = 5  # the service may compress or remove a segment while it is copied
_NOT_JOURNAL: Final = (LOCK, BALLAST, OLD_LOCK, OLD_BALLAST)  # how names end that hold nothing of a journal


class BackupManifest(msgspec.Struct, frozen=True):
    """The contents of a backup: SHA-256 by the path of each file. `commit` is the store's last."""

    made_at: str
    version: str
    commit: int
    files: dict[str, str]


def backup(config: Config, asked: argparse.Namespace) -> int:
    """Write a backup into a folder that is new or empty. Raises OSError, ValueError and sqlite3.Error."""
    data, to = Path(config.storage.data), asked.to
    if not (data / STORE).exists():
        raise ValueError(f"there is no event store in {data}; name its data folder with --data")
    _must_be_unused(to, "name a new one for each backup")
    to.mkdir(mode=0o700, parents=True, exist_ok=True)
    # The journal first: what the store has besides comes into a restored journal as `recovered`.
    entries = _copy_journal(data / "journal", to / "journal") if (data / "journal").is_dir() else 0
    with open_private(to / STORE):
        pass
    commit = copy_store(data / STORE, to / STORE)
    for name in (NODE_NAME, PRIVATE, SECRET_FILE, *(path.name for path in data.glob("journal-key*.pub"))):
        if (data / name).exists():
            _copy(data / name, to / name)
    if (given := getattr(asked, "config", None)) is not None:
        _copy(given, to / CONFIGURATION)
    made_at = datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="seconds")
    manifest = BackupManifest(made_at, dossier_realtime.__version__, commit, _digests(to))
    with open_private(to / MANIFEST) as file:
        file.write(msgspec.json.format(msgspec.json.encode(manifest)) + b"\n")
        os.fsync(file.fileno())
    sync_folder(to)
    print(f"{to}: the event store up to change {commit}, {entries} journal entries, {len(manifest.files)} files")
    print("  secrets from the environment, or from files outside of the data folder, are not in it")
    print(f"  restore it with `python run.py restore {to} --data FOLDER`")
    return 0


def restore(config: Config, asked: argparse.Namespace) -> int:
    """Put a backup into the data folder, which must be new or empty. Raises OSError and ValueError."""
    source, data = asked.source, Path(config.storage.data)
    manifest = _manifest(source)
    found = _digests(source)
    found.pop(CONFIGURATION, None)
    for name, digest in manifest.files.items():
        if name != CONFIGURATION and found.get(name) != digest:
            raise ValueError(
                f"{source / name} is missing or was changed since the backup was made: take another backup"
            )
    _must_be_unused(data, "it is not overwritten: stop the service and move that folder away, or name another --data")
    try:
        lock = lock_folder(data)
    except StoreError as refused:
        raise ValueError(str(refused)) from refused
    try:
        # The store last: a restore that was cut off is no store that a service would go on with.
        for name in sorted(manifest.files, key=lambda name: name == STORE):
            if name != CONFIGURATION:
                (data / name).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                _copy(source / name, data / name)
        for folder in (data / "journal", data):
            if folder.is_dir():
                sync_folder(folder)
    finally:
        os.close(lock)
    print(f"{data}: restored as it was at {manifest.made_at}, up to change {manifest.commit}")
    print("  the next start begins new epochs: every client is told that what it missed cannot be had, and loads anew")
    print("  what was changed after the backup is not in it; publishers send again what they know of")
    if CONFIGURATION in manifest.files:
        print(f"  the configuration of then is {source / CONFIGURATION}; it was not put in place")
    return 0


def _must_be_unused(folder: Path, what_to_do: str) -> None:
    if folder.exists() and any(path.name != "engine.lock" for path in folder.iterdir()):
        raise ValueError(f"{folder} is not empty; {what_to_do}")


def _copy_journal(source: Path, to: Path) -> int:
    """Copy a journal that is being written; return the number of its entries.

    Heads are copied before segments, so that no head is ahead of its entries. Raises ValueError where the copy is not
    intact.
    """
    reports = {}
    for _ in range(_ATTEMPTS):
        shutil.rmtree(to, ignore_errors=True)
        to.mkdir(mode=0o700)
        try:
            for path in sorted(source.iterdir(), key=lambda path: path.suffix != ".head"):
                if not path.name.endswith(_NOT_JOURNAL) and path.is_file():
                    _copy(path, to / path.name)
        except FileNotFoundError:
            continue  # it was compressed, or its time was over
        reports = verify_folder(to)
        if all(report.ok for report in reports.values()) and set(reports) == set(nodes(source)):
            return sum(report.entries for report in reports.values())
    wrong = next((f"{node}: {report.fault}" for node, report in reports.items() if not report.ok), "it keeps changing")
    raise ValueError(f"the journal in {source} could not be copied whole ({wrong}); run `python run.py verify`")


def _copy(source: Path, to: Path) -> None:
    with source.open("rb") as reading, open_private(to) as writing:
        shutil.copyfileobj(reading, writing)
        writing.flush()
        os.fsync(writing.fileno())


def _digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file in the folder, by its path there."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != MANIFEST:
            with path.open("rb") as file:
                found[str(path.relative_to(folder))] = file_digest(file, "sha256").hexdigest()
    return found


def _manifest(source: Path) -> BackupManifest:
    try:
        manifest = msgspec.json.decode((source / MANIFEST).read_bytes(), type=BackupManifest)
    except FileNotFoundError:
        raise ValueError(f"{source} is no backup: it holds no {MANIFEST}") from None
    except msgspec.DecodeError as wrong:
        raise ValueError(f"{source / MANIFEST} cannot be read ({wrong}): take another backup") from wrong
    for name in manifest.files:
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise ValueError(f"{source / MANIFEST} names a file outside of the backup: take another backup")
    return manifest


def add_commands(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser
) -> None:
    """Add the commands with their options."""
    making = commands.add_parser("backup", parents=[common], help="copy all that is kept, also while the service runs")
    making.add_argument("to", type=Path, help="a folder that is new or empty")
    putting = commands.add_parser("restore", parents=[common], help="put a backup into an unused data folder")
    putting.add_argument("source", type=Path, help="the backup's folder")


__all__ = ["add_commands", "backup", "restore"]
