"""The heads of other nodes' journals in a node's own: a journal that is cut or made anew shows in the others.

A `witnessed` entry has `heads` in its detail: signed checkpoints (checkpoint.py) of other nodes as text, each as that
node signed it. The next checkpoint of the chain signs the entry, and with it what the others had written by then.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from ..entry import Detail
from .checkpoint import Checkpoint
from .signed import Check
from .verify import ChainFault

_KIND: Final = b'"kind":"witnessed"'
_KIND_WITHIN: Final = 128  # bytes of a line in which its kind stands


def witness_detail(heads: Iterable[Checkpoint]) -> Detail:
    """Return the detail of an entry that holds these heads."""
    return {"heads": [head.encode().decode().rstrip("\n") for head in heads]}


def witnessed_heads(detail: Detail) -> list[Checkpoint]:
    """Return the heads of an entry; a text that is none is left out."""
    texts = detail.get("heads")
    found = []
    for text in texts if isinstance(texts, list) else []:
        try:
            found.append(_checkpoints.decode(text))
        except (ValueError, RecursionError):
            continue
    return found


class Witnesses:
    """Heads that journals hold of each other: by node the links by seq, and the nodes that hold them.

    A head with an invalid signature of a key in `checks` is left out. Where two journals hold different links for one
    entry, `contradicted` has the node and the seq.
    """

    def __init__(self, checks: Mapping[str, Check] | None = None) -> None:
        self._checks = checks or {}
        self.links: defaultdict[str, dict[int, str]] = defaultdict(dict)
        self.by: defaultdict[str, set[str]] = defaultdict(set)
        self.contradicted: dict[str, int] = {}

    def take(self, node: str, lines: Iterable[bytes]) -> None:
        """Take the journal of a node, line by line."""
        for line in lines:
            if _KIND not in line[:_KIND_WITHIN]:
                continue
            try:
                told = _details.decode(line.split(b"\t")[1])
            except (ValueError, IndexError, RecursionError):
                continue  # the walk along that journal reports it
            for head in witnessed_heads(told.detail):
                self._hold(node, head)

    def fault(self, node: str) -> ChainFault | None:
        """Return the fault of a node of whose journal others hold different links for one entry."""
        seq = self.contradicted.get(node)
        what = (
            "the journals of other nodes hold different links for this entry: one of them, or this one, was made anew"
        )
        return None if seq is None else ChainFault(seq, "", 0, what)

    def _hold(self, node: str, head: Checkpoint) -> None:
        check = self._checks.get(head.key)
        if head.node == node or (check is not None and not check(head.text, head.signature)):
            return
        self.by[head.node].add(node)
        if self.links[head.node].setdefault(head.seq, head.link) != head.link:
            self.contradicted.setdefault(head.node, head.seq)


class _Detail(msgspec.Struct):
    detail: Detail = {}


_details = msgspec.json.Decoder(_Detail)
_checkpoints = msgspec.json.Decoder(Checkpoint)
