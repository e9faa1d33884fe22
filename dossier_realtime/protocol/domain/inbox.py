"""Events about a user's inbox (docs/protocol.md#inbox)."""

from __future__ import annotations

from msgspec import Struct

from ..fields import ChannelField, Count


class InboxStatePayload(Struct, omit_defaults=True, kw_only=True):
    """The number of unread entries; `up_to`: the offset up to which all were marked as read.

    `returned`: the ids of entries whose snoozing is over.
    """

    unread: Count
    up_to: Count | None = None
    returned: list[str] | None = None


class InboxState(Struct, tag_field="type", tag="inbox_state", omit_defaults=True, kw_only=True):
    """The inbox after entries were marked or snoozed on one device, or came back; every device gets it."""

    channel: ChannelField
    payload: InboxStatePayload
    offset: Count | None = None
