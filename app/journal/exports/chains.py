"""The journals that an export is made of: that of one node as it stands, or those of several in one order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from dossier_realtime.archive.folder import read_after, read_head, seq_before
from dossier_realtime.recording.entry import Head
from dossier_realtime.recording.joined import split_line
from dossier_realtime.recording.merge import merged


class ReadFrom(NamedTuple):
    """The place from which on journals are read: entries after a number, and since a time (Unix seconds, 0: all)."""

    after: int = 0
    since: float = 0.0


class Chains:
    """The journals of nodes in a folder. Of several the entries are numbered anew (recording/merge.py)."""

    def __init__(self, folder: Path, nodes: list[str]) -> None:
        self._folder, self._nodes = folder, nodes

    @property
    def name(self) -> str:
        """Return the names of the nodes, with commas between."""
        return ",".join(self._nodes)

    @property
    def is_one(self) -> bool:
        """Return whether the numbers and links of entries are those of a journal."""
        return len(self._nodes) == 1

    @property
    def head(self) -> Head | None:
        """Return the head of a single journal."""
        return read_head(self._folder, self._nodes[0]) if self.is_one else None

    def lines(self, begin: ReadFrom) -> Iterator[bytes]:
        """Yield lines; of several journals one an entry.

        Those of a single journal stand as they are, from the line before the first on, with first lines of segments.
        Raises as `read_after`.
        """
        if self.is_one:
            return read_after(self._folder, self._nodes[0], self._seq(self._nodes[0], begin))
        chains = {
            node: (
                (0, part)
                for line in read_after(self._folder, node, self._seq(node, begin))
                if _is_entry(line)
                for part in split_line(line)
            )
            for node in self._nodes
        }
        return (entry.line for entry in merged(chains))

    def _seq(self, node: str, begin: ReadFrom) -> int:
        return max(begin.after, seq_before(self._folder, node, begin.since) if begin.since else 0)


def _is_entry(line: bytes) -> bool:
    return not line.split(b"\t", 2)[1].startswith(b'{"format"')
