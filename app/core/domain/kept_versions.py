"""The versions of a document beyond its log, packed: a block of some hundred takes a few bytes a version.

Nothing is lost but the ids of operations, which their authors need for a day only: each version keeps its author, its
time and its operation. Columns of like values (authors, times, positions) are what makes the block small.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Final

import msgspec
import zstandard

from dossier_realtime.protocol.events import RemoteOperationPayload

_LEVEL: Final = 9
_MAX_BLOCK: Final = 256 << 20
"""The bytes of a block before it was packed, at most: a thousand of the largest operations, escaped."""


class _Block(msgspec.Struct, array_like=True):
    """The columns of a block. `by`: indices in `authors`; `times` and `positions`: each less the one before."""

    first: int
    authors: list[tuple[str, str]]
    by: list[int]
    times: list[int | None]
    positions: list[int]
    operations: list[msgspec.Raw]


_payloads = msgspec.msgpack.Decoder(RemoteOperationPayload)
_blocks = msgspec.msgpack.Decoder(_Block)


def pack(versions: Sequence[RemoteOperationPayload]) -> bytes:
    """Return a block of consecutive versions, of which there is at least one."""
    authors: dict[tuple[str, str], int] = {}
    by = [authors.setdefault((one.user_id, one.user_name), len(authors)) for one in versions]
    times, known = list[int | None](), 0
    for one in versions:
        times.append(None if one.timestamp is None else one.timestamp - known)
        known = known if one.timestamp is None else one.timestamp
    positions = [b - a for a, b in pairwise([0, *(one.position for one in versions)])]
    operations = [msgspec.Raw(_stripped(one)) for one in versions]
    block = _Block(versions[0].version, list(authors), by, times, positions, operations)
    return zstandard.ZstdCompressor(level=_LEVEL).compress(msgspec.msgpack.encode(block))


def unpack(packed: bytes) -> list[RemoteOperationPayload]:
    """Return the versions of a block. Raises ValueError where it is damaged."""
    try:
        raw = zstandard.ZstdDecompressor().decompress(packed, max_output_size=_MAX_BLOCK)
        block = _blocks.decode(raw)
        versions = [_payloads.decode(operation) for operation in block.operations]
    except (zstandard.ZstdError, msgspec.DecodeError) as damaged:
        raise ValueError(f"A block of old versions is damaged ({damaged}); restore the store") from damaged
    known = 0
    columns = zip(versions, block.by, block.times, accumulate(block.positions), strict=True)
    for version, (one, author, time, position) in enumerate(columns, block.first):
        one.user_id, one.user_name = block.authors[author]
        one.version, one.position = version, position
        if time is not None:
            one.timestamp = known = known + time
    return versions


def _stripped(one: RemoteOperationPayload) -> bytes:
    bare = msgspec.structs.replace(one, user_id="-", user_name="-", version=0, position=0, op_id=None, timestamp=None)
    return msgspec.msgpack.encode(bare)
