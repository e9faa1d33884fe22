"""Many replacements in one text: in a transaction and one by one, and the way through the server. See README.md."""

from __future__ import annotations

import time
from collections.abc import Callable

from dossier_realtime.client.state.editing.open_transaction import OpenTransaction
from dossier_realtime.ot.collab import Log, Pending, receive
from dossier_realtime.ot.document import Document
from dossier_realtime.ot.operations import Delete, Insert, Operation, Retain
from dossier_realtime.ot.units import to_units

COUNTS = (500, 1_000, 2_000, 4_000)
ROUNDS = 5
_OLD, _NEW = "the old words ", to_units("new ")


def in_a_transaction(pending: Pending, count: int) -> None:
    """Make the replacements as `with document.transaction()` does."""
    draft = OpenTransaction(pending.local, None)
    draft.begin()
    for number in range(count):
        draft.edit(number * (len(_OLD) + len(_NEW) - 8), [Insert(_NEW), Delete(8)])
    pending.edit(draft.end())


def one_by_one(pending: Pending, count: int) -> None:
    """Make the replacements as so many edits."""
    for number in range(count):
        position, length = number * (len(_OLD) + len(_NEW) - 8), pending.local.length
        pending.edit(Operation.of(Retain(position), Insert(_NEW), Delete(8), Retain(length - position - 8)))


def saved(pending: Pending) -> int:
    """Send all that waits, commit it as a server does, and return the number of versions."""
    log, document, messages = Log(), pending.server, 0
    while (payload := pending.send(f"id-{messages}")) is not None:
        made, document = receive(payload, document, log)
        for operation in made:
            log.append(operation)
        pending.acknowledged(payload.op_id, log.tip)
        messages += 1
    return log.tip


def measured(count: int, make: Callable[[Pending, int], None]) -> tuple[float, float, int]:
    """Return (ms to make the edits, ms to save them, versions): the fastest of some rounds."""
    document, best, versions = Document.of(_OLD * count), (float("inf"), float("inf")), 0
    for _ in range(ROUNDS):
        pending = Pending(document, 0)
        began = time.perf_counter()
        make(pending, count)
        made = time.perf_counter()
        versions = saved(pending)
        best = min(best[0], 1e3 * (made - began)), min(best[1], 1e3 * (time.perf_counter() - made))
    return *best, versions


def main() -> None:
    """Print a row for each count; `ratio` is the time for a replacement, against that with the smallest count."""
    for make in (in_a_transaction, one_by_one):
        print(f"{make.__name__.replace('_', ' ')}\nreplacements  made, ms  saved, ms  versions  ratio")
        first = 0.0
        for count in COUNTS:
            made, committed, versions = measured(count, make)
            each = (made + committed) / count
            first = first or each
            print(f"{count:>12,} {made:>9.1f} {committed:>10.1f} {versions:>9,} {each / first:>6.2f}")


if __name__ == "__main__":
    main()
