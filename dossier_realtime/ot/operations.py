"""Operations: the components that retain, insert, delete and format, from the first unit of a text to its last.

An operation covers the whole text, as in Google Wave and ot.js. It is kept normal: no empty component, no two
neighbours that could be one, an insert before the delete at its place. So two operations with the same effect on a
text of the same length are equal, and equality is a comparison of tuples.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from dossier_realtime.protocol.commands import Attributes

from .attributes import PLAIN
from .units import Units


class DoesNotFit(ValueError):
    """An operation for a text of another length, or two operations for different texts."""


class Retain(Struct, frozen=True, gc=False):
    """`length` units that stay as they are."""

    length: int


class Insert(Struct, frozen=True, gc=False):
    """Inserted text. It has its own attributes and inherits none from its neighbours."""

    text: Units
    attributes: Attributes = PLAIN


class Delete(Struct, frozen=True, gc=False):
    """`length` units that are deleted."""

    length: int


class Format(Struct, frozen=True, gc=False):
    """`length` units that stay and change their attributes; `None` removes one."""

    length: int
    attributes: Attributes


Span = Retain | Delete | Format
"""The components that cover units of the text before the operation."""

Component = Span | Insert


class Operation(Struct, frozen=True, gc=False):
    """A sequence of normal components. Build one with `Operation.of`, unless the components are known to be normal."""

    components: tuple[Component, ...]

    @classmethod
    def of(cls, *components: Component) -> Operation:
        """Return the normal operation of these components."""
        return cls.normal(components)

    @classmethod
    def normal(cls, components: Iterable[Component]) -> Operation:
        """Return the normal operation of these components."""
        built: list[Component] = []
        for component in components:
            extend(built, component)
        return cls(tuple(built))

    @classmethod
    def nothing(cls, length: int) -> Operation:
        """Return the operation that leaves a text of `length` units as it is."""
        return cls((Retain(length),) if length else ())

    @property
    def before(self) -> int:
        """The length of the text before the operation."""
        return sum(c.length for c in self.components if not isinstance(c, Insert))

    @property
    def after(self) -> int:
        """The length of the text after the operation."""
        return sum(size(c) for c in self.components if not isinstance(c, Delete))

    @property
    def changes(self) -> bool:
        """True for an operation that changes the text or its formatting."""
        return any(not isinstance(c, Retain) for c in self.components)


def size(component: Component) -> int:
    """Return the number of units that a component covers or inserts."""
    return len(component.text) if isinstance(component, Insert) else component.length


def extend(built: list[Component], component: Component) -> None:
    """Append `component` to the components built so far, which stay normal."""
    if isinstance(component, Retain):
        keep(built, component.length)
    elif isinstance(component, Insert):
        if component.text:
            _insert(built, component)
    elif component.length:
        last = built[-1] if built else None
        if isinstance(component, Delete):
            if isinstance(last, Delete):
                built[-1] = Delete(last.length + component.length)
            else:
                built.append(component)
        elif component.attributes == PLAIN:
            keep(built, component.length)
        elif isinstance(last, Format) and last.attributes == component.attributes:
            built[-1] = Format(last.length + component.length, last.attributes)
        else:
            built.append(component)


def keep(built: list[Component], length: int) -> None:
    """Append `Retain(length)` to the components built so far."""
    if not length:
        return
    last = built[-1] if built else None
    if isinstance(last, Retain):
        built[-1] = Retain(last.length + length)
    else:
        built.append(Retain(length))


def _insert(built: list[Component], component: Insert) -> None:
    """Append an insert, in front of a delete that ends what is built: the normal order of the two."""
    deleted = built.pop() if built and isinstance(built[-1], Delete) else None
    last = built[-1] if built else None
    if isinstance(last, Insert) and last.attributes == component.attributes:
        built[-1] = Insert(Units(last.text + component.text), last.attributes)
    else:
        built.append(component)
    if deleted is not None:
        built.append(deleted)


def cut(component: Component, start: int, end: int) -> Component:
    """Return the units from `start` to `end` of a component."""
    if isinstance(component, Insert):
        return Insert(Units(component.text[start:end]), component.attributes)
    if isinstance(component, Format):
        return Format(end - start, component.attributes)
    return type(component)(end - start)
