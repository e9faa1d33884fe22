"""Frames from clients: what is refused, and what is said about it."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct, inspect

from dossier_realtime.protocol import codec
from dossier_realtime.protocol.commands import Command, EditOperation, Ping, Subscribe
from dossier_realtime.protocol.events import Event
from dossier_realtime.protocol.inbound import INBOUND, InboundMessage
from tests.protocol.samples import Path, full, json_path, places, put

COMMANDS: tuple[type[Struct], ...] = get_args(Command)
EVENTS: tuple[type[Struct], ...] = get_args(Event)
INBOUND_FORMS: tuple[type[Struct], ...] = (*COMMANDS, *INBOUND.values())
SAID = [str(form.__struct_config__.tag) for form in INBOUND_FORMS]

INTEGERS = [(form, *place) for form in INBOUND_FORMS for place in places(form, inspect.IntType)]
ENUMERATIONS = [(form, *place) for form in INBOUND_FORMS for place in places(form, inspect.LiteralType)]
STRINGS = [(form, path) for form in INBOUND_FORMS for path, _ in places(form, inspect.StrType)]
IDENTIFIERS = [(form, path) for form, path in STRINGS if str(path[-1]).endswith("_id") and path[-1] != "op_id"]


def _refused(frame: bytes) -> codec.InvalidMessage:
    with pytest.raises(codec.InvalidMessage) as refused:
        codec.decode_command(frame)
    return refused.value


def _frame(document: object) -> bytes:
    return json.dumps(document).encode()


def _place(value: object) -> str:
    if isinstance(value, type):
        return value.__name__
    return json_path(value) if isinstance(value, tuple) else str(value)


@pytest.mark.parametrize("form", INBOUND_FORMS, ids=_place)
def test_a_message_with_every_field_is_accepted(form: type[Struct]) -> None:
    command = codec.decode_command(_frame(full(form)))
    assert type(command.event if isinstance(command, InboundMessage) else command) is form


# --- what is no JSON, or no JSON that a message could be ---------------------------------------------------


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b" ",
        b'{"type":"ping"',
        b'{"type":"ping"}x',
        b'{"type":"ping"}{"type":"ping"}',
        b'{"type":"ping"} // fine',
        b'/**/{"type":"ping"}',
        b"{'type':'ping'}",
        b'{"type":"ping",}',
        b'{type:"ping"}',
        b'\xef\xbb\xbf{"type":"ping"}',
        b'{"type":"ping","ref":"\xff"}',
        b'{"type":"ping","ref":"\xed\xa0\x80"}',
        b'{"type":"ping","more":"\xff"}',
        b'{"type":"ping","more\x8c":1}',
        b'{"type":"ping","ref":"a\nb"}',
        b'{"type":"ping","timestamp":01}',
        b'{"type":"ping","timestamp":+1}',
        b'{"type":"ping","timestamp":NaN}',
        b'{"type":"ping","timestamp":Infinity}',
        b'{"type":"ping","timestamp":-Infinity}',
        b'{"type":"ping","more":NaN}',
    ],
)
def test_what_is_not_json_is_refused(frame: bytes) -> None:
    refused = _refused(frame)
    assert refused.path == "$"
    assert "send exactly one JSON object" in refused.reason


@pytest.mark.parametrize("frame", [b"null", b"true", b"1", b'"ping"', b"[]", b'[{"type":"ping"}]'])
def test_what_is_not_an_object_is_refused(frame: bytes) -> None:
    assert _refused(frame).path == "$"


@pytest.mark.parametrize("number", ["1e400", "-1e400", "1E+99999"])
@pytest.mark.parametrize(
    "frame",
    [
        '{"type":"ping","timestamp":%s}',
        '{"type":"cursor_position","channel":"document:1","payload":{"position":%s}}',
        '{"type":"brief_generation_complete","request_id":"r","payload":{"generation_time":%s}}',
    ],
)
def test_a_number_too_large_for_any_type_is_refused(frame: str, number: str) -> None:
    assert _refused((frame % number).encode()).path != "$"


@pytest.mark.parametrize("depth", [17, 1_000, 30_000])
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}"), (b"[", b"")])
def test_deep_nesting_is_refused(depth: int, opening: bytes, closing: bytes) -> None:
    refused = _refused(b'{"type":"ping","more":' + opening * depth + b"1" + closing * depth + b"}")
    assert "deeper than 16 levels" in refused.reason


def test_nesting_is_counted_by_depth_and_not_by_brackets() -> None:
    flat = b'{"type":"ping","more":[' + b",".join([b"[]"] * 100) + b"]}"
    assert codec.decode_command(flat) == Ping()
    inside = b'{"type":"ping","more":' + b"[" * 15 + b"]" * 15 + b"}"
    assert codec.decode_command(inside) == Ping()
    quoted = b'{"type":"ping","ref":"' + b"[{" * 30 + b'","more":"\\"[[[[[[[[[[[[[[[[["}'
    assert codec.decode_command(quoted) == Ping(ref="[{" * 30)


@pytest.mark.timeout(60)  # linear in a moment, quadratic in days
@pytest.mark.parametrize("piece", [b'\\"', b'"', b"\\", b'"a'])
def test_strings_that_never_end_are_scanned_once(piece: bytes) -> None:
    _refused(b'"' + piece * 1_000_000 + b"[" * 17)


@pytest.mark.parametrize("key", ["__proto__", "constructor", "prototype", "__class__"])
@pytest.mark.parametrize(
    "frame",
    [
        '{"type":"ping","%s":{}}',
        '{"type":"ping","%s" \n:1}',
        '{"type":"ping","more":[{"%s":{}}]}',
        '{"type":"presence_update","channel":"dossier:a:b","payload":{"%s":1}}',
    ],
)
def test_keys_that_poison_objects_are_refused_wherever_they_stand(frame: str, key: str) -> None:
    _refused((frame % key).encode())


def test_words_that_poison_as_keys_are_text_like_any_other_as_values() -> None:
    assert codec.decode_command(b'{"type":"ping","ref":"__proto__"}') == Ping(ref="__proto__")
    said = 'a "constructor": of "__proto__":'
    edit = {"operation_type": "insert", "position": 0, "version": 0, "content": said}
    command = codec.decode_command(_frame({"type": "edit_operation", "channel": "document:1", "payload": edit}))
    assert isinstance(command, EditOperation)
    assert command.payload.content == said


# --- the type ------------------------------------------------------------------------------------------------

NEVER_FROM_CLIENTS = sorted({str(event.__struct_config__.tag) for event in EVENTS} - set(SAID))


@pytest.mark.parametrize("kind", ["", 5, None, True, [], {}, "PING", "ping ", "x" * 10_240, "__init__"])
def test_a_type_that_is_none_is_refused(kind: object) -> None:
    refused = _refused(_frame({"type": kind, "ref": "r1"}))
    assert refused.path == "$.type"
    assert refused.ref == "r1"


def test_a_message_without_a_type_is_refused() -> None:
    assert "type" in _refused(b"{}").reason


@pytest.mark.parametrize("kind", NEVER_FROM_CLIENTS)
def test_what_only_the_server_says_is_refused_from_a_client(kind: str) -> None:
    assert _refused(_frame({"type": kind, "timestamp": 1, "channel": "global"})).path == "$.type"


def test_the_server_has_messages_of_its_own() -> None:
    assert {"auth_success", "subscribed", "pong", "error", "ack", "connection_state"} <= set(NEVER_FROM_CLIENTS)


# --- no coercion ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("form", "path", "nullable"), INTEGERS, ids=_place)
def test_an_integer_is_never_made_from_something_else(form: type[Struct], path: Path, nullable: bool) -> None:
    others: list[object] = ["1", 1.0, 1.5, True, [1], {}]
    for wrong in others:
        assert _refused(_frame(put(full(form), path, wrong))).path == json_path(path)
    without = _frame(put(full(form), path, None))
    if nullable:  # null says that the field is left out
        codec.decode_command(without)
    else:
        assert _refused(without).path == json_path(path)


@pytest.mark.parametrize(("form", "path", "nullable"), INTEGERS, ids=_place)
def test_an_integer_that_a_browser_would_change_is_refused(form: type[Struct], path: Path, nullable: bool) -> None:
    for wrong in (2**53, -(2**53), 2**63, 2**64, 10**400):
        assert _refused(_frame(put(full(form), path, wrong))).path == json_path(path)


@pytest.mark.parametrize(("form", "path"), STRINGS, ids=_place)
def test_a_string_is_never_made_from_something_else(form: type[Struct], path: Path) -> None:
    for wrong in (1, 1.5, True, ["a"]):
        assert _refused(_frame(put(full(form), path, wrong))).path == json_path(path)


@pytest.mark.parametrize(("form", "path"), STRINGS, ids=_place)
def test_a_lone_surrogate_is_refused_in_every_string(form: type[Struct], path: Path) -> None:
    for wrong in ("\ud800", "a\udc00", "\udc00\ud800"):
        _refused(_frame(put(full(form), path, wrong)))


@pytest.mark.parametrize(("form", "path"), IDENTIFIERS, ids=_place)
def test_an_identifier_is_64_plain_characters_at_most(form: type[Struct], path: Path) -> None:
    for wrong in ("", "a\x00", "a\x1f", "\x85", "\u2028", "\ufffe", "a\n", "ä", "a b", "a/b", "a" * 65):
        assert _refused(_frame(put(full(form), path, wrong))).path == json_path(path)
    codec.decode_command(_frame(put(full(form), path, "Az09._-" + "x" * 57)))


@pytest.mark.parametrize("form", INBOUND_FORMS, ids=_place)
def test_unknown_fields_are_ignored_at_the_top_and_refused_inside(form: type[Struct]) -> None:
    codec.decode_command(_frame(full(form) | {"unknown": 1, "session": {"a": [1]}}))
    for inside in full(form).keys() & {"payload", "params"}:
        document = full(form)
        document[inside]["unknown"] = 1
        refused = _refused(_frame(document))
        assert refused.path == f"$.{inside}"
        assert "`unknown`" in refused.reason


@pytest.mark.parametrize(
    ("message", "path"),
    [
        ({"type": "subscribe"}, "$"),
        ({"type": "subscribe", "channel": None}, "$.channel"),
        ({"type": "subscribe", "channel": 5}, "$.channel"),
        ({"type": "subscribe", "channel": ["global"]}, "$.channel"),
        ({"type": "subscribe", "channel": "a" * 513}, "$.channel"),
        ({"type": "subscribe", "channel": "global", "params": "all"}, "$.params"),
        ({"type": "subscribe", "channel": "global", "params": 5}, "$.params"),
        ({"type": "subscribe", "channel": "global", "params": {"since": {}}}, "$.params.since"),
        ({"type": "subscribe", "channel": "global", "params": {"since": {"epoch": "e"}}}, "$.params.since"),
        (
            {"type": "subscribe", "channel": "global", "params": {"include_presence": "yes"}},
            "$.params.include_presence",
        ),
        (
            {"type": "subscribe", "channel": "global", "params": {"since": {"offset": "1"}}},
            "$.params.since.offset",
        ),
        ({"type": "auth"}, "$"),
        ({"type": "auth", "payload": None}, "$.payload"),
        ({"type": "auth", "payload": "token"}, "$.payload"),
        ({"type": "auth", "payload": {}}, "$.payload"),
        ({"type": "ping", "ref": ""}, "$.ref"),
        ({"type": "ping", "ref": "r" * 65}, "$.ref"),
        ({"type": "ping", "ref": 1}, "$.ref"),
    ],
    ids=lambda part: str(part)[:60],
)
def test_a_broken_field_is_named_by_its_path(message: dict[str, Any], path: str) -> None:
    assert _refused(_frame(message)).path == path


@pytest.mark.parametrize(
    ("kind", "path", "wrong"),
    [
        ("presence_update", ("payload", "status"), ["admin", "ONLINE", ""]),
        ("presence_update", ("payload", "activity"), ["hacking"]),
        ("presence_update", ("payload", "field"), ["<script>", "A", "", "a" * 65, "x" * 10_240]),
        ("channel_settings", ("payload", "classification"), ["top", 1]),
        ("edit_operation", ("payload", "operation_type"), ["replace", "INSERT", 5]),
        ("edit_operation", ("payload", "position"), [-1, 2**20 + 1]),
        ("edit_operation", ("payload", "version"), [-1]),
        ("edit_operation", ("payload", "length"), [0, -1]),
        ("edit_operation", ("payload", "content"), ["a\x00b", "a" * 16_385]),
        ("edit_operation", ("payload", "attributes", "heading"), [0, 4]),
        ("edit_operation", ("payload", "attributes", "list"), ["<ul>"]),
        (
            "edit_operation",
            ("payload", "attributes", "link"),
            ["javascript:alert(1)", "http://a", "//a", "/\\a", "https://a b", "HTTPS://a\n", "data:,"],
        ),
        ("cursor_position", ("payload", "position"), [-1]),
        ("cursor_position", ("payload", "selection_length"), [-1]),
        ("notification", ("priority",), ["critical", 1]),
        ("notification", ("payload", "actions", 0, "url"), ["javascript:alert(1)", "//evil.test"]),
        (
            "task_assigned",
            ("payload", "due_date"),
            ["2025-13-01", "2025-02-32", "15.10.2025", "2025-10-15\n"],
        ),
        ("commitment_alert", ("payload", "alert_level"), [0, 4]),
        ("commitment_alert", ("payload", "days_until_deadline"), [-36_501, 36_501]),
        ("brief_generation_progress", ("payload", "progress"), [-1, 101]),
        ("brief_generation_progress", ("payload", "stage"), ["done"]),
        ("brief_generation_complete", ("payload", "confidence_score"), [-0.1, 1.2, True, "0.5"]),
        ("relationship_health_change", ("payload", "current_score"), [-1, 101]),
    ],
    ids=_place,
)
def test_a_value_outside_its_range_is_refused(kind: str, path: Path, wrong: list[object]) -> None:
    form = INBOUND_FORMS[SAID.index(kind)]
    for value in wrong:
        assert _refused(_frame(put(full(form), path, value))).path == json_path(path)


def test_a_notification_needs_both_languages() -> None:
    form = INBOUND_FORMS[SAID.index("notification")]
    assert _refused(_frame(put(full(form), ("payload", "title"), {"en": "Hello"}))).path == "$.payload.title"
    assert _refused(_frame(put(full(form), ("payload", "title"), "Hello"))).path == "$.payload.title"


# --- what a refusal says -------------------------------------------------------------------------------------


def test_a_refusal_carries_what_an_answer_can_refer_to() -> None:
    refused = _refused(b'{"type":"subscribe","ref":"r7","channel":"global","params":{"x":1}}')
    assert (refused.type, refused.ref, refused.channel) == ("subscribe", "r7", "global")
    assert str(refused) == "Object contains unknown field `x` (at $.params)"


def test_a_refusal_refers_to_nothing_that_is_too_long_or_of_a_wrong_type() -> None:
    refused = _refused(_frame({"type": "x" * 65, "ref": 1, "channel": "c" * 65}))
    assert (refused.type, refused.ref, refused.channel) == (None, None, None)


# Snow is nowhere in our own sentences, so what of it is in a refusal is an echo.
_LOUD = st.text(st.sampled_from("☃'`\"\\ -$"), max_size=40).map(lambda text: text * 10)


@given(loud=_LOUD)
def test_a_refusal_quotes_64_characters_at_most_and_takes_no_path_from_the_input(loud: str) -> None:
    hints: list[tuple[object, str]] = [
        ({"type": loud}, "$.type"),
        ({"type": "presence_update", "channel": "global", "payload": {"status": loud}}, "$.payload.status"),
        ({"type": "presence_update", "channel": "global", "payload": {"x" + loud: 1}}, "$.payload"),
        ({"type": "brief_cancel", "payload": {"request_id": " " + loud}}, "$.payload.request_id"),
        ({"type": "auth", "payload": {"token": "x", "session_id": " " + loud}}, "$.payload.session_id"),
    ]
    for document, path in hints:
        refused = _refused(json.dumps(document, ensure_ascii=False).encode())
        assert refused.path == path
        assert refused.reason.count("☃") <= 64
        assert len(refused.reason) <= 160


_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=80)
_ANY_JSON = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=80), inner, max_size=4),
    max_leaves=12,
)


@given(frame=st.binary(max_size=300))
def test_any_bytes_are_a_message_or_an_invalid_message(frame: bytes) -> None:
    _message_or_refusal(frame)


@given(document=_ANY_JSON)
def test_any_json_is_a_message_or_an_invalid_message(document: object) -> None:
    _message_or_refusal(_frame(document))


@given(data=st.data(), form=st.sampled_from(INBOUND_FORMS), junk=_ANY_JSON)
def test_any_json_at_any_place_of_a_message_is_a_message_or_an_invalid_message(
    data: st.DataObject, form: type[Struct], junk: object
) -> None:
    document = full(form)
    path: Path = data.draw(st.sampled_from([path for path, _ in places(form, inspect.Type)]))
    _message_or_refusal(_frame(put(document, path, junk)))


@given(data=st.data(), form=st.sampled_from(INBOUND_FORMS))
def test_a_damaged_message_is_a_message_or_an_invalid_message(data: st.DataObject, form: type[Struct]) -> None:
    frame = bytearray(_frame(full(form)))
    at = data.draw(st.integers(0, len(frame) - 1))
    frame[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    _message_or_refusal(bytes(frame))


def _message_or_refusal(frame: bytes) -> None:
    try:
        command = codec.decode_command(frame)
    except codec.InvalidMessage as refused:
        assert refused.reason  # noqa: PT017  either outcome is right
        assert refused.path.startswith("$")  # noqa: PT017
        assert len(str(refused)) <= 256  # noqa: PT017
    else:
        assert isinstance(command, (*COMMANDS, InboundMessage))


def test_presence_params_stand_for_their_defaults() -> None:
    command = codec.decode_command(b'{"type":"subscribe","channel":"global"}')
    assert isinstance(command, Subscribe)
    assert (command.params.include_presence, command.params.hidden, command.params.since) == (
        False,
        False,
        None,
    )


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (
            {"type": "dossier_update", "channel": "dossier:a", "payload": {"operation": "amend"}},
            "'amend'; it takes create, delete, update",
        ),
        (
            {"type": "presence_update", "channel": "dossier:a", "payload": {"status": "gone"}},
            "'gone'; it takes away, busy, online",
        ),
        ({"type": "visit"}, "'visit'; the types are in /v1/schema.json"),
        (
            {"type": "dossier_update", "channel": "dossier:a", "payload": {"fields_changed": ["رسوم"]}},
            "takes: 1 to 64 of the characters a-z 0-9 _ .",
        ),
        (
            {"type": "dossier_update", "channel": "dossier:a", "payload": {"entity_id": "…"}},
            "takes: 1 to 64 of the characters A-Z a-z 0-9 . _ -, and not dots alone",
        ),
        (
            {
                "type": "edit_operation",
                "channel": "document:a",
                "payload": {"operation_type": "amend", "position": 0, "version": 0},
            },
            "it takes batch, delete, format, insert",
        ),
    ],
)
def test_a_refusal_lists_the_values_of_an_enumeration_and_says_forms_in_words(message: Any, told: str) -> None:
    refused = _refused(json.dumps(message).encode())
    assert told in refused.reason
    assert "regex" not in refused.reason


@pytest.mark.parametrize(("form", "path", "nullable"), ENUMERATIONS, ids=_place)
def test_every_enumeration_is_listed_in_its_refusal(
    form: type[Struct],
    path: Path,
    nullable: bool,
) -> None:
    refused = _refused(_frame(put(full(form), path, "nowhere")))
    assert refused.path == json_path(path)
    assert "'nowhere'; it takes " in refused.reason
