from __future__ import annotations

from hashlib import blake2b, sha256

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dossier_realtime.recording.entry import (
    GENESIS,
    Head,
    Header,
    decode_entry,
    decode_head,
    encode_entry,
    encode_head,
    redact,
)

SEAL = b"0123456789abcdef" * 2
FRAMES = st.one_of(
    st.text().map(str.encode),
    st.text().map(lambda text: msgspec.json.encode({"type": "x", "text": text})),
    st.text(st.characters(max_codepoint=0x9F)).map(lambda text: ("{" + text).encode()),
    st.binary(),
    st.binary().map(lambda data: b"{" + data),
)
HEADERS = st.builds(
    Header,
    seq=st.integers(1, 2**53),
    kind=st.sampled_from(["in", "out", "fanout", "refused"]),
    at=st.floats(0, 1e10),
    session=st.text(),
    user=st.text(),
    channel=st.text(),
    offset=st.integers(0, 2**53),
    commit=st.integers(0, 2**53),
    audience=st.sampled_from(["all", "presence"]),
    detail=st.dictionaries(st.text(), st.one_of(st.text(), st.integers(0, 2**53), st.booleans(), st.lists(st.text()))),
)


def encoded(frame: bytes | str | None) -> bytes:
    return encode_entry(Header(1, "out", 1.5, session="s"), frame, SEAL, GENESIS)[0]


@given(FRAMES, HEADERS)
def test_every_frame_and_header_comes_back_as_it_went_in(frame: bytes, header: Header) -> None:
    line, _ = encode_entry(header, frame, SEAL, GENESIS)
    entry = decode_entry(line)
    assert entry.frame == frame
    assert entry.header == header
    assert not entry.redacted


@given(FRAMES, HEADERS)
def test_an_entry_is_one_line_of_four_parts_without_control_characters(frame: bytes, header: Header) -> None:
    line, _ = encode_entry(header, frame, SEAL, GENESIS)
    assert line.count(b"\t") == 3
    assert line.index(b"\n") == len(line) - 1
    assert not set(line) & (set(range(0x20)) - {0x09, 0x0A})


@pytest.mark.parametrize(
    ("frame", "body"),
    [
        ('{"a":"مذكرة 😀"}', '{"a":"مذكرة 😀"}'.encode()),
        ('{"a":\n1}', b'"{\\"a\\":\\n1}"'),
        ("", b'""'),
        ("hello", b'"hello"'),
        (b"{\xff", b"=e/8="),
        (b"=e/8=", b'"=e/8="'),
        ("{\ud800}", b"=e+2ggH0="),
    ],
)
def test_a_frame_stands_as_it_is_where_it_can(frame: bytes | str, body: bytes) -> None:
    assert encoded(frame).split(b"\t")[3] == body + b"\n"


def test_an_empty_frame_is_not_the_same_as_no_frame() -> None:
    assert decode_entry(encoded("")).frame == b""
    assert decode_entry(encoded(None)).frame is None
    assert not decode_entry(encoded(None)).redacted


def test_the_link_is_computed_as_the_format_says() -> None:
    previous = bytes(range(32))
    line, link = encode_entry(Header(7, "in", 1.5), '{"type":"ping"}', SEAL, previous)
    digest = blake2b(b'{"type":"ping"}', digest_size=32, key=SEAL).digest()
    assert link == sha256(previous + b'{"seq":7,"kind":"in","at":1.5}' + b"\t" + digest).digest()
    assert line == b"\t".join([link.hex().encode(), b'{"seq":7,"kind":"in","at":1.5}', SEAL, b'{"type":"ping"}\n'])
    line, link = encode_entry(Header(7, "stop", 1.5), None, SEAL, previous)
    assert link == sha256(previous + b'{"seq":7,"kind":"stop","at":1.5}').digest()
    assert line == link.hex().encode() + b'\t{"seq":7,"kind":"stop","at":1.5}\t\t\n'


@given(FRAMES)
def test_redaction_leaves_the_link_and_the_header_and_takes_the_frame_and_its_seal(frame: bytes) -> None:
    line = encoded(frame)
    redacted = redact(line)
    entry = decode_entry(redacted)
    assert redacted.split(b"\t")[:2] == line.split(b"\t")[:2]
    assert SEAL not in redacted
    assert entry.redacted
    assert entry.frame is None
    assert redact(redacted) == redacted


def test_equal_frames_have_different_digests() -> None:
    one = redact(encoded("{}"))
    other = redact(encode_entry(Header(1, "out", 1.5, session="s"), "{}", SEAL[::-1], GENESIS)[0])
    assert one.split(b"\t")[2] != other.split(b"\t")[2]


@pytest.mark.parametrize("line", [b"", b"\n", b"a\tb\n", b"a\t{}\t\t\n", b"a\tb\tc\td\te\n"])
def test_a_line_that_is_no_entry_is_a_value_error(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode_entry(line)


def test_a_head_is_read_only_from_its_exact_bytes() -> None:
    data = encode_head(Head(12, "ab" * 32))
    assert decode_head(data) == Head(12, "ab" * 32)
    for other in (data[:-1], data + b"\n", data.replace(b":", b": "), b"", b"{}\n", b"\xff", b'{"seq":"1"}'):
        assert decode_head(other) is None
