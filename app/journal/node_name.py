"""The node's name where the configuration gives none: made once, and kept in the data folder.

The journal is kept by node. A name that followed the port would begin another journal with each change of the port, and
the whole store would be journalled again.
"""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Final

from app.journal import store
from dossier_realtime.archive.folder import NODE, nodes

if TYPE_CHECKING:
    from pathlib import Path

FILE: Final = "node-id"
FOLDER_FILE: Final = "folder-id"


def kept_name(data: Path) -> str:
    """Return the name that the data folder holds.

    Where it holds none, the node whose journal was written last there gives it; else one is made at random. Call it
    only while no other process uses the folder.

    Raises:
        ValueError: the file is there and holds no name.
        OSError: it can be neither read nor made.
    """
    file = data / FILE
    if file.exists():
        name = file.read_text(encoding="utf-8", errors="replace").strip()
        if re.fullmatch(NODE, name) is None:
            raise ValueError(
                f"{file} holds no node's name: write the one that the files in {data / 'journal'} begin with, "
                "or set node.id"
            )
        return name
    name = _last_writer(data / "journal") or f"node-{secrets.token_hex(4)}"
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    store.write_whole(file, [name.encode() + b"\n"])
    store.sync_folder(data)
    return name


def folder_id(data: Path) -> str:
    """Return the random name of the data folder itself, made once: no other folder has it. Raises OSError."""
    file = data / FOLDER_FILE
    if not file.exists():
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        store.write_whole(file, [secrets.token_hex(16).encode() + b"\n"])
        store.sync_folder(data)
    return file.read_text(encoding="utf-8", errors="replace").strip()


def _last_writer(journal: Path) -> str:
    found = nodes(journal) if journal.is_dir() else []
    return max(found, key=lambda node: _written(journal, node), default="")


def _written(journal: Path, node: str) -> float:
    segments = store.segment_paths(journal, node)
    return max((path.stat().st_mtime for path in segments), default=0.0)
