"""Trimming the log of a document: its versions are kept beyond it, packed."""

from __future__ import annotations

import msgspec

from app.core.domain import kept_versions
from app.engine.document_versions import SNAPSHOT_SPACING, payload_of
from app.engine.redis.connection import Client
from app.engine.redis.keys import RedisKeys
from app.engine.redis.log.history import ChannelHead
from app.engine.redis.log.stored_event import decoded
from app.engine.redis.scripts import loader


async def trim_document(
    client: Client, keys: RedisKeys, channel: str, head: ChannelHead, bounds: tuple[int, int, int], most_bytes: int
) -> int:
    """Pack the oldest versions of a document's log and remove them from it; return the oldest that is left there.

    `bounds`: the last version and the last commit that may go, and how many go at most. What is packed takes no more
    than `most_bytes`. A log that another node trims at the same time is left to it. Raises Unavailable.
    """
    place = keys.log, channel, head.generation
    oldest, blobs = await loader.run(client, "document_cut", [keys.meta], *place, *bounds)
    if not blobs:
        return int(oldest)
    try:
        packed = kept_versions.pack([payload_of(decoded(blob).body) for blob in blobs])
    except msgspec.DecodeError:  # a log of before versions had their form: nothing of it is kept
        packed = b""
    cut = int(oldest) + len(blobs)
    return int(
        await loader.run(
            client, "trim_document", [keys.meta], *place, oldest, cut, packed, most_bytes, SNAPSHOT_SPACING
        )
    )
