"""`transform` for two concurrent operations on one text, and `compose` for two operations in a row.

The conflict rules of `transform` (docs/protocol.md#concurrent-edits), where `first` was committed first:

- Inserts at one place: the second, committed last, keeps the left. So what two people type at one place, letter by
  letter, stays two whole words: the next letter of each is for a place behind the text of its own author, and the
  other's letters come to lie behind it. The other way round, each letter would fall between two of the other author.
- Both delete: it is deleted once. One deletes, the other formats: it is deleted.
- Both format: the second, committed last, wins, attribute by attribute.
- An insert inside a range that the other deletes stays, and one inside a range that the other formats stays as it
  is: an operation acts on the text that its author saw. (Stretching a format over unseen text would also make the
  result depend on how an edit was cut into parts.)

`transform` satisfies TP1 (Ressel, Nitsche-Ruhland and Gunzenhäuser, CSCW 1996): both orders lead to the same text. TP2,
the harder property of three concurrent operations, is not needed: the server puts all operations in one order, so a
client only ever transforms against that order (Jupiter; Nichols et al., UIST 1995).
"""

from __future__ import annotations

from .attributes import applied, then, without
from .operations import Component, Delete, DoesNotFit, Format, Insert, Operation, Retain, Span, cut, extend, keep, size

_DIFFERENT = "The two operations are for texts of different lengths; load the document again"
_NOT_AFTER = "The second operation is for another text than the first one makes; load the document again"


def transform(first: Operation, second: Operation) -> tuple[Operation, Operation]:
    """Return (first', second'), so that `first` then `second'` equals `second` then `first'` (TP1).

    Both operations are for the same text. Time is linear in the number of components. Raises DoesNotFit where they are
    for texts of different lengths.
    """
    firsts: list[Component] = []
    seconds: list[Component] = []
    xs, ys = iter(first.components), iter(second.components)
    x, y = next(xs, None), next(ys, None)
    # Both operations are walked along their common text, span by span; inserts cover none of it and go first.
    x_left, y_left = _length(x), _length(y)  # units of the span that the other side has not covered yet
    while x is not None or y is not None:
        if isinstance(y, Insert):  # before an insert of `first` at the same place: the second keeps the left
            keep(firsts, len(y.text))
            extend(seconds, y)
            y = next(ys, None)
            y_left = _length(y)
        elif isinstance(x, Insert):
            extend(firsts, x)
            keep(seconds, len(x.text))
            x = next(xs, None)
            x_left = _length(x)
        elif x is None or y is None:
            raise DoesNotFit(_DIFFERENT)
        else:
            shared = x_left if x_left < y_left else y_left
            if isinstance(x, Retain) and isinstance(y, Retain):  # the common case, without building components
                keep(firsts, shared)
                keep(seconds, shared)
            else:
                extend(firsts, remains(x, y, shared, overruled=True))
                extend(seconds, remains(y, x, shared, overruled=False))
            x_left -= shared
            y_left -= shared
            if not x_left:
                x = next(xs, None)
                x_left = _length(x)
            if not y_left:
                y = next(ys, None)
                y_left = _length(y)
    return Operation(tuple(firsts)), Operation(tuple(seconds))


def remains(span: Span, other: Span, length: int, *, overruled: bool) -> Span:
    """Return the part of `span` that is left once `other` was applied to the same `length` units.

    `overruled`: where both set an attribute, `other` wins.
    """
    if isinstance(other, Delete):  # the units are gone: nothing is left to delete, format or retain
        return Retain(0)
    if isinstance(span, Format):
        change = span.attributes
        if overruled and isinstance(other, Format):
            change = without(change, other.attributes)
        return Format(length, change)
    return type(span)(length)


def compose(first: Operation, second: Operation) -> Operation:
    """Return one operation with the effect of `first` and then `second`, which is for the text after `first`.

    Raises DoesNotFit where `second` is for a text of another length.
    """
    built: list[Component] = []
    xs, ys = iter(first.components), iter(second.components)
    x, y = next(xs, None), next(ys, None)
    while x is not None or y is not None:
        if isinstance(x, Delete):  # of the text before both: `second` does not see these units
            extend(built, x)
            x = next(xs, None)
        elif isinstance(y, Insert):  # into the text after both: `first` does not see these units
            extend(built, y)
            y = next(ys, None)
        elif x is None or y is None:
            raise DoesNotFit(_NOT_AFTER)
        else:
            length = size(x)
            shared = min(length, y.length)
            extend(built, _followed(cut(x, 0, shared), cut(y, 0, shared)))
            x = next(xs, None) if length == shared else cut(x, shared, length)
            y = next(ys, None) if y.length == shared else cut(y, shared, y.length)
    return Operation(tuple(built))


def _followed(x: Component, y: Component) -> Component:
    """Return the component with the effect of `x` and then `y` on the same units."""
    match x, y:
        case _, Retain():
            return x
        case Insert(), Delete():  # inserted and deleted again: no trace is left
            return Retain(0)
        case Insert(text, has), Format(_, change):
            return Insert(text, applied(change, has))
        case Format(length, change), Format(_, later):
            return Format(length, then(change, later))
        case _:
            return y


def _length(component: Component | None) -> int:
    return 0 if component is None or isinstance(component, Insert) else component.length
