"""Server to client: the end of a cursor, and whether a document takes edits. `protocol.events` exports them.

Fields beyond the contract's are additive: left out of the frame where they have their default
(docs/protocol.md#additional-fields).
"""

from __future__ import annotations

from msgspec import Struct

from ..fields import ChannelField, Id, NullIsAbsent, OrNull, Timestamp


class CursorGonePayload(Struct, kw_only=True):
    """The cursor that is gone."""

    user_id: Id
    cursor_id: Id


class CursorGone(Struct, tag_field="type", tag="cursor_gone", omit_defaults=True, kw_only=True):
    """The end of a cursor: its connection has left the document."""

    channel: ChannelField
    payload: CursorGonePayload


class DocumentStatePayload(NullIsAbsent, Struct, omit_defaults=True, kw_only=True):
    """The state of a document. `read_only_until` is Unix time; a field that is absent does not apply."""

    frozen: bool
    deleted: OrNull[bool] = False
    read_only_until: Timestamp | None = None


class DocumentStateEvent(Struct, tag_field="type", tag="document_state", omit_defaults=True, kw_only=True):
    """A change of whether a document takes edits, for everybody who has it open."""

    channel: ChannelField
    payload: DocumentStatePayload
