"""The server half of RFC 6455 framing, without I/O: bytes in, items out, and the frames that a server sends.

The service speaks text only and negotiates no extension, so binary messages and RSV bits are violations.
"""

import base64
import hashlib
from codecs import getincrementaldecoder

import msgspec

from dossier_realtime.protocol.errors import CloseCode

MAX_CONTROL = 125  # bytes of payload in a control frame
NO_STATUS = 1005  # stands for "no code given", never sent

_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
_OPCODES = frozenset((_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG))
_FIN, _RSV, _MASKED = 0x80, 0x70, 0x80
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_Utf8 = getincrementaldecoder("utf-8")


class Text(msgspec.Struct, frozen=True, gc=False):
    """A whole message; `payload` is valid UTF-8."""

    payload: bytes


class PingFrame(msgspec.Struct, frozen=True, gc=False):
    """A ping; it is answered by a pong with its payload."""

    payload: bytes


class PongFrame(msgspec.Struct, frozen=True, gc=False):
    """A pong, asked for or not."""

    payload: bytes


class CloseFrame(msgspec.Struct, frozen=True, gc=False):
    """The peer's close frame; `code` is 1005 when it gave none."""

    code: int
    reason: str


class Violation(msgspec.Struct, frozen=True, gc=False):
    """A breach of RFC 6455 by the peer: fail the connection with this close code and reason."""

    code: CloseCode
    reason: str


Incoming = Text | PingFrame | PongFrame | CloseFrame | Violation


class _EndError(Exception):
    """Raised after the last item: everything behind it is ignored."""

    def __init__(self, last: CloseFrame | Violation) -> None:
        self.last = last


def _violation(code: CloseCode, reason: str) -> _EndError:
    return _EndError(Violation(code, reason))


def _broken(reason: str) -> _EndError:
    return _violation(CloseCode.PROTOCOL_ERROR, reason)


class _Fragments:
    """The message whose final frame has not come yet."""

    __slots__ = ("empty", "payload", "utf8")

    def __init__(self) -> None:
        self.payload = bytearray()
        self.utf8 = _Utf8()
        self.empty = 0


def xor_mask(mask: bytes, data: bytes) -> bytes:
    """Apply the 4-byte `mask` to `data` (RFC 6455 section 5.3) as one XOR of two long integers."""
    size = len(data)
    key = (mask * ((size + 3) // 4))[:size]
    return (int.from_bytes(data, "little") ^ int.from_bytes(key, "little")).to_bytes(size, "little")


try:
    from tornado.speedups import websocket_mask as _unmask
except ImportError:  # Tornado's compiled extension is optional
    _unmask = xor_mask


class FrameParser:
    """The parser of one client's bytes into whole messages and control frames.

    `max_message` bounds a message in bytes, over all its fragments; `max_empty_fragments` bounds the empty
    continuation frames of one message, which that limit cannot see.
    """

    __slots__ = ("_fragments", "_max_empty_fragments", "_max_message", "_needed", "_over", "_pending")

    def __init__(self, max_message: int = 65536, max_empty_fragments: int = 10_000) -> None:
        self._max_message = max_message
        self._max_empty_fragments = max_empty_fragments
        self._pending: bytearray | None = None  # the start of a frame, None between frames
        self._needed = 0  # no step forward is possible before `_pending` holds so many bytes
        self._fragments: _Fragments | None = None
        self._over = False

    @property
    def mid_frame(self) -> bool:
        """True while a frame or a fragmented message has begun and not ended.

        Under a steady stream this can stay true over many messages: a caller that limits the time of one
        restarts its clock whenever `feed` returned a `Text`.
        """
        return self._pending is not None or self._fragments is not None

    def feed(self, data: bytes | bytearray | memoryview) -> list[Incoming]:
        """Return the items that `data` completes, in order. Never raises, whatever the bytes.

        A `CloseFrame` or `Violation` is always the last item: everything after it is ignored. `data` is not kept.
        """
        if self._over:
            return []
        if self._pending is None:
            chunk = data if isinstance(data, bytes) else bytes(data)
        else:
            self._pending += data
            if len(self._pending) < self._needed:
                return []
            chunk = bytes(self._pending)
            self._pending = None

        items: list[Incoming] = []
        size = len(chunk)
        start = 0
        try:
            # The common case: exactly one whole text frame with a one-byte length (128 + payload).
            if (
                6 <= size <= 131
                and chunk[0] == 0x81
                and chunk[1] == size + 122
                and self._fragments is None
                and size <= self._max_message + 6
            ):
                return [_text(_unmask(chunk[2:6], chunk[6:]))]
            while (end := self._frame(chunk, start, items)) > start:
                start = end
        except _EndError as end_of_stream:
            items.append(end_of_stream.last)
        except UnicodeDecodeError:
            items.append(Violation(CloseCode.INVALID_TEXT, "invalid UTF-8: encode text and reasons as UTF-8"))
        else:
            if start < size:
                self._pending = bytearray(memoryview(chunk)[start:])
            return items
        self._over = True
        self._fragments = None
        return items

    def _frame(self, chunk: bytes, start: int, items: list[Incoming]) -> int:
        """Read the frame at `start` into `items` and return its end, or `start` when bytes of it are missing.

        The checks come in the order of the bytes, each as soon as its bytes are there, so that the chunking
        cannot change the outcome and a declared length is judged before any payload is read.
        """
        size = len(chunk)
        if size < start + 2:
            self._needed = 2
            return start
        first, second = chunk[start], chunk[start + 1]
        length = second & 0x7F
        if first != 0x81 or second < _MASKED or self._fragments is not None:
            _check_start(first, second, self._fragments is not None)

        mask_at = start + (2 if length < 126 else 4 if length == 126 else 10)
        if size < mask_at:
            self._needed = mask_at - start
            return start
        is_data = first & 0x08 == 0
        minimum = 0
        if length > MAX_CONTROL:
            minimum = 126 if length == 126 else 65536
            length = int.from_bytes(chunk[start + 2 : mask_at], "big")
        held = len(self._fragments.payload) if self._fragments is not None else 0
        if is_data and held + length > self._max_message:
            raise _violation(CloseCode.TOO_BIG, f"message too big: send at most {self._max_message} bytes")
        if length < minimum:
            raise _broken("length not minimal: encode it in the fewest bytes")

        payload_at = mask_at + 4
        end = payload_at + length
        if size < end:
            self._needed = end - start
            return start
        payload = _unmask(chunk[mask_at:payload_at], chunk[payload_at:end])
        if first == 0x81:
            items.append(_text(payload))
        elif is_data:
            self._fragment(first, payload, items)
        elif first == _FIN | _PING:
            items.append(PingFrame(payload))
        elif first == _FIN | _PONG:
            items.append(PongFrame(payload))
        else:
            raise _EndError(_close(payload))
        return end

    def _fragment(self, first: int, payload: bytes, items: list[Incoming]) -> None:
        """Add one frame of a fragmented message, failing on bad UTF-8 in the fragment that brings it."""
        final = first & _FIN != 0
        if self._fragments is None:
            self._fragments = _Fragments()
        elif not payload:
            self._fragments.empty += 1
            if self._fragments.empty > self._max_empty_fragments:
                raise _violation(CloseCode.PROTOCOL_ABUSE, "too many empty fragments: send fewer")
        self._fragments.utf8.decode(payload, final)
        self._fragments.payload += payload
        if final:
            items.append(Text(bytes(self._fragments.payload)))
            self._fragments = None


def _check_start(first: int, second: int, fragmented: bool) -> None:
    """Judge the first two bytes of a frame; `fragmented` says that a message waits for its continuation."""
    opcode = first & 0x0F
    if second < _MASKED:
        raise _broken("unmasked frame: a client masks every frame")
    if first & _RSV:
        raise _broken("reserved bits set: no extension was negotiated, send them as 0")
    if opcode not in _OPCODES:
        raise _broken(f"reserved opcode {opcode}: send text, close, ping or pong")
    if opcode >= _CLOSE:
        if not first & _FIN:
            raise _broken("fragmented control frame: send it as one frame")
        if second & 0x7F > MAX_CONTROL:
            raise _broken(f"control frame too long: send at most {MAX_CONTROL} bytes")
    elif fragmented and opcode != _CONTINUATION:
        raise _broken("new message inside a fragmented one: finish that one first")
    elif opcode == _CONTINUATION and not fragmented:
        raise _broken("continuation of nothing: begin a message with a text frame")
    elif opcode == _BINARY:
        raise _violation(CloseCode.UNSUPPORTED_DATA, "binary message: send JSON in text messages")


def _text(payload: bytes) -> Text:
    if not payload.isascii():  # spares a copy for most messages
        payload.decode()
    return Text(payload)


def _close(payload: bytes) -> CloseFrame:
    if not payload:
        return CloseFrame(NO_STATUS, "")
    code = int.from_bytes(payload[:2], "big")  # a single byte makes no valid code
    # RFC 6455 section 7.4 and the IANA registry: 1004-1006 and 1015 are never sent.
    if not (1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999):
        raise _broken(f"invalid close code {code}: send two bytes, a registered code or 3000-4999")
    return CloseFrame(code, payload[2:].decode())


def text_frame(payload: bytes) -> bytes:
    """Return one whole text message; `payload` must be UTF-8."""
    return text_head(len(payload)) + payload


def text_head(size: int) -> bytes:
    """Return the head of a text frame whose payload has `size` bytes."""
    if size < 126:
        return bytes((_FIN | _TEXT, size))
    if size < 65536:
        return bytes((_FIN | _TEXT, 126)) + size.to_bytes(2, "big")
    return bytes((_FIN | _TEXT, 127)) + size.to_bytes(8, "big")


def ping_frame(payload: bytes = b"") -> bytes:
    """Return a ping.

    Raises:
        ValueError: the payload has more than 125 bytes.
    """
    return _control_frame(_PING, payload)


def pong_frame(payload: bytes) -> bytes:
    """Return a pong.

    Raises:
        ValueError: the payload has more than 125 bytes; that of a parsed ping never has.
    """
    return _control_frame(_PONG, payload)


def close_frame(code: int, reason: str = "") -> bytes:
    """Return a close frame, its reason cut at a character to 123 bytes of UTF-8.

    Code 1005 ("none given") is never sent but makes the empty frame: a `CloseFrame` is answered with its own code.
    """
    if code == NO_STATUS:
        return _control_frame(_CLOSE, b"")
    cut = reason.encode(errors="replace")[: MAX_CONTROL - 2].decode(errors="ignore").encode()
    return _control_frame(_CLOSE, code.to_bytes(2, "big") + cut)


def _control_frame(opcode: int, payload: bytes) -> bytes:
    if len(payload) > MAX_CONTROL:
        raise ValueError(f"a control frame carries at most {MAX_CONTROL} bytes: shorten these {len(payload)}")
    return bytes((_FIN | opcode, len(payload))) + payload


def accept_key(key: str) -> str | None:
    """Return the Sec-WebSocket-Accept for a Sec-WebSocket-Key, None for a key that is not base64 of 16 bytes."""
    try:
        nonce = base64.b64decode(key, validate=True)
    except ValueError:
        return None
    if len(nonce) != 16:
        return None
    return base64.b64encode(hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest()).decode()
