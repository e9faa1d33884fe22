"""The journals of several nodes in a folder as one source (the order is described in recording/merge.py)."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Mapping

from dossier_realtime.recording.entry import decode_header
from dossier_realtime.recording.index import Source
from dossier_realtime.recording.merge import merged, merged_line, renumbered
from dossier_realtime.recording.proof.verify import Report


class MergedSource:
    """Sources by the names of their nodes, in one order and numbered anew; `verify` proves all of them.

    It keeps 14 bytes an entry. Places are the numbers of the entries less one.
    """

    def __init__(self, sources: Mapping[str, Source], verify: Callable[[], Report]) -> None:
        self._nodes = sorted(sources)
        self._sources = [sources[node] for node in self._nodes]
        self._verify = verify
        self._entries: tuple[array[int], array[int], array[int]] | None = None
        self._afters: dict[int, int] = {}  # by place, of few

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Yield every proven entry's place and line, in merged form."""
        if self._entries is not None:
            for number in range(len(self._entries[0])):
                yield number, self.line(number)
            return
        places, chains, causes = array("Q"), array("H"), array("I")
        of_nodes = {node: source.lines() for node, source in zip(self._nodes, self._sources, strict=True)}
        for entry in merged(of_nodes):
            places.append(entry.place)
            chains.append(entry.chain)
            causes.append(entry.cause)
            if entry.after:
                self._afters[entry.number - 1] = entry.after
            yield entry.number - 1, entry.line
        self._entries = (places, chains, causes)

    def line(self, place: int) -> bytes:
        """Return the line of the entry with this number less one. `lines` must have been read to its end."""
        assert self._entries is not None  # noqa: S101  an index is made of all lines
        places, chains, causes = self._entries
        chain = chains[place]
        _, head, seal, body = self._sources[chain].line(places[place]).removesuffix(b"\n").split(b"\t", 3)
        named = (causes[place], self._afters.get(place, 0))
        return merged_line(renumbered(decode_header(head), place + 1, named, self._nodes[chain]), seal, body)

    def verify(self) -> Report:
        """Verify the journals of all nodes."""
        return self._verify()
