"""The bodies of events as the file holds them: packed with a dictionary of the words that events have in common.

A letter that is typed is an event of some 230 bytes, of which a quarter is left. A body begins with `{`, a packed one
with `PACKED`: stores of before hold both. Source: RFC 8878 (Zstandard), section 5 (raw content dictionaries).
"""

from __future__ import annotations

import sqlite3
import threading
from typing import Final

import zstandard

PACKED: Final = b"\x01"
"""The first byte of a packed body; another dictionary takes another byte."""

# Never changed: what is stored was packed with it. The commonest words stand last, where they cost least to name.
_WORDS: Final = (
    b'{"type":"task_assigned","channel":"user:","payload":{"task_id":"","title":"","assigned_by":"","due_date":"'
    b'{"type":"brief_generation_progress","channel":"user:","request_id":"","payload":{"stage":"analyzing","progress":'
    b'{"type":"notification","channel":"user:","priority":"high","payload":{"id":"","title":{"en":"","ar":""},"message":'
    b'{"type":"commitment_alert","channel":"user:","priority":"high","payload":{"commitment_id":"","mou_id":"",'
    b'"title":{"en":"","ar":""},"deadline":"","days_until_deadline":,"responsible_department":{"en":"","ar":""},'
    b'"alert_level":1,"next_level_at":'
    b'{"type":"relationship_health_change","channel":"relationship:","payload":{"relationship_id":"","previous_score":,'
    b'"new_score":,"previous_status":"","new_status":"healthy","trigger":,"recommendations":[{"en":"","ar":""}]}}'
    b'{"type":"task_update","channel":"workspace:","payload":{"task_id":"","title":"","status":"in_progress",'
    b'"assignee":"","due_date":"","updated_by":{"user_id":"","user_name":""},"timestamp":'
    b'{"type":"document_comment","channel":"document:","payload":{"id":"","author":{"user_id":"","user_name":""},'
    b'"quote":"","text":"","status":"open","start":,"end":,"version":'
    b'{"type":"dossier_update","channel":"dossier:country:","payload":{"entity_type":"country","entity_id":"",'
    b'"operation":"update","fields_changed":["status"],"updated_by":{"user_id":"","user_name":""},"timestamp":,'
    b'"attributes":{"bold":true,"italic":true,"underline":true,"heading":1,"list":"bullet","link":"https://"},'
    b'"operations":[{"operation_type":"format","position":0,"length":1,"within":{"version":'
    b'{"type":"remote_operation","channel":"document:","payload":{"user_id":"","user_name":"","operation_type":"delete",'
    b'"position":0,"version":1,"length":1,"op_id":"","timestamp":17'
    b'{"type":"remote_operation","channel":"document:","payload":{"user_id":"","user_name":"","operation_type":"insert",'
    b'"position":0,"version":1,"content":"","op_id":"","timestamp":17}}'
)
_DICTIONARY: Final = zstandard.ZstdCompressionDict(_WORDS, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
_FORMAT: Final = zstandard.FORMAT_ZSTD1_MAGICLESS
_LEVEL: Final = 5  # a lower one leaves a fifth more and is not much faster; a higher one saves nothing
_MAX_BODY: Final = 64 << 20  # bytes: no event is as long


class _Packers(threading.local):
    """The packers of one thread, which cannot share them: the writer's and the reader's each have their own."""

    def __init__(self) -> None:
        form = zstandard.ZstdCompressionParameters.from_level(_LEVEL, format=_FORMAT, write_dict_id=False)
        self.pack = zstandard.ZstdCompressor(dict_data=_DICTIONARY, compression_params=form).compress
        self._unpacker = zstandard.ZstdDecompressor(dict_data=_DICTIONARY, format=_FORMAT)

    def unpack(self, packed: bytes) -> bytes:
        if zstandard.get_frame_parameters(packed, format=_FORMAT).content_size > _MAX_BODY:
            raise zstandard.ZstdError("it would be longer than any event")
        return self._unpacker.decompress(packed)


_packers = _Packers()


def packed(body: bytes) -> bytes:
    """Return a body as it is stored: packed, unless that makes it no shorter."""
    short = PACKED + _packers.pack(body)
    return short if len(short) < len(body) or body.startswith(PACKED) else body


def unpacked(stored: bytes) -> bytes:
    """Return the body that is stored so. Raises sqlite3.DataError for a damaged one."""
    if not stored.startswith(PACKED):
        return stored
    try:
        return _packers.unpack(stored[len(PACKED) :])
    except zstandard.ZstdError as damaged:
        raise sqlite3.DataError(f"an event is damaged ({damaged}); restore the store from a backup") from damaged
