"""`GET /v1/journal?session=&user=&channel=&since=&until=&context=&after=&limit=`: export the journal.

A signed NDJSON stream (docs/protocol.md#journal-over-http) for `admin:*`, or for `admin` on the one channel that is
named. Below the highest clearance, and for administrators of one channel, the export is partial: entries that the
caller may not see leave no trace. Addresses and ids of tokens are for `admin:*` alone. The entries of a partial export
are numbered anew, so it has no pages.
"""

from __future__ import annotations

import asyncio
from itertools import islice
from typing import TYPE_CHECKING, ClassVar

import msgspec
import structlog
import tornado.iostream

from app.journal.acts import Act
from app.journal.exports.export import Archive
from app.journal.exports.selection import NothingSelected, Selection
from dossier_realtime.protocol.authorization import decide_operator
from dossier_realtime.protocol.classification import Clearance
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.recording.moments import unix

from .operator_handler import OperatorHandler

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from app.journal.acts import Verb
    from dossier_realtime.protocol.authorization import Identity

_log = structlog.get_logger("journal")
_TIMES = frozenset({"since", "until"})
_PIECE_LINES = 256  # lines read, filtered and written at once
_PAUSE_SECONDS = 0.002  # between two pieces: other connections are served meanwhile


class JournalHandler(OperatorHandler):
    """An export as a stream. Files are read in a thread, so that the loop goes on serving."""

    acts: ClassVar[Mapping[str, tuple[Verb, ...]]] = {"get": ("export_journal",)}

    async def get(self) -> None:
        """Stream the export."""
        named = self.get_query_argument("channel", "")
        channel = named if named and "*" not in named else None
        if channel is not None and not self.check_channel(channel):
            return
        identity = await self.authorize_administrator(channel)
        selection = None if identity is None else self._selection()
        if identity is None or selection is None:
            return
        whole = decide_operator(identity).allowed and identity.clearance is Clearance.SECRET
        if (selection.after or selection.limit) and not whole:
            text = "after and limit need admin:* and the highest clearance: what you may see is numbered anew each time"
            self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, text)
            return
        await self._record(selection, channel or "")
        archive = self.context.records.archive
        lines = self._export(archive, selection, identity, whole=whole)
        self.set_header("Content-Type", "application/x-ndjson; charset=utf-8")
        try:
            while piece := await asyncio.to_thread(lambda: b"".join(islice(lines, _PIECE_LINES))):
                if not self.holds():
                    self._cut_off()
                    return
                self.write(piece)
                await self.flush()
                await asyncio.sleep(_PAUSE_SECONDS)
        except tornado.iostream.StreamClosedError:
            return
        except NothingSelected as nothing:
            self.clear_header("Content-Type")
            self.refuse(404, ErrorCode.NOT_FOUND, str(nothing))
        except (OSError, ValueError) as wrong:
            _log.warning("the journal cannot be exported", error=str(wrong))
            if not self._headers_written:  # otherwise readers miss the last line, and see that it was cut off
                text = "The journal cannot be read here: `python run.py verify` says where it is damaged"
                self.refuse(500, ErrorCode.INTERNAL_ERROR, text)

    async def _record(self, selection: Selection, channel: str) -> None:
        """Record the export; reading on page by page is one act."""
        record = self.context.records.acts
        assert self.actor is not None  # noqa: S101  an administrator
        asked, now = repr(msgspec.structs.replace(selection, after=0, limit=0)), self.now()
        if selection.limit and record.goes_on(self.actor, asked, now):
            return
        # Not an entry of that channel: an export of it would always hold at least that.
        node_name, channels = self.context.access.node_name, (channel,) if channel else ()
        await self.act(Act("export_journal", "journal", node_name, channels=channels))
        if selection.limit:
            record.began(self.actor, asked, now)

    def _cut_off(self) -> None:
        """End a stream whose caller lost the right to it, without the signed last line that readers expect."""
        if self._headers_written:
            self.detach().close()
            self.on_finish()  # Tornado calls it for what it finishes itself
        else:
            self.recheck()

    def _export(self, archive: Archive, selection: Selection, identity: Identity, *, whole: bool) -> Iterator[bytes]:
        policy, at = self.policy, self.context.access.clock().wall
        if whole:
            return archive.export(selection, made_at=at, made_by=identity.user_id)
        return archive.export(
            selection,
            made_at=at,
            made_by=identity.user_id,
            clearance=identity.clearance.label,
            level_of=lambda name: policy.settings(name).level.label,
            personal=decide_operator(identity).allowed,
        )

    def _selection(self) -> Selection | None:
        """Return the selection that the query describes; answer 400 where it is invalid."""
        asked: dict[str, str | float] = {name: self.get_query_argument(name) for name in self.request.query_arguments}
        try:
            asked |= {name: unix(self.get_query_argument(name)) for name in _TIMES & asked.keys()}
            return msgspec.convert(asked, Selection, strict=False)
        except ValueError as wrong:
            text = f"Ask with session, user, channel, since and until (times), context, after and limit: {wrong}"
            self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, text[:500])
            return None
