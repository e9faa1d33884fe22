"""Recorded editing: who typed what, and what each had seen of the others when they typed it.

The format is that of the public collection josephg/editing-traces: a graph of transactions, each with its parents, its
agent and patches `[position, deleted, inserted]` whose positions count code points. A sequential trace has neither
agents nor parents. `endContent` is the text that its people ended with.
"""

from __future__ import annotations

import gzip
from pathlib import Path

import msgspec

from dossier_realtime.ot.operations import Delete, Insert, Operation, Retain
from dossier_realtime.ot.units import Units, from_units, to_units

Patch = tuple[int, int, str]

NOTHING = -1
"""In `Transaction.sees`: nothing of the others."""


class _Said(msgspec.Struct):
    """A transaction as the file has it."""

    patches: list[Patch]
    parents: list[int] | None = None
    agent: int = 0


class _File(msgspec.Struct, rename="camel"):
    txns: list[_Said]
    end_content: str
    start_content: str = ""
    num_agents: int = 1


class Transaction(msgspec.Struct, frozen=True):
    """The patches of one agent. `sees`: the number of the last transaction of another agent that it had seen.

    It had seen all of the others' up to that one, and none behind it.
    """

    agent: int
    sees: int
    patches: list[Patch]


class Trace(msgspec.Struct, frozen=True):
    """A recording, in an order in which every transaction comes behind those that it had seen."""

    agents: int
    start: str
    end: str
    transactions: list[Transaction]


def read(file: Path) -> Trace:
    """Return the trace of a file, `.json` or `.json.gz`. Raises ValueError where its people saw no common order."""
    content = file.read_bytes()
    said = msgspec.json.decode(gzip.decompress(content) if file.suffix == ".gz" else content, type=_File)
    clocks: list[list[int]] = []  # how many transactions of each agent lie before, itself included
    counts = [0] * said.num_agents
    numbers: list[list[int]] = [[] for _ in counts]
    transactions = []
    for number, one in enumerate(said.txns):
        parents = one.parents if one.parents is not None else list(range(number)[-1:])
        clock = [max((clocks[parent][agent] for parent in parents), default=0) for agent in range(said.num_agents)]
        others = [agent for agent in range(said.num_agents) if agent != one.agent]
        sees = max((numbers[agent][clock[agent] - 1] for agent in others if clock[agent]), default=NOTHING)
        unseen = min((numbers[agent][clock[agent]] for agent in others if clock[agent] < counts[agent]), default=number)
        if unseen < sees or clock[one.agent] != counts[one.agent]:
            raise ValueError(f"What transaction {number} had seen is no beginning of the common order")
        transactions.append(Transaction(one.agent, sees, one.patches))
        clock[one.agent] += 1
        counts[one.agent] += 1
        numbers[one.agent].append(number)
        clocks.append(clock)
    return Trace(said.num_agents, said.start_content, said.end_content, transactions)


def operation_of(patch: Patch, text: Units) -> Operation:
    """Return the operation of a patch on the text that its agent saw."""
    position, deleted, inserted = patch
    start = _units_before(text, position)
    end = _units_before(text, position + deleted)
    return Operation.of(Retain(start), Insert(to_units(inserted)), Delete(end - start), Retain(len(text) - end))


def _units_before(text: Units, code_points: int) -> int:
    return code_points if text.isascii() else len(to_units(from_units(text)[:code_points]))
