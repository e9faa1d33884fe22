"""Soft locks on the fields of a document or a dossier (docs/protocol.md#soft-locks). Both directions."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from ..fields import ChannelField, Count, FieldName, Id, Line, NullIsAbsent, OrNull, Ref

LEASE_SECONDS = 30
MIN_LEASE_SECONDS, MAX_LEASE_SECONDS = 5, 300
LeaseSeconds = Annotated[int, Meta(ge=MIN_LEASE_SECONDS, le=MAX_LEASE_SECONDS)]


class LockPayload(NullIsAbsent, Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The field, and the seconds for which it is held unless it is locked again."""

    field: FieldName
    seconds: OrNull[LeaseSeconds] = LEASE_SECONDS


class LockField(Struct, tag_field="type", tag="lock", omit_defaults=True, kw_only=True):
    """Hold a field, or hold it longer; answered by `lock_state` with its holder, who may be another user."""

    channel: ChannelField
    payload: LockPayload
    ref: Ref | None = None


class UnlockPayload(Struct, frozen=True, forbid_unknown_fields=True):
    """The field."""

    field: FieldName


class UnlockField(Struct, tag_field="type", tag="unlock", omit_defaults=True, kw_only=True):
    """Release a field that the user holds; answered by `lock_state`."""

    channel: ChannelField
    payload: UnlockPayload
    ref: Ref | None = None


class HeldLock(Struct, kw_only=True):
    """A field that a user holds, for `expires_in` seconds unless the user holds it longer."""

    field: FieldName
    user_id: Id
    name: Line
    expires_in: Count


class LockStatePayload(Struct, omit_defaults=True, kw_only=True):
    """The field and its holder; without `user_id` it is free."""

    field: FieldName
    user_id: Id | None = None
    name: Line | None = None
    expires_in: Count | None = None


class LockState(Struct, tag_field="type", tag="lock_state", omit_defaults=True, kw_only=True):
    """The holder of a field: for those who see the channel's presence when it changes, and as a direct answer."""

    channel: ChannelField
    payload: LockStatePayload
    ref: Ref | None = None
