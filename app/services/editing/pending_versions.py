"""The versions of a document that are on their way to the log and to its readers."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.core.domain.documents import VersionedDocument
    from app.engine.ports.documents import OperationKey, Version
    from dossier_realtime.ot.operations import Operation

    from .edit_submission import EditSubmission


class PendingVersion(NamedTuple):
    """A version on its way to the log and to its readers. The last version of an edit answers the edit."""

    submission: EditSubmission
    body: bytes
    is_last: bool

    def answer(self, version: int) -> None:
        """Answer the edit's author with `version`, if this is the edit's last one."""
        if self.is_last:
            self.submission.reply(version)


class PendingVersions:
    """The versions of one turn of a document's queue, from their decision until they are delivered or dropped."""

    def __init__(self) -> None:
        self._by_number: dict[int, PendingVersion] = {}

    @property
    def first(self) -> EditSubmission | None:
        """The edit of the first version; None where there is none."""
        return next((one.submission for one in self._by_number.values()), None)

    @property
    def submissions(self) -> list[EditSubmission]:
        """The edit of each version, in the order of the versions."""
        return [one.submission for one in self._by_number.values()]

    def has(self, key: OperationKey | None) -> bool:
        """Return whether an edit of that name is among them."""
        return key is not None and any(one.submission.key == key for one in self._by_number.values())

    def place(
        self,
        submission: EditSubmission,
        steps: Sequence[Operation],
        made: Sequence[Version],
        tentative: VersionedDocument,
        last: Version,
    ) -> None:
        """Advance the tentative document by versions of an edit, of which `last` answers its author."""
        for step, version in zip(steps, made, strict=True):
            tentative.advance(step, submission.author.user_id)
            self._by_number[tentative.version] = PendingVersion(submission, version.body, version is last)

    def claim(self, version: int, frame: bytes) -> PendingVersion | None:
        """Take the version that is delivered as `frame`; the caller answers its author."""
        found = self._by_number.get(version)
        if found is None or found.body != frame:
            return None  # another node's: this queue's own version comes behind it
        return self._by_number.pop(version)

    def answer_all(self) -> None:
        """Answer the authors of versions that no delivery claimed: no connection of this node receives the channel."""
        left, self._by_number = self._by_number, {}
        for version, one in sorted(left.items()):
            one.answer(version)

    def drop(self) -> list[EditSubmission]:
        """Drop the versions, which were not committed, and return the edit of each."""
        dropped = self.submissions
        self._by_number.clear()
        return dropped
