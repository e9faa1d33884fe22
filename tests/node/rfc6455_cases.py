"""Cases of RFC 6455 for a strict text-only server: data for the parser and for sockets.

Ids that are numbers follow the sections of the Autobahn test suite's groups 1-7 and 9, rewritten for a server
that does not echo, takes text only (binary: 1003) and at most 64 KiB a message (more: 1009). The named cases
are our own.
"""

from dataclasses import dataclass
from itertools import count

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
MASK = b"\x37\xfa\x21\x3d"
LIMIT = 65536


def masked(payload: bytes, mask: bytes = MASK) -> bytes:
    return bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))


def header(opcode: int, length: int, fin: bool = True, rsv: int = 0, mask: bytes | None = MASK) -> bytes:
    """Return a client's frame up to its payload, its length encoded minimally; `mask` None leaves it unmasked."""
    first, flag = fin << 7 | rsv << 4 | opcode, 0x80 if mask else 0
    if length < 126:
        start = bytes((first, flag | length))
    elif length < 65536:
        start = bytes((first, flag | 126)) + length.to_bytes(2, "big")
    else:
        start = bytes((first, flag | 127)) + length.to_bytes(8, "big")
    return start + (mask or b"")


def frame(opcode: int, payload: bytes = b"", fin: bool = True, rsv: int = 0, mask: bytes | None = MASK) -> bytes:
    """Return a whole client frame."""
    return header(opcode, len(payload), fin, rsv, mask) + (masked(payload, mask) if mask else payload)


def fragmented(parts: list[bytes]) -> list[bytes]:
    """Return the frames of one text message, a frame a part."""
    last = len(parts) - 1
    return [frame(CONT if i else TEXT, part, fin=i == last) for i, part in enumerate(parts)]


def close(code: int, reason: bytes = b"") -> bytes:
    return frame(CLOSE, code.to_bytes(2, "big") + reason)


def chops(data: bytes, size: int) -> list[bytes]:
    return [data[i : i + size] for i in range(0, len(data), size)]


@dataclass(frozen=True)
class Case:
    """`expected`: ("text" | "ping" | "pong", payload), ("close", code, reason), ("violation", code)."""

    id: str
    chunks_to_send: list[bytes]
    expected: list[tuple[object, ...]]

    @property
    def expected_pongs(self) -> list[bytes]:
        return [item[1] for item in self.expected if item[0] == "ping" and isinstance(item[1], bytes)]

    @property
    def expected_close(self) -> int | None:
        """The code in the server's close frame: 1005 for a frame without one, None when nothing closes."""
        kind, code, *_ = self.expected[-1] if self.expected else ("", None)
        return code if kind in ("close", "violation") and isinstance(code, int) else None


CASES: list[Case] = []


def case(number: str, chunks: bytes | list[bytes], *expected: tuple[object, ...]) -> None:
    CASES.append(Case(number, [chunks] if isinstance(chunks, bytes) else chunks, list(expected)))


def violation(code: int) -> tuple[object, ...]:
    return ("violation", code)


HELLO = ("text", b"Hello, world!")
hello = frame(TEXT, b"Hello, world!")

# 1: framing
for i, size in enumerate((0, 125, 126, 127, 128, 65535, 65536), 1):
    case(f"1.1.{i}", frame(TEXT, b"*" * size), ("text", b"*" * size))
    case(f"1.2.{i}", frame(BINARY, b"\xfe" * size), violation(1003))
case("1.1.8", chops(frame(TEXT, b"*" * LIMIT), 997), ("text", b"*" * LIMIT))
case("1.2.8", chops(frame(BINARY, b"\xfe" * LIMIT), 997), violation(1003))

# 2: pings and pongs
BYTES = b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff"
PINGS: list[tuple[object, ...]] = [("ping", b"payload-%d" % i) for i in range(10)]
ten_pings = b"".join(frame(PING, b"payload-%d" % i) for i in range(10))
case("2.1", frame(PING), ("ping", b""))
case("2.2", frame(PING, b"Hello, world!"), ("ping", b"Hello, world!"))
case("2.3", frame(PING, BYTES), ("ping", BYTES))
case("2.4", frame(PING, b"\xfe" * 125), ("ping", b"\xfe" * 125))
case("2.5", frame(PING, b"\xfe" * 126), violation(1002))
case("2.6", chops(frame(PING, b"\xfe" * 125), 1), ("ping", b"\xfe" * 125))
case("2.7", frame(PONG), ("pong", b""))
case("2.8", frame(PONG, b"unsolicited"), ("pong", b"unsolicited"))
case("2.9", frame(PONG, b"unsolicited") + frame(PING, b"asked"), ("pong", b"unsolicited"), ("ping", b"asked"))
case("2.10", ten_pings, *PINGS)
case("2.11", chops(ten_pings, 1), *PINGS)

# 3: reserved bits
case("3.1", frame(TEXT, b"Hello, world!", rsv=1), violation(1002))
for i, rsv in enumerate((2, 3, 4), 2):
    sent = [hello, frame(TEXT, b"Hello, world!", rsv=rsv), frame(PING)]
    case(f"3.{i}", sent if rsv == 3 else chops(b"".join(sent), 1 if rsv == 4 else 1000), HELLO, violation(1002))
case("3.5", frame(BINARY, BYTES, rsv=5), violation(1002))
case("3.6", frame(PING, b"Hello, world!", rsv=6), violation(1002))
case("3.7", frame(CLOSE, rsv=7), violation(1002))

# 4: opcodes
for section, first in ((1, 3), (2, 11)):
    case(f"4.{section}.1", frame(first), violation(1002))
    case(f"4.{section}.2", frame(first + 1, b"reserved opcode payload"), violation(1002))
    case(f"4.{section}.3", hello + frame(first + 2) + frame(PING), HELLO, violation(1002))
    case(f"4.{section}.4", hello + frame(first + 3, b"Hello, world!") + frame(PING), HELLO, violation(1002))
    case(f"4.{section}.5", chops(hello + frame(first + 4, b"x") + frame(PING), 1), HELLO, violation(1002))

# 5: fragmentation; most come as one chunk, as a chunk a frame, and byte by byte
WHOLE = ("text", b"fragment1fragment2")
two = fragmented([b"fragment1", b"fragment2"])
interrupted = [two[0], frame(PING, b"ping payload"), two[1]]


def three_ways(first: int, frames: list[bytes], *expected: tuple[object, ...]) -> None:
    joined = b"".join(frames)
    for i, chunks in enumerate(([joined], frames, chops(joined, 1))):
        case(f"5.{first + i}", chunks, *expected)


case("5.1", frame(PING, b"fragment1", fin=False) + frame(CONT, b"fragment2"), violation(1002))
case("5.2", frame(PONG, b"fragment1", fin=False) + frame(CONT, b"fragment2"), violation(1002))
three_ways(3, two, WHOLE)
three_ways(6, interrupted, ("ping", b"ping payload"), WHOLE)
three_ways(9, [frame(CONT, b"of nothing"), hello], violation(1002))
three_ways(12, [frame(CONT, b"of nothing", fin=False), hello], violation(1002))
case(
    "5.15",
    b"".join(two) + frame(CONT, b"fragment3", fin=False) + frame(TEXT, b"fragment4"),
    WHOLE,
    violation(1002),
)
case("5.16", (frame(CONT, b"of nothing", fin=False) + b"".join(two)) * 2, violation(1002))
case("5.17", (frame(CONT, b"of nothing") + b"".join(two)) * 2, violation(1002))
case("5.18", frame(TEXT, b"fragment1", fin=False) + frame(TEXT, b"fragment2"), violation(1002))
five = fragmented([b"fragment%d" % i for i in range(1, 6)])
pinged = [*five[:2], frame(PING, b"pongme 1!"), *five[2:4], frame(PING, b"pongme 2!"), five[4]]
ANSWERS = (
    ("ping", b"pongme 1!"),
    ("ping", b"pongme 2!"),
    ("text", b"fragment1fragment2fragment3fragment4fragment5"),
)
case("5.19", b"".join(pinged), *ANSWERS)
case("5.20", pinged, *ANSWERS)

# 6: UTF-8
UMLAUTS = "Hello-µ@ßöäüàá-UTF-8!!".encode()
KOSME = bytes.fromhex("cebae1bdb9cf83cebcceb5")  # Greek, its accented letter in three bytes
BEYOND = KOSME + b"\xf4\x90\x80\x80edited"
single = [bytes((byte,)) for byte in KOSME + b"\xed\xa0\x80edited"]
case("6.1.1", frame(TEXT), ("text", b""))
case("6.1.2", fragmented([b"", b"", b""]), ("text", b""))
case("6.1.3", fragmented([b"", b"middle", b""]), ("text", b"middle"))
case("6.2.1", frame(TEXT, UMLAUTS), ("text", UMLAUTS))
case("6.2.2", fragmented([UMLAUTS[:13], UMLAUTS[13:]]), ("text", UMLAUTS))
case("6.2.3", fragmented(chops(UMLAUTS, 1)), ("text", UMLAUTS))
case("6.2.4", fragmented(chops(KOSME, 1)), ("text", KOSME))
case("6.3.1", frame(TEXT, b"".join(single)), violation(1007))
case("6.3.2", fragmented(single), violation(1007))
# In 6.4.1 and 6.4.2 the fragment that would end the message never comes: they ask for failing fast.
case("6.4.1", fragmented([KOSME, BEYOND[11:15], b"edited"])[:2], violation(1007))
case("6.4.2", fragmented([BEYOND[:12], BEYOND[12:13], BEYOND[13:]])[:2], violation(1007))
case(
    "6.4.3",
    [header(TEXT, 21), *(masked(BEYOND)[a:b] for a, b in ((0, 11), (11, 15), (15, 21)))],
    violation(1007),
)
case(
    "6.4.4",
    [header(TEXT, 21), *(masked(BEYOND)[a:b] for a, b in ((0, 12), (12, 13), (13, 21)))],
    violation(1007),
)

LONELY = [b"".join(bytes((byte, 0x20)) for byte in range(*bounds)) for bounds in
          ((0xC0, 0xE0), (0xE0, 0xF0), (0xF0, 0xF8), (0xF8, 0xFC), (0xFC, 0xFE))]  # fmt: skip
CUT = "c0 e080 f08080 f8808080 fc80808080 df efbf f7bfbf fbbfbfbf fdbfbfbfbf"


def from_hex(words: str) -> list[bytes]:
    return [bytes.fromhex(word) for word in words.split()]


for i, payload in enumerate([*(f"hello{letter}world".encode() for letter in "$¢€𤭢"), KOSME], 1):
    case(f"6.5.{i}", frame(TEXT, payload), ("text", payload))
for size in range(1, 12):
    whole = size in (2, 5, 7, 9, 11)
    case(f"6.6.{size}", frame(TEXT, KOSME[:size]), ("text", KOSME[:size]) if whole else violation(1007))

# The sequences of Markus Kuhn's decoder stress test: what is valid, then what is not, numbered on from 6.7.
SEQUENCES: list[tuple[list[bytes], list[bytes]]] = [
    (from_hex("00 c280 e0a080 f0908080"), []),
    ([], from_hex("f888808080 fc8480808080")),
    (from_hex("7f dfbf efbfbf f48fbfbf"), []),
    ([], from_hex("f7bfbfbf fbbfbfbfbf fdbfbfbfbfbf")),
    (from_hex("ed9fbf ee8080 efbfbd f48fbfbf"), from_hex("f4908080")),
    ([], [*from_hex("80 bf 80bf 80bf80 80bf80bf 80bf80bf80 80bf80bf80bf"), bytes(range(0x80, 0xC0))]),
    ([], LONELY),
    ([], from_hex(CUT)),
    ([], from_hex(CUT.replace(" ", ""))),
    ([], from_hex("fe ff fefeffff")),
    ([], from_hex("c0af e080af f08080af f8808080af fc80808080af")),
    ([], from_hex("c1bf e09fbf f08fbfbf f887bfbfbf fc83bfbfbfbf")),
    ([], from_hex("c080 e08080 f0808080 f880808080 fc8080808080")),
    ([], from_hex("eda080 edadbf edae80 edafbf edb080 edbe80 edbfbf")),
    ([], [a + b for a in from_hex("eda080 edadbf edae80 edafbf") for b in from_hex("edb080 edbfbf")]),
    ([chr(plane << 16 | low).encode() for plane in range(17) for low in (0xFFFE, 0xFFFF)], []),
    ([chr(code).encode() for code in range(0xFFF9, 0x10000)], []),
]
for section, (valid, invalid) in enumerate(SEQUENCES, 7):
    number = count(1)
    for payload in valid:
        case(f"6.{section}.{next(number)}", frame(TEXT, payload), ("text", payload))
    for payload in invalid:
        case(f"6.{section}.{next(number)}", frame(TEXT, payload), violation(1007))

# 7: close handling
normal = close(1000)
NORMAL = ("close", 1000, "")
case("7.1.1", hello + normal, HELLO, NORMAL)
case("7.1.2", normal + frame(CLOSE), NORMAL)
case("7.1.3", normal + frame(PING), NORMAL)
case("7.1.4", normal + hello, NORMAL)
case("7.1.5", two[0] + normal + two[1], NORMAL)
case("7.1.6", [header(TEXT, 4 * LIMIT), masked(b"BAsd7&jh23"), normal], violation(1009))
case("7.3.1", frame(CLOSE), ("close", 1005, ""))
case("7.3.2", frame(CLOSE, b"a"), violation(1002))
case("7.3.3", normal, NORMAL)
case("7.3.4", close(1000, b"Hello World!"), ("close", 1000, "Hello World!"))
case("7.3.5", close(1000, b"*" * 123), ("close", 1000, "*" * 123))
case("7.3.6", close(1000, b"*" * 124), violation(1002))
case("7.5.1", close(1000, b"".join(single)), violation(1007))
VALID_CODES = (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999, 1012, 1013, 1014)
for i, code in enumerate(VALID_CODES, 1):
    case(f"7.7.{i}", close(code), ("close", code, ""))
for i, code in enumerate((0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 1015), 1):
    case(f"7.9.{i}", close(code), violation(1002))
case("7.13.1", close(5000), violation(1002))
case("7.13.2", close(65535), violation(1002))

# 9: limits. A refused frame is sent as its header and first bytes: the server answers before it reads more.
KIB = 1024
for i, size in enumerate((64 * KIB, 256 * KIB, KIB**2, 4 * KIB**2, 8 * KIB**2, 16 * KIB**2), 1):
    refused = violation(1009)
    part = frame(TEXT, b"*" * size) if size <= LIMIT else header(TEXT, size) + masked(b"*" * KIB)
    case(f"9.1.{i}", part, ("text", b"*" * size) if size <= LIMIT else refused)
    case(f"9.2.{i}", header(BINARY, size) + masked(b"\xfe" * KIB), violation(1003))
for i in range(9):
    size = 64 * 4**i
    fitting = [frame(CONT if n else TEXT, b"*" * size, fin=False) for n in range(LIMIT // size)]
    case(f"9.3.{i + 1}", [*fitting, header(CONT if fitting else TEXT, size, fin=False)], violation(1009))
    case(f"9.4.{i + 1}", header(BINARY, size, fin=False) + masked(b"\xfe" * 64), violation(1003))
for i in range(6):
    case(f"9.5.{i + 1}", chops(header(TEXT, KIB**2) + masked(b"*" * 4 * KIB), 64 << i), violation(1009))
    case(f"9.6.{i + 1}", chops(header(BINARY, KIB**2) + masked(b"\xfe" * 4 * KIB), 64 << i), violation(1003))
for i, size in enumerate((0, 16, 64, 256, 1024, 4096), 1):
    case(f"9.7.{i}", [frame(TEXT, b"*" * size)] * 10, *[("text", b"*" * size)] * 10)
    case(f"9.8.{i}", [frame(BINARY, b"\xfe" * size)] * 10, violation(1003))

# Our own: what that suite does not ask
case("unmasked-text", frame(TEXT, b"{}", mask=None), violation(1002))
case("unmasked-ping", frame(PING, mask=None), violation(1002))
case("unmasked-close", frame(CLOSE, b"\x03\xe8", mask=None), violation(1002))
case("all-zero-mask", frame(TEXT, b"{}", mask=b"\0\0\0\0"), ("text", b"{}"))
case("one-byte-too-many", header(TEXT, LIMIT + 1), violation(1009))
case(
    "one-byte-too-many-over-fragments",
    frame(TEXT, b"*" * LIMIT, fin=False) + header(CONT, 1),
    violation(1009),
)
case("length-2^63-1", header(TEXT, 2**63 - 1, mask=None)[:1] + b"\xff" + b"\x7f" + b"\xff" * 7, violation(1009))
case("length-with-top-bit", b"\x81\xff" + b"\xff" * 8, violation(1009))
case("16-bit-length-of-125", b"\x81\xfe\x00\x7d" + MASK + masked(b"*" * 125), violation(1002))
case(
    "64-bit-length-of-65535",
    b"\x81\xff" + (65535).to_bytes(8, "big") + MASK + masked(b"*" * 65535),
    violation(1002),
)
case("binary-inside-fragmented-text", two[0] + frame(BINARY, b"x"), violation(1002))
case("text-inside-fragmented-text", [two[0], hello], violation(1002))
case("close-without-fin", frame(CLOSE, b"\x03\xe8", fin=False), violation(1002))
case("character-cut-by-the-end-of-fragments", fragmented([b"fragment1", b"\xce"]), violation(1007))
case("10000-empty-fragments", two[0] + frame(CONT, fin=False) * 10_000 + two[1], WHOLE)
case("10001-empty-fragments", two[0] + frame(CONT, fin=False) * 10_001, violation(4502))
case("text-after-a-violation", frame(3) + hello, violation(1002))
