"""One who edits a text, hears of another's word in it, and undoes everything."""

from __future__ import annotations

from functools import reduce

from dossier_realtime.ot.document import Document, apply
from dossier_realtime.ot.operations import Operation
from dossier_realtime.ot.transform import compose, transform
from dossier_realtime.ot.undo.history import History
from dossier_realtime.ot.undo.landing import Deletions, Landing, first_deleted, landing
from dossier_realtime.protocol.fields import DeletedPlace


class UndoingAuthor:
    """The text, the steps, and the versions that they became; each version takes one step or several."""

    def __init__(self, document: Document) -> None:
        self.first = self.document = document
        self.history = History()
        self.versions: list[Operation] = []

    def edit(self, operation: Operation, *, joined: bool, sent: bool) -> None:
        """Make a step; `sent`: it begins a version."""
        self.history.edited(operation, self.document, join=joined)
        self.document = apply(operation, self.document)
        if sent or not self.versions:
            self.versions.append(operation)
        else:
            self.versions[-1] = compose(self.versions[-1], operation)

    def receive(self, word: Operation, place: int, committed: int) -> tuple[Operation, Landing | None]:
        """Take a word that was inserted at a place of the first text, and committed behind so many versions.

        Return the change of the author's text, and the place in deleted text.
        """
        told = first_deleted(place, self.versions[:committed])
        server, deletions = self.first, Deletions()
        for number, version in enumerate(self.versions[:committed], 1):
            deletions.keep(version, server, [number])
            _, word = transform(version, word)
            server = apply(version, server)
        unconfirmed = reduce(compose, self.versions[committed:], Operation.nothing(server.length))
        within = deletions.landing(None if told is None else DeletedPlace(told[0] + 1, told[1]))
        within = within or landing(word, unconfirmed, server.text)
        change, _ = transform(word, unconfirmed)
        self.history.changed(change, within)
        self.document = apply(change, self.document)
        return change, within

    def undo_all(self) -> None:
        """Undo every step."""
        while (step := self.history.undo(self.document)) is not None:
            self.document = apply(step.operation, self.document)
            step.done()

    def redo_all(self) -> None:
        """Redo every step."""
        while (step := self.history.redo(self.document)) is not None:
            self.document = apply(step.operation, self.document)
            step.done()
