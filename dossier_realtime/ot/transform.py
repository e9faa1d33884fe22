"""How two operations meet: `transform` for two on one text, `compose` for two in a row.

What `transform` decides (docs/protocol.md#concurrent-edits), where `first` was committed first:

- Inserts at one place: the first keeps the left.
- Both delete: it is deleted once. One deletes, the other formats: it is deleted.
- Both format: the second, committed last, wins, attribute by attribute.
- An insert inside a range that the other deletes stays, and one inside a range that the other formats stays as it
  is: an operation acts on the text that its author saw. (Stretching a format over unseen text would also make the
  result depend on how an edit was cut into parts.)
"""

from __future__ import annotations

from .attributes import applied, then, without
from .operations import Component, Delete, DoesNotFit, Format, Insert, Operation, Retain, Span, cut, extend, keep, size

_DIFFERENT = "The two operations are for texts of different lengths; load the document anew"
_NOT_AFTER = "The second operation is for another text than the first one makes; load the document anew"


def transform(first: Operation, second: Operation) -> tuple[Operation, Operation]:
    """(first', second') with `first` then `second'` the same as `second` then `first'` (TP1).

    Both are for the same text; raises DoesNotFit where its lengths differ. Time is linear in the components.
    """
    firsts: list[Component] = []
    seconds: list[Component] = []
    xs, ys = iter(first.components), iter(second.components)
    x, y = next(xs, None), next(ys, None)
    x_left, y_left = _length(x), _length(y)  # units of the span that have not met the other side
    while x is not None or y is not None:
        if isinstance(x, Insert):
            extend(firsts, x)
            keep(seconds, len(x.text))
            x = next(xs, None)
            x_left = _length(x)
        elif isinstance(y, Insert):
            keep(firsts, len(y.text))
            extend(seconds, y)
            y = next(ys, None)
            y_left = _length(y)
        elif x is None or y is None:
            raise DoesNotFit(_DIFFERENT)
        else:
            shared = x_left if x_left < y_left else y_left
            if isinstance(x, Retain) and isinstance(y, Retain):  # most of every text
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
    """What is left to do of `span` once `other` is done to the same `length` units.

    `overruled`: where both set an attribute, `other` has the last word.
    """
    if isinstance(other, Delete):
        return Retain(0)
    if isinstance(span, Format):
        change = span.attributes
        if overruled and isinstance(other, Format):
            change = without(change, other.attributes)
        return Format(length, change)
    return type(span)(length)


def compose(first: Operation, second: Operation) -> Operation:
    """One operation that does what `first` does, and `second` to the text that `first` made.

    Raises DoesNotFit where `second` is for a text of another length.
    """
    built: list[Component] = []
    xs, ys = iter(first.components), iter(second.components)
    x, y = next(xs, None), next(ys, None)
    while x is not None or y is not None:
        if isinstance(x, Delete):
            extend(built, x)
            x = next(xs, None)
        elif isinstance(y, Insert):
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
    """What `x` and then `y` do to the same units."""
    match x, y:
        case _, Retain():
            return x
        case Insert(), Delete():
            return Retain(0)
        case Insert(text, has), Format(_, change):
            return Insert(text, applied(change, has))
        case Format(length, change), Format(_, later):
            return Format(length, then(change, later))
        case _:
            return y


def _length(component: Component | None) -> int:
    return 0 if component is None or isinstance(component, Insert) else component.length
