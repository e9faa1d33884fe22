"""The place of a new comment in the present text: what its author saw may be versions ago."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from app.core.domain.comments import threads as core
from app.core.domain.comments.threads import CommentError
from dossier_realtime.ot.operations import DoesNotFit
from dossier_realtime.ot.places.anchors import TextAnchor, moved_past
from dossier_realtime.ot.units import splits_pair, to_units
from dossier_realtime.protocol.documents.comments import MAX_REPLACEMENT
from dossier_realtime.protocol.errors import ErrorCode

if TYPE_CHECKING:
    from app.services.commenting.places import CommentPlaces, PresentPlaces
    from dossier_realtime.protocol.http.comments import NewComment

_GONE = "The text was changed meanwhile; read the document, and choose the place again"


class CommentPlace(NamedTuple):
    """An anchor in the present text, and the text that the comment quotes."""

    anchor: TextAnchor
    quote: str


async def place(said: NewComment, channel: str, present: PresentPlaces, places: CommentPlaces) -> CommentPlace:
    """Return the place of a comment that was made on an older version or this one.

    Raises CommentError and Unavailable.
    """
    _check(said)
    versioned = present.versioned
    text, version = versioned.document.text, versioned.version
    if said.epoch is not None and said.epoch != await places.epoch(channel):
        raise _conflict("The document has another history than this version; read it again")
    base = version if said.version is None else said.version
    if base > version:
        raise _conflict(f"The document is at version {version}; read it, and send your comment with that version")
    if not version:
        raise CommentError(404, ErrorCode.NOT_FOUND, "The document has no version yet; write to it first")
    later = await places.since(channel, base, versioned)
    if later is None:
        raise _conflict("The version is older than the edits that are kept; read the document again")
    try:
        anchor = moved_past(TextAnchor(said.start, said.end), later)
    except DoesNotFit:
        raise _wrong("The place is beyond the text; send one within it", "$.end") from None
    if anchor.end > len(text):
        raise _wrong("The place is beyond the text; send one within it", "$.end")
    if splits_pair(text, anchor.start) or splits_pair(text, anchor.end):
        at = "$.start" if splits_pair(text, anchor.start) else "$.end"
        raise _wrong("The place is inside a character; move it to an edge", at)
    is_suggestion = said.replacement is not None
    if anchor.orphaned or (is_suggestion and anchor.end - anchor.start != said.end - said.start):
        raise _conflict(_GONE)
    return CommentPlace(anchor, core.quoted(text, anchor, whole=is_suggestion))


def _check(said: NewComment) -> None:
    if said.end < said.start:
        raise _wrong("The end is before the start; send start and end in their order", "$.end")
    if said.replacement is None:
        if said.text is None:
            raise _wrong("A comment has a text, a suggestion a replacement", "$.text")
        if said.end == said.start:
            raise _wrong("A comment is on a text; send an end behind the start", "$.end")
        return
    if said.end - said.start > MAX_REPLACEMENT:
        raise _wrong(f"A suggestion is for {MAX_REPLACEMENT} units at most; make several", "$.end")
    try:
        replacement = to_units(said.replacement)
    except UnicodeEncodeError:
        raise _wrong("The replacement has a lone surrogate; remove it", "$.replacement") from None
    if len(replacement) > MAX_REPLACEMENT:
        raise _wrong(f"A replacement has {MAX_REPLACEMENT} units at most; make several", "$.replacement")
    if not replacement and said.end == said.start:
        raise _wrong("The suggestion changes nothing; send a replacement", "$.replacement")


def _wrong(text: str, path: str) -> CommentError:
    return CommentError(400, ErrorCode.INVALID_MESSAGE_FORMAT, text, path)


def _conflict(text: str) -> CommentError:
    return CommentError(409, ErrorCode.VERSION_CONFLICT, text)
