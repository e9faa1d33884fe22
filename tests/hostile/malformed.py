"""Bad JSON, and JSON that is no message."""

from __future__ import annotations

import json

from tests.hostile.attacks import outcome, says
from tests.hostile.rows import Row, each
from tests.hostile.sending import EDIT, MALFORMED, UPDATE, WRITES_DOCUMENTS, changed
from tests.hostile.subscribing import subscribe
from tests.hostile.target import CHANNEL, Target

# Each is no JSON, or JSON that no two parsers need to agree on. W06 sends them over HTTP as well.
BROKEN = [
    ("cut", '{"type":"ping"'),
    ("text behind", '{"type":"ping"}x'),
    ("two objects", '{"type":"ping"}{"type":"ping"}'),
    ("a comment", '{"type":"ping"/* */}'),
    ("single quotes", "{'type':'ping'}"),
    ("a trailing comma", '{"type":"ping",}'),
    ("empty", ""),
    ("an array", "[]"),
    ("a string", '"ping"'),
    ("a byte order mark", '\ufeff{"type":"ping"}'),
]
UNSOUND_NUMBERS = ("NaN", "Infinity", "-Infinity", "1e400", "-1e400", "01", "1.", "0x1")
DEEP = [(str(depth), "[" * depth + "]" * depth) for depth in (17, 1_000, 30_000)] + [("unbalanced", "[" * 30_000)]
POISON = ("__proto__", "constructor", "prototype", "__class__")
_NO_TYPES = (
    "",
    5,
    None,
    "PING",
    "ping ",
    "x" * 10_000,
    "__init__",
    "auth_success",
    ["ping"],
    {"ping": 1},
    True,
    "Ping",
)
_BEYOND = (2**53, -(2**53), 2**63, 2**64, 10**30)
_NO_NAMES = ("\\u0000", "\\u0007", "\\u0085", "\\u2028", "\\ufffe", "\\ud800", "\\udc00\\ud800", "é", " ")


def _with_ref(spelled: str) -> str:
    return f'{{"type":"ping","ref":"{spelled}"}}'


async def distinct_types_do_not_grow_the_metrics(target: Target) -> str:
    await says({"type": "first-unknown"})(target)
    before = target.service.metrics().keys()
    client = await target.client()
    for start in range(0, 10_000, 500):
        await client.send(*({"type": f"unknown-{start + n}"} for n in range(500)))
        await client.ask({"type": "ping"})
    assert set((await outcome(client)).split()) == {"E(INVALID_MESSAGE_FORMAT)", "K"}
    after = target.service.metrics().keys()
    return f"{len(after - before)} more"


async def twenty_one_invalid_messages(target: Target) -> str:
    client = await target.client()
    for _ in range(20):
        await client.send("{")
        await client.expect_error("INVALID_MESSAGE_FORMAT")
        await client.settle()
    await client.send("{")
    return await outcome(client)


ROWS = [
    *each("J02", BROKEN, says, MALFORMED),
    *each(
        "J04",
        [(number, f'{{"type":"ping","timestamp":{number}}}') for number in UNSOUND_NUMBERS],
        says,
        MALFORMED,
    ),
    *each("J05", [(what, f'{{"type":"ping","x":{nest}}}') for what, nest in DEEP], says, MALFORMED),
    *each(
        "J08",
        [(f"{path} {number}", (path, number)) for path in ("version", "position") for number in _BEYOND],
        lambda at: says(changed(EDIT, f"payload.{at[0]}", at[1]), permissions=WRITES_DOCUMENTS),
        MALFORMED,
    ),
    *each(
        "J08.o",
        [(str(number), number) for number in _BEYOND],
        lambda number: says(subscribe(CHANNEL, since={"epoch": "x", "offset": number})),
        MALFORMED,
    ),
    *each(
        "J10",
        [("lone", "\\ud800"), ("reversed", "\\udc00\\ud800"), ("low", "\\udfff")],
        lambda s: says(_with_ref(s)),
        MALFORMED,
    ),
    *each(
        "J11",
        [(spelled, spelled) for spelled in _NO_NAMES],
        lambda spelled: says(f'{{"type":"subscribe","channel":"dossier:country:{spelled}"}}'),
        MALFORMED,
    ),
    *each(
        "J11.e",
        [(spelled, spelled) for spelled in _NO_NAMES],
        lambda spelled: says(json.dumps(UPDATE).replace('"SA"', f'"{spelled}"')),
        MALFORMED,
    ),
    *each(
        "J13",
        [
            (f"{key} {place}", where % key)
            for key in POISON
            for place, where in (
                ("at the top", '{"type":"ping","%s":{"x":1}}'),
                ("in params", '{"type":"subscribe","channel":"global","params":{"%s":1}}'),
            )
        ],
        says,
        MALFORMED,
    ),
    Row("J15.0", "no type", says({"payload": {}}), MALFORMED),
    *each("J15", [(str(kind)[:20], {"type": kind}) for kind in _NO_TYPES], says, MALFORMED),
    Row("J16", "many unknown types", distinct_types_do_not_grow_the_metrics, "0 more"),
    Row(
        "J18",
        "21 invalid messages in a minute",
        twenty_one_invalid_messages,
        "E(INVALID_MESSAGE_FORMAT) C(4502)",
        "strict",
    ),
    *each(
        "J19",
        [("a number", 5), ("empty", ""), ("65 characters", "r" * 65), ("an object", {})],
        lambda ref: says({"type": "ping", "ref": ref}),
        MALFORMED,
    ),
    *each(
        "J20",
        [('"1"', "1"), ("1.0", 1.0), ("true", True), ("a list", [1])],
        lambda number: says({"type": "ping", "timestamp": number}),
        MALFORMED,
    ),
]
