"""A whole new text of a document: the operation from the text that its author read, and its merge with later edits.

Source: docs/protocol.md#whole-texts. Pure.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from dossier_realtime.ot.attributes import PLAIN, applied, exclusive
from dossier_realtime.ot.difference import coarsened, from_hunks, reformatted
from dossier_realtime.ot.document import Document, apply, effective
from dossier_realtime.ot.flat import InvalidOperation, admit, parts, split
from dossier_realtime.ot.operations import DoesNotFit, Operation
from dossier_realtime.ot.transform import compose, transform
from dossier_realtime.ot.units import to_units
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.fields import MAX_DOCUMENT, MAX_INSERT
from dossier_realtime.protocol.responses import FormatRun

from .documents import EditError

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from dossier_realtime.ot.difference import Hunk

MAX_PARTS = 2_000  # operations that one whole new text may become, before others' edits cut it
_MAX_CHANGES = (MAX_PARTS - 2 * MAX_DOCUMENT // MAX_INSERT) // 2  # each a deletion and an insert, long ones several
_STRIDE = 500  # components that are composed in one go
_PATHS = {"$.payload.attributes": "$.format"}


def document_of(content: str, format_runs: Sequence[FormatRun] | None) -> Document:
    """Return the document that a caller wants. Raises EditError, with the path of the faulty member."""
    if "\0" in content:
        raise _invalid("A document takes no NUL; remove it", "$.content")
    units = to_units(content)
    if len(units) > MAX_DOCUMENT:
        raise _invalid(f"A document holds {MAX_DOCUMENT} UTF-16 units; shorten it", "$.content")
    try:
        return Document.of(content, [_exclusive(run) for run in format_runs or ()])
    except ValueError as wrong:
        raise _invalid(str(wrong), "$.format") from None


def _exclusive(run: FormatRun) -> FormatRun:
    return FormatRun(run.position, run.length, applied(exclusive(run.attributes), PLAIN))


def change(before: Document, wanted: Document, hunks: Sequence[Hunk], *, formats: bool) -> Operation:
    """Return the operation from `before` to `wanted`, whose text the hunks lead to.

    Text that stays keeps its formatting; with `formats` it gets that of `wanted`. Where there would be more than
    MAX_PARTS changes of the text, the shortest stretches that stay between two changes are replaced with them. Raises
    EditError for more changes of formatting.
    """
    reworded = from_hunks(hunks, wanted.text)
    if _count(reworded) > MAX_PARTS:
        reworded = from_hunks(coarsened(hunks, _MAX_CHANGES), wanted.text)
    if not formats:
        return reworded
    reworded = compose(reworded, reformatted(apply(reworded, before), wanted))
    if _count(reworded) > 2 * MAX_PARTS:
        raise _invalid(f"More than {MAX_PARTS} stretches change; change their formatting in several calls", "$.format")
    return reworded


def merged(operation: Operation, later: Sequence[Operation]) -> Generator[None, None, Operation]:
    """Return `operation` for the text after `later`, the operations that were committed since it was made.

    These are composed pair by pair, so that the work grows with their number and not with that times the pieces of
    `operation`. Yields now and then, so that other work has its turn. Raises EditError.
    """
    work = 0
    while len(later) > 1:
        shorter: list[Operation] = []
        for at in range(0, len(later) - 1, 2):
            shorter.append(compose(later[at], later[at + 1]))
            work += len(later[at].components) + len(later[at + 1].components)
            if work > _STRIDE:
                work = 0
                yield
        later = [*shorter, *later[len(later) & ~1 :]]
    try:
        return transform(later[0], operation)[1] if later else operation
    except DoesNotFit as wrong:
        raise EditError(ErrorCode.VERSION_CONFLICT, str(wrong)) from None


def versions(operation: Operation, document: Document) -> list[Operation]:
    """Return the part of `operation` that changes `document`, in versions that a message can hold.

    Most whole texts are one version: a batch has up to 500 operations and 64 KiB. Raises EditError.
    """
    try:
        admit(operation, document)
    except InvalidOperation as wrong:
        raise _invalid(wrong.reason, _PATHS.get(wrong.path, "$.content")) from None
    rest = effective(operation, document)
    if sum(1 for _ in islice(parts(rest), 4 * MAX_PARTS + 1)) > 4 * MAX_PARTS:
        text = "Too much was written in between; read the document and send your text with its version as base"
        raise EditError(ErrorCode.VERSION_CONFLICT, text)
    found: list[Operation] = []
    while (divided := split(rest)) is not None:
        first, rest = divided
        found.append(first)
    return found


def _count(operation: Operation) -> int:
    return sum(1 for _ in islice(parts(operation), 2 * MAX_PARTS + 1))


def _invalid(text: str, path: str) -> EditError:
    return EditError(ErrorCode.INVALID_MESSAGE_FORMAT, text, path=path)
