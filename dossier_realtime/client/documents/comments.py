"""The comments and suggestions of a document that is open (docs/protocol.md#comments)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar
from urllib.parse import quote
from uuid import uuid4

import msgspec

from dossier_realtime.ot.cursor import transform_selection
from dossier_realtime.ot.document import invert
from dossier_realtime.protocol import channels
from dossier_realtime.protocol.documents.comments import DocumentCommentPayload
from dossier_realtime.protocol.http.comments import CommentPage, NewComment, NewReply

from ..errors import ConnectionClosed
from ..io.callback_queue import CallbackQueue, Spawn, logger
from ..io.document_subscription import DocumentSubscription
from ..io.http_calls import HttpCalls
from ..state.document_replica import DocumentReplica

T = TypeVar("T")


class DocumentComments:
    """The comments of a document, as `document.comments` has them.

        await document.comments.load()
        comment = await document.comments.add(0, 5, "Which one?")
        for comment in document.comments.all():
            print(comment.quote, comment.text)

    `all()` has each at its place in `document.text`, moved along with every edit; `orphaned` ones are where their text
    was. Positions count UTF-16 code units. Every call raises PublishError where the service refuses it (`status` 409:
    the text was changed meanwhile), AuthFailed and ConnectFailed.
    """

    def __init__(
        self, replica: DocumentReplica, http: HttpCalls, spawn: Spawn, subscription: DocumentSubscription
    ) -> None:
        self._replica, self._http, self._spawn = replica, http, spawn
        self._subscription = subscription
        self._callbacks = CallbackQueue(spawn)
        self._on_change: list[Callable[[list[DocumentCommentPayload]], Any]] = []
        self._is_followed = False
        self._asked = self._answered = 0  # loads, and up to which of them the list was read
        self._one_load = asyncio.Lock()  # of two answers the later one must be the newer one
        name = channels.parse(replica.channel).segments[-1]
        self._path = f"/v1/documents/{quote(name, safe='')}/comments"

    def all(self) -> list[DocumentCommentPayload]:
        """Return the comments and suggestions in the order of the text; none before `load`."""
        return self._replica.comments.shown(self._replica.unsaved()[0]) if self._is_followed else []

    def on_change(self, callback: Callable[[list[DocumentCommentPayload]], Any]) -> None:
        """Call `callback`, sync or async, with all comments when one is new, changed or removed."""
        self._on_change.append(callback)

    async def load(self) -> list[DocumentCommentPayload]:
        """Read the comments; from then on they are kept up to date, over all reconnects. Return `all()`.

        Raises DeniedError where the document was refused, and ConnectionClosed where it was closed: nothing would keep
        the comments up to date.
        """
        self._asked += 1
        mine = self._asked
        async with self._one_load:
            if self._answered < mine:
                await self._read()
        if self._subscription.ended:
            raise self._subscription.error or ConnectionClosed(f"{self._replica.channel} was closed; open it again")
        return self.all()

    async def add(self, start: int, end: int, text: str) -> DocumentCommentPayload:
        """Comment on the text from `start` to `end`.

        Raises NotSubscribed before `ready`, and ValueError where that text is not saved yet: `wait_synced` first.
        """
        return await self._make(NewComment(*self._place(start, end), text=text))

    async def suggest(self, start: int, end: int, replacement: str, text: str | None = None) -> DocumentCommentPayload:
        """Suggest a replacement for the text from `start` to `end`, and say why. Raises as `add`."""
        return await self._make(NewComment(*self._place(start, end), text=text, replacement=replacement))

    async def reply(self, comment_id: str, text: str) -> DocumentCommentPayload:
        """Reply to a comment."""
        return await self._act("POST", f"/{comment_id}/replies", NewReply(text), key=uuid4().hex)

    async def resolve(self, comment_id: str) -> DocumentCommentPayload:
        """Resolve a comment."""
        return await self._act("POST", f"/{comment_id}/resolve")

    async def reopen(self, comment_id: str) -> DocumentCommentPayload:
        """Open a comment that was resolved, or a suggestion that was rejected, again."""
        return await self._act("POST", f"/{comment_id}/reopen")

    async def accept(self, comment_id: str) -> DocumentCommentPayload:
        """Accept a suggestion: it becomes text, by an edit of this user, which `undo` takes back."""
        self._replica.comments.accepting.add(comment_id)  # before: the edit may come before the answer
        return await self._act("POST", f"/{comment_id}/accept")

    async def reject(self, comment_id: str) -> DocumentCommentPayload:
        """Reject a suggestion."""
        return await self._act("POST", f"/{comment_id}/reject")

    async def remove(self, comment_id: str) -> DocumentCommentPayload:
        """Remove a comment with its replies: the user's own, or any with `admin` on the document."""
        return await self._act("DELETE", f"/{comment_id}")

    def changed(self) -> None:
        """Tell a change, and read the comments again where some were missed. Not for users of the SDK."""
        if self._is_followed and self._replica.comments.is_behind:
            self._spawn(self._reload())
        elif self._is_followed:
            self._tell()

    async def _read(self) -> None:
        """Read the list for all loads that were asked for up to now; again, where the text is loaded anew meanwhile."""
        states = self._replica.comments
        while True:
            asked, mark, resets = self._asked, states.mark, states.resets
            rows: list[DocumentCommentPayload] = []
            after: int | None = 0
            while after is not None:
                page = await self._ask("GET", f"?after={after}", CommentPage)
                rows += page.comments
                after = page.next
            if states.resets == resets:
                break  # else these places may be of a text before that
        self._answered, self._is_followed = asked, True
        states.load(rows, mark)
        self._tell()

    async def _reload(self) -> None:
        try:
            await self.load()
        except Exception as wrong:
            logger.warning("The comments of %s could not be read again: %s", self._replica.channel, wrong)

    def _tell(self) -> None:
        for on_change in self._on_change:
            self._callbacks.put_once(on_change, partial(self._show, on_change))

    def _show(self, on_change: Callable[[list[DocumentCommentPayload]], Any]) -> object:
        return on_change(self.all())

    def _place(self, start: int, end: int) -> tuple[int, int]:
        """Return a place of the text with local edits as a place of the server's text."""
        position, length = transform_selection(start, end - start, invert(*self._replica.unsaved()))
        if length != end - start:
            raise ValueError("The text is not saved yet, or is no text; await wait_synced() before you comment on it")
        return position, position + length

    async def _make(self, said: NewComment) -> DocumentCommentPayload:
        said.version, said.epoch = self._replica.version, self._replica.epoch or None
        return await self._act("POST", "", said, key=uuid4().hex)

    async def _act(
        self, method: str, path: str, body: NewComment | NewReply | None = None, key: str = ""
    ) -> DocumentCommentPayload:
        told = await self._ask(method, path, DocumentCommentPayload, body, key)
        if self._is_followed and self._replica.comments.tell(told):
            self._tell()
        return told

    async def _ask(
        self, method: str, path: str, form: type[T], body: NewComment | NewReply | None = None, key: str = ""
    ) -> T:
        sent = b"{}" if method == "POST" else None  # a POST has a body
        if body is not None:
            said = msgspec.structs.asdict(body)
            sent = msgspec.json.encode({name: value for name, value in said.items() if value is not None})
        headers = {"Idempotency-Key": key} if key else None
        return msgspec.json.decode(await self._http.call(method, self._path + path, sent, headers), type=form)
