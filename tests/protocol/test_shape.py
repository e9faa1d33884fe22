"""The first look at a stranger's frame: it agrees with a count bracket by bracket, and costs what a few passes cost."""

from __future__ import annotations

import json
import sys
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dossier_realtime.protocol import codec

KIB = 1 << 10


def _refused(frame: bytes) -> bool:
    try:
        codec.check_shape(frame)
    except codec.InvalidMessage:
        return True
    return False


def _is_deep(frame: bytes) -> bool:
    """The plain way: one byte after the other."""
    depth, inside, escaped = 0, False, False
    for byte in frame:
        mark = bytes([byte])
        if inside:
            if escaped:
                escaped = False
            elif mark == b"\\":
                escaped = True
            elif mark == b'"':
                inside = False
        elif mark == b'"':
            inside = True
        elif mark in b"[{":
            depth += 1
            if depth > codec.MAX_DEPTH:
                return True
        elif mark in b"]}":
            depth -= 1
    return False


def _poisons(value: Any) -> bool:
    if isinstance(value, dict):
        words = {"__proto__", "__class__", "constructor", "prototype"}
        return not words.isdisjoint(value) or any(map(_poisons, value.values()))
    return isinstance(value, list) and any(map(_poisons, value))


texts = st.text(alphabet='ab"\\[]{}:, é', max_size=6) | st.sampled_from(["__proto__", "constructor", '"prototype":'])
documents = st.recursive(
    st.none() | st.integers(0, 9) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=30,
)


@given(documents, st.integers(0, 20), st.booleans())
def test_any_json_is_judged_by_its_depth_and_its_keys(document: Any, more: int, spaced: bool) -> None:
    for level in range(more):
        document = [document] if level % 2 else {"a": document}
    frame = json.dumps(document, ensure_ascii=False, separators=None if spaced else (",", ":")).encode()
    assert _refused(frame) == (_is_deep(frame) or _poisons(document))


@given(st.lists(st.sampled_from([b"[", b"]", b"{", b"}", b'"', b"\\", b"a"]), max_size=60), st.integers(0, 20))
def test_what_is_no_json_is_judged_alike_unless_it_closes_what_it_never_opened(pieces: list[bytes], more: int) -> None:
    frame = b"[" * more + b"".join(pieces)
    depth, lowest = 0, 0
    for byte in codec._brackets(frame):
        depth += 1 if byte == ord("[") else -1
        lowest = min(lowest, depth)
    if lowest == 0 and not _backslash_outside_strings(frame):
        assert _refused(frame) == _is_deep(frame)


def _backslash_outside_strings(frame: bytes) -> bool:
    """Never in JSON: the decoder refuses it, whatever was thought of its depth."""
    inside = escaped = False
    for byte in frame:
        if inside and escaped:
            escaped = False
        elif byte == ord("\\"):
            if not inside:
                return True
            escaped = True
        elif byte == ord('"'):
            inside = not inside
    return False


@pytest.mark.parametrize(
    "piece",
    [b"[],", b"[[]],", b'"",', b'["["],', b'"\\\\"[],', b"[", b"]", b'{"a":1},', b'"__proto__"   ', b'"constructor" '],
)
def test_a_frame_of_64_kib_takes_as_many_steps_as_one_of_1_kib(piece: bytes) -> None:
    small, big = (_steps(b"[" + piece * (size // len(piece)) + b"]") for size in (KIB, 64 * KIB))
    assert 0 < big <= small + 5


def _steps(frame: bytes) -> int:
    """Lines of Python that the check runs: each hands the whole frame once to a linear pass in C.

    Lines of other modules are not counted: a collection of garbage may call somebody's finalizer at any moment.
    """
    steps = 0

    def trace(running: FrameType, event: str, _: Any) -> Any:
        nonlocal steps
        if running.f_code.co_filename != codec.__file__:
            return None
        steps += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        _refused(frame)
    finally:
        sys.settrace(before)
    return steps
