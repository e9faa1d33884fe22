import tracemalloc
from collections.abc import Callable, Iterable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.node.sockets.frames import (
    CloseFrame,
    FrameParser,
    Incoming,
    PingFrame,
    PongFrame,
    Text,
    Violation,
    accept_key,
    close_frame,
    ping_frame,
    pong_frame,
    text_frame,
    xor_mask,
)
from tests.node.rfc6455_cases import (
    CASES,
    CLOSE,
    CONT,
    LIMIT,
    PING,
    PONG,
    TEXT,
    Case,
    chops,
    frame,
    header,
    masked,
)

unhurried = settings(deadline=None)


def parse(chunks: Iterable[bytes]) -> list[Incoming]:
    parser = FrameParser()
    return [item for chunk in chunks for item in parser.feed(chunk)]


def described(items: list[Incoming]) -> list[tuple[object, ...]]:
    """Items as the case table writes them: a violation by its code alone."""
    found: list[tuple[object, ...]] = []
    for item in items:
        match item:
            case Text(payload) | PingFrame(payload) | PongFrame(payload):
                found.append((type(item).__name__.removesuffix("Frame").lower(), payload))
            case CloseFrame(code, reason):
                found.append(("close", code, reason))
            case Violation(code):
                found.append(("violation", code))
    return found


# ---- the table


def test_the_case_table_has_no_id_twice() -> None:
    assert len({case.id for case in CASES}) == len(CASES) > 300


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_client_gets_what_rfc_6455_says(case: Case) -> None:
    assert described(parse(case.chunks_to_send)) == case.expected


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_the_outcome_is_the_same_byte_by_byte(case: Case) -> None:
    assert described(parse(chops(b"".join(case.chunks_to_send), 1))) == case.expected


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_violation_has_a_reason_that_fits_a_close_frame(case: Case) -> None:
    for item in parse(case.chunks_to_send):
        if isinstance(item, Violation):
            assert close_frame(item.code, item.reason)[4:].decode() == item.reason != ""


# ---- properties

masks = st.binary(min_size=4, max_size=4)
sizes = st.one_of(st.integers(0, 300), st.sampled_from([125, 126, 65535, 65536]))
texts = st.one_of(st.text(max_size=200), sizes.map("x".__mul__)).map(str.encode).filter(lambda text: len(text) <= LIMIT)
control = st.tuples(st.sampled_from([PING, PONG]), st.binary(max_size=125))


def control_item(opcode: int, payload: bytes) -> Incoming:
    return PingFrame(payload) if opcode == PING else PongFrame(payload)


@st.composite
def streams(draw: st.DrawFn) -> tuple[list[bytes], list[Incoming], set[int]]:
    """Valid frames, the items that they make, and how many frames have passed when no message is open."""
    frames: list[bytes] = []
    items: list[Incoming] = []
    boundaries = {0}
    for _ in range(draw(st.integers(0, 5))):
        if draw(st.booleans()):
            opcode, payload = draw(control)
            frames.append(frame(opcode, payload, mask=draw(masks)))
            items.append(control_item(opcode, payload))
        else:
            text = draw(texts)
            cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=3)))
            edges = [0, *cuts, len(text)]
            for i, (start, end) in enumerate(pairwise(edges)):
                if i and draw(st.booleans()):
                    opcode, payload = draw(control)
                    frames.append(frame(opcode, payload, mask=draw(masks)))
                    items.append(control_item(opcode, payload))
                final = i == len(edges) - 2
                frames.append(frame(CONT if i else TEXT, text[start:end], fin=final, mask=draw(masks)))
            items.append(Text(text))
        boundaries.add(len(frames))
    return frames, items, boundaries


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


@unhurried
@given(streams(), st.lists(st.integers(0, 2**20), max_size=8))
def test_valid_frames_give_their_items_however_they_are_cut(
    stream: tuple[list[bytes], list[Incoming], set[int]], places: list[int]
) -> None:
    frames, items, _ = stream
    assert parse(cut(b"".join(frames), places)) == items


@unhurried
@given(streams())
def test_mid_frame_is_true_exactly_between_a_beginning_and_its_end(
    stream: tuple[list[bytes], list[Incoming], set[int]],
) -> None:
    frames, _, boundaries = stream
    parser = FrameParser()
    for number, data in enumerate(frames, 1):
        parser.feed(data[:-1])
        assert parser.mid_frame
        parser.feed(data[-1:])
        assert parser.mid_frame == (number not in boundaries)


scraps = st.one_of(
    st.binary(max_size=20),
    st.builds(
        lambda first, second, rest: bytes((first, second)) + rest,
        st.sampled_from([0x00, 0x01, 0x80, 0x81, 0x82, 0x88, 0x89, 0x8A, 0xC1, 0x83]),
        st.one_of(st.integers(0x80, 0x84), st.integers(0, 255)),
        st.binary(min_size=4, max_size=8),
    ),
    st.builds(frame, st.sampled_from([CONT, TEXT, PING, CLOSE]), st.binary(max_size=4), st.booleans()),
)


@settings(deadline=None, max_examples=500)
@given(st.lists(scraps, max_size=6).map(b"".join), st.lists(st.integers(0, 2**10), max_size=8))
def test_any_bytes_give_the_same_items_however_they_are_cut_and_never_raise(data: bytes, places: list[int]) -> None:
    whole = parse([data])
    assert parse(cut(data, places)) == parse(chops(data, 1)) == whole
    assert not any(isinstance(item, CloseFrame | Violation) for item in whole[:-1])


@given(masks, st.binary(max_size=300))
def test_the_fallback_mask_is_the_mask_of_the_rfc(mask: bytes, payload: bytes) -> None:
    assert xor_mask(mask, payload) == masked(payload, mask)


# ---- the parser's own promises


@pytest.mark.parametrize("size", [0, 1, 124, 125, 126, 200])
def test_two_frames_can_be_cut_at_any_byte(size: int) -> None:
    stream = frame(TEXT, b"*" * size) * 2
    for place in range(len(stream) + 1):
        assert parse([stream[:place], stream[place:]]) == [Text(b"*" * size)] * 2


@pytest.mark.parametrize("place", range(10))
def test_a_length_over_the_limit_is_refused_with_its_last_byte(place: int) -> None:
    sent = header(TEXT, LIMIT + 1, mask=None)
    sent = sent[:1] + b"\xff" + sent[2:]
    parser = FrameParser()
    assert parser.feed(frame(PING) + sent[:place]) == [PingFrame(b"")]
    assert described(parser.feed(sent[place:])) == [("violation", 1009)]


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_the_caller_may_reuse_its_receive_buffer(kind: type) -> None:
    parser = FrameParser()
    sent = frame(TEXT, b"kept") + frame(TEXT, b"split")
    buffer = bytearray(sent[:-2])
    items = parser.feed(kind(buffer))
    buffer[:] = bytes(len(buffer))
    assert [*items, *parser.feed(kind(sent[-2:]))] == [Text(b"kept"), Text(b"split")]


@pytest.mark.parametrize("last", [frame(CLOSE), frame(3)], ids=["close", "violation"])
def test_nothing_is_read_or_held_after_the_end(last: bytes) -> None:
    parser = FrameParser()
    parser.feed(frame(TEXT, b"open", fin=False) + last + frame(TEXT, b"late")[:3])
    assert parser.feed(frame(TEXT, b"later")) == []
    assert not parser.mid_frame


@pytest.mark.parametrize("size", [10, 11])
def test_a_message_limit_below_the_short_frames_holds_too(size: int) -> None:
    items = FrameParser(max_message=10).feed(frame(TEXT, b"*" * size))
    assert described(items) == ([("text", b"*" * 10)] if size == 10 else [("violation", 1009)])


def test_control_frames_do_not_count_towards_the_message_limit() -> None:
    stream = frame(TEXT, b"*" * 10, fin=False) + frame(PING, b"p" * 125) + frame(CONT)
    assert FrameParser(max_message=10).feed(stream) == [PingFrame(b"p" * 125), Text(b"*" * 10)]


def test_bad_utf8_fails_in_its_own_fragment() -> None:
    assert described(parse([frame(TEXT, b"good, then \xc0", fin=False)])) == [("violation", 1007)]


def traced_growth(parser: FrameParser, data: bytes) -> int:
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        parser.feed(data)
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("length", [LIMIT, 2**40])
def test_a_declared_length_allocates_nothing(length: int) -> None:
    assert traced_growth(FrameParser(), header(TEXT, length)) < 4096


def test_a_parser_between_frames_holds_no_buffer() -> None:
    data = frame(TEXT, b"*" * LIMIT)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        parsers = [FrameParser() for _ in range(20)]
        for parser in parsers:
            parser.feed(data[:1000])
            parser.feed(data[1000:])
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (after - before) / len(parsers) < 1024


# ---- what the server writes


@pytest.mark.parametrize(
    ("size", "start"),
    [
        (0, b"\x81\x00"),
        (125, b"\x81\x7d"),
        (126, b"\x81\x7e\x00\x7e"),
        (65535, b"\x81\x7e\xff\xff"),
        (65536, b"\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
    ],
)
def test_a_text_frame_carries_its_length_in_the_fewest_bytes(size: int, start: bytes) -> None:
    assert text_frame(b"*" * size) == start + b"*" * size


def test_control_frames_carry_their_payload() -> None:
    assert ping_frame() == b"\x89\x00"
    assert ping_frame(b"now") == b"\x89\x03now"
    assert pong_frame(b"p" * 125) == b"\x8a\x7d" + b"p" * 125


@pytest.mark.parametrize("build", [ping_frame, pong_frame])
def test_a_control_frame_over_125_bytes_is_never_built(build: Callable[[bytes], bytes]) -> None:
    with pytest.raises(ValueError, match="at most 125 bytes"):
        build(b"p" * 126)


def test_a_close_frame_carries_code_and_reason() -> None:
    assert close_frame(1000) == b"\x88\x02\x03\xe8"
    assert close_frame(4001, "no heartbeat") == b"\x88\x0e\x0f\xa1no heartbeat"


def test_a_close_without_a_code_is_answered_without_a_code() -> None:
    (item,) = parse([frame(CLOSE)])
    assert isinstance(item, CloseFrame)
    assert close_frame(item.code) == b"\x88\x00"


@given(st.integers(1000, 4999).filter((1005).__ne__), st.text(max_size=40).map(lambda text: text * 5))
def test_a_close_reason_is_cut_on_a_character_within_123_bytes(code: int, reason: str) -> None:
    sent = close_frame(code, reason)
    carried = sent[4:].decode()
    assert sent[1] == len(sent) - 2 <= 125
    assert reason.startswith(carried)
    assert carried == reason or len(carried.encode()) >= 120


def test_a_lone_surrogate_in_a_reason_does_not_stop_the_close() -> None:
    assert close_frame(1011, "a\ud800b") == b"\x88\x05\x03\xf3a?b"


def test_the_accept_key_is_that_of_the_rfc_example() -> None:
    assert accept_key("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


@pytest.mark.parametrize(
    "key",
    [
        "",
        "dGhlIHNhbXBsZSBub25jZQ",
        "dGhlIHNhbXBsZSBub25jZQ=",
        "dGhlIHNhbXBsZSBub25jZQ===",
        " dGhlIHNhbXBsZSBub25jZQ==",
        "dGhlIHNhbXBsZSBub25jZQ==\n",
        "dGhlIHNhbXBsZS\nBub25jZQ==",
        "dGhlIHNhbXBsZSBub25j",
        "dGhlIHNhbXBsZSBub25jZXM=",
        "dGhlIHNhbXBsZSBub25jZS-_",
        "dGhlIHNhbXBsZSBub25jZé==",
        "AAAA" * 8,
    ],
)
def test_a_key_that_is_not_base64_of_16_bytes_is_refused(key: str) -> None:
    assert accept_key(key) is None
