"""The sources of recordings: a journal's folder, an export file, a running service.

    recording = open_journal("var/journal")
    recording = open_export("monday.ndjson")
    recording = open_service("http://localhost:8000", token, to="monday.ndjson", channel="dossier:country:SA")

The first two show nothing that is classified above `clearance`, which is `internal` by default. That keeps secrets out
of a notebook; it is no access control, for a user who can read the files can read all of them. `open_service` shows
what the token's permission and clearance allow, and keeps it as an export file.
"""

from __future__ import annotations

from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING

from dossier_realtime.protocol.classification import HIGHEST
from dossier_realtime.recording.moments import span
from dossier_realtime.recording.recording import Recording
from dossier_realtime.recording.redaction.redacted_view import CLEARANCE, seen_with
from dossier_realtime.recording.redaction.visibility import reach

from .export import ExportSource, download
from .folder import FolderSource, nodes, verify_together
from .keys import ExportError, public_key_check
from .merged import MergedSource

if TYPE_CHECKING:
    from dossier_realtime.recording.moments import Moment, Zone

__all__ = ["ExportError", "open_export", "open_journal", "open_service"]


def open_journal(
    folder: str | Path, node: str = "", *, clearance: str = CLEARANCE, key: str | Path | None = None
) -> Recording:
    """Open the journals in a folder as one recording, or that of one `node`.

    Of several nodes, entries are in one order and numbered anew (recording/merge.py). `key` is the service's public key
    (a PEM file), by which `verify` checks signatures. Entries that are classified above `clearance` (public, internal,
    confidential, secret) leave no trace, counts included.

    Raises ValueError for a node that has no journal there, and for an unknown clearance.
    """
    reach(clearance)
    folder = Path(folder)
    if folder.is_file():
        raise ValueError(f"{folder} is a file; name a journal's folder (an export's file is opened with open_export)")
    if not folder.is_dir():
        raise ValueError(
            f"there is no folder {folder}; a service keeps its journal in its data folder, as in var/journal"
        )
    found = nodes(folder)
    if not found and folder.name != "journal" and (folder / "journal").is_dir():
        raise ValueError(f"no journal in {folder}; name the folder of the journal itself, {folder / 'journal'}")
    if not found:
        raise ValueError(f"no journal in {folder}; a service keeps its journal in its data folder, as in var/journal")
    if node and node not in found:
        raise ValueError(f"no journal of {node} in {folder}; name one of its nodes: {', '.join(found)}")
    check = None if key is None else public_key_check(Path(key))
    chosen = [node] if node else found
    sources = {name: FolderSource(folder, name, check) for name in chosen}
    source = MergedSource(sources, lambda: verify_together(folder, check)) if len(chosen) > 1 else sources[chosen[0]]
    return Recording(seen_with(source, clearance))


def open_export(file: str | Path, *, clearance: str = CLEARANCE, key: str | Path | None = None) -> Recording:
    """Open an export file, up to `clearance` as in `open_journal`.

    Raises ExportError for a file that is no export, ValueError for an unknown clearance.
    """
    reach(clearance)
    if Path(file).is_dir():
        raise ExportError(f"{file} is a folder; name an export's file (a journal's folder is opened with open_journal)")
    source = ExportSource(Path(file), None if key is None else public_key_check(Path(key)))
    return Recording(seen_with(source, clearance, source.clearance))


def open_service(
    address: str,
    token: str,
    *,
    to: str | Path,
    since: Moment | None = None,
    until: Moment | None = None,
    tz: Zone = UTC,
    **selection: str | float,
) -> Recording:
    """Download an export from a running service into the file `to`, and open it: all that the token allows.

    `since` (included) and `until` (excluded) may have any form that a recording takes (recording/moments.py); without a
    zone they are in `tz`. `selection`: session, user, channel (a name, or a pattern such as `dossier:*`), context
    ("true": also the entries before `since` that give the state at `since`); of a whole export, after (the number of
    an entry) and limit (a number of entries).

    Raises:
        OSError: where the service can not be reached.
        ExportError: where the service refuses, or nothing fits.
        TypeError, ValueError: for an invalid time.
    """
    ends = zip(("since", "until"), span(since, until, tz), strict=True)
    times = {name: f"{moment:.6f}" for name, moment in ends if moment is not None}
    download(address, token, Path(to), {**selection, **times})
    return open_export(to, clearance=HIGHEST)
