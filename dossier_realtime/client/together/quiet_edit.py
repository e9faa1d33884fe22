"""A quiet edit: changes that stay with their author until they are released as one signed version."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.fields import QUIET_FIELD

from ..errors import ConnectionClosed, DeniedError, TimedOut
from ..state.editing.document_status import DocumentStatus

if TYPE_CHECKING:
    from dossier_realtime.protocol.documents.snapshots import SignedSnapshot

    from ..state.document_replica import DocumentReplica
    from ..state.editing.open_transaction import OpenTransaction
    from ..versions import DocumentVersions

RELEASE_SECONDS = 30.0


class QuietEdit:
    """The edits of a document that other users do not have yet, as `document.quiet()` begins them.

        quiet = document.quiet()
        document.replace(0, 5, "Draft")  # and whatever else, over any time
        signed = await quiet.release(versions, note="as agreed with the ministry", name="second draft")

    Meanwhile `text` has the edits, moved past those of others as these come in. The release sends them as one batch,
    one version (several over 500 operations or 64 KiB), and has that version signed by the service with the note. They
    are kept in memory: closing the document while they are held raises UnsavedEdits with the text.
    """

    def __init__(self, editor: QuietDocument, end: Callable[[], None], take_back: Callable[[], None]) -> None:
        self._editor, self._end, self._take_back = editor, end, take_back
        self._is_held, self._is_discarded = True, False
        self.version: int | None = None
        """The released version, once the service has it."""

    @property
    def is_held(self) -> bool:
        """True until the edits are released or discarded."""
        return self._is_held

    async def release(
        self,
        versions: DocumentVersions,
        *,
        note: str | None = None,
        name: str | None = None,
        timeout: float = RELEASE_SECONDS,  # noqa: ASYNC109  of each of two waits
    ) -> SignedSnapshot:
        """Send the edits as one version, and return its signed snapshot; `name`: the version gets it.

        A release that fails loses nothing, and may be tried again: before the edits are sent they are held on; after
        that they are in the text, offered to the service, and what is missing is done.

        Raises DeniedError while the document takes no edits, or where the service refuses to sign; ConnectionClosed
        without a connection, TimedOut, AuthFailed and ConnectFailed, and RuntimeError after `discard`.
        """
        if self._is_held:
            self._check()
            if not await self._editor.flush(timeout):  # the edits of before are versions of their own
                raise TimedOut("The edits before are not saved yet; release again", "")
            self._check()
            self._end()
            self._is_held = False
        elif self._is_discarded:
            raise RuntimeError("The edits were discarded; begin anew with document.quiet()")
        if self.version is None:
            if not await self._editor.flush(timeout):
                raise TimedOut("The edits are sent, and not confirmed yet; release again", "")
            self.version = self._editor.confirmed_version
        return await versions.sign(self.version, note=note, name=name)

    def discard(self) -> None:
        """Take the edits back; no other user has seen them. Does nothing after a release."""
        if self._is_held:
            self._is_held, self._is_discarded = False, True
            self._take_back()

    def _check(self) -> None:
        channel = self._editor.channel
        if self._editor.status is DocumentStatus.READ_ONLY:
            text = "The document takes no edits now; the edits are held, release them later"
            raise DeniedError(ErrorCode.PERMISSION_DENIED, text, channel)
        if self._editor.status is DocumentStatus.STALE:
            raise ConnectionClosed(f"{channel} has no connection now; the edits are held, release them later")


class QuietDocument:
    """The part of an editor that keeps edits quiet. That there are such edits is shown in presence, their text not."""

    if TYPE_CHECKING:
        _draft: OpenTransaction | None
        _owner: object
        _replica: DocumentReplica

        @property
        def channel(self) -> str:
            """The channel of the document."""

        @property
        def status(self) -> DocumentStatus:
            """The status of the document."""

        async def flush(self, timeout: float = ...) -> bool:  # noqa: ASYNC109  as the editor has it
            """Send what waits, as `DocumentEditor` does."""

        show_field: Callable[[str], Callable[[], None]]
        """Show the others that the user edits a field, until the returned function is called."""

        def _alone(self) -> float: ...

        def _opened(self) -> OpenTransaction: ...

        def _end_block(self, draft: OpenTransaction, *, join: bool) -> None: ...

    @property
    def why_unsaved(self) -> str:
        """The reason why edits are not saved; empty where no answer came. Not for users of the SDK."""
        if self._draft is not None and self._owner is QuietEdit:
            return f"a quiet edit of {self.channel} is held, release or discard it first"
        if self.status is DocumentStatus.READ_ONLY:
            return f"{self.channel} takes no edits now"
        return str(self._replica.denied or "")

    def quiet(self) -> QuietEdit:
        """Keep the edits from here on from others, until they are released as one signed version, or discarded.

        Undo and redo wait until then. Raises RuntimeError where a transaction is open, and as an edit.
        """
        self._alone()
        draft, self._owner = self._opened(), QuietEdit
        draft.begin()

        shown_no_more = self.show_field(QUIET_FIELD)

        def take_back() -> None:
            draft.take_back()
            self._draft = None
            shown_no_more()

        def end() -> None:
            self._end_block(draft, join=False)
            shown_no_more()

        return QuietEdit(self, end, take_back)

    @property
    def confirmed_version(self) -> int:
        """The version that the user's last confirmed edit became; 0 before one is."""
        return self._replica.confirmed_version
