"""Bad calls over HTTP."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import suppress
from typing import Any

from tests.harness import tokens
from tests.harness.eventually import HANG_SECONDS
from tests.harness.tokens import claims, signed
from tests.harness.wire import (
    Header,
    Message,
    Raw,
)
from tests.hostile.attacks import calls, get, post, told
from tests.hostile.malformed import BROKEN, DEEP, POISON, UNSOUND_NUMBERS
from tests.hostile.rows import Attack, Row, each
from tests.hostile.sending import UPDATE, changed
from tests.hostile.target import CHANNEL, SECRET, Target

MALFORMED = "H(400) INVALID_MESSAGE_FORMAT"
_OWN = "dossier:country:calls"
_EVENT = changed(UPDATE, "channel", _OWN)
_ADMIN = tokens.operator()


def _batch(*events: Message) -> Message:
    return {"events": list(events)}


def publishes(body: bytes | Message, *headers: Header, token: str | None = None) -> Attack:
    return calls(post(body, *headers, token=token), "retry-after", "access-control-allow-origin")


def _alert(**payload: Any) -> Message:
    alert: Message = {"type": "commitment_alert", "channel": "user:victim", "priority": "high"}
    alert["payload"] = {
        "commitment_id": "c1",
        "mou_id": "m1",
        "title": "x",
        "days_until_deadline": 7,
        "responsible_department": "y",
        "alert_level": 1,
    } | payload
    return alert


def _brief(kind: str, **payload: Any) -> Message:
    return {"type": f"brief_generation_{kind}", "channel": "user:victim", "request_id": "q1", "payload": payload}


def _as_text(event: Message, path: str, value: str) -> bytes:
    """Return the batch with a value that Python's own JSON would not write."""
    return json.dumps(_batch(changed(event, path, "@"))).replace('"@"', value).encode()


async def _said(target: Target, *data: bytes, timeout_seconds: float = HANG_SECONDS) -> str:
    raw = await Raw.open(target.service)
    await raw.send(*data)
    answer = await raw.response(timeout_seconds)
    await raw.close()
    return told(answer)


async def an_endless_chunked_body(target: Target) -> str:
    head = post(b"", ("Transfer-Encoding", "chunked")).replace(b"Content-Length: 0\r\n", b"")
    before = target.memory()

    def pour() -> bytes:
        with socket.create_connection(("127.0.0.1", target.service.port), timeout=HANG_SECONDS) as sock:
            sock.sendall(head)
            with suppress(ConnectionError):
                for _ in range(10_000):
                    sock.sendall(b"1000\r\n" + b" " * 4096 + b"\r\n")
            return sock.recv(4096)

    answer = await asyncio.to_thread(pour)
    assert target.memory() - before < 4 << 20
    return answer.split(b"\r\n")[0].decode()


async def a_body_that_does_not_come(target: Target) -> str:
    return await _said(target, post(b"{", ("Content-Length", "100")))


async def _published(target: Target, key: str, body: Message, token: str) -> tuple[str, Any]:
    raw = await Raw.open(target.service)
    await raw.send(post(body, ("Idempotency-Key", key), token=token))
    answer = await raw.response()
    await raw.close()
    return told(answer), answer.json().get("results")


async def the_same_key_again(target: Target) -> str:
    token = tokens.token("twice-publisher", "write:dossier:country:*")
    first = await _published(target, "k-w10", _batch(_EVENT), token)
    assert await _published(target, "k-w10", _batch(_EVENT), token) == first
    other, _ = await _published(target, "k-w10", _batch(changed(_EVENT, "payload.entity_id", "other")), token)
    return f"{first[0]} then {other}"


async def gone_before_the_answer(target: Target) -> str:
    """Retry after an answer was lost: one event is stored in either case."""
    channel = "dossier:country:gone"
    token = tokens.token("leaver", f"write:{channel}")
    body = _batch(changed(UPDATE, "channel", channel))
    for _ in range(5):
        raw = await Raw.open(target.service)
        await raw.send(post(body, ("Idempotency-Key", "k-w13"), token=token))
        raw.reset()
        await raw.close()
    status, results = await _published(target, "k-w13", body, token)
    return f"{status} at {results[0]['offset']}"


async def distinct_methods_do_not_grow_the_metrics(target: Target) -> str:
    await _said(target, get("/v1/sessions", method="FIRST"))
    before = target.service.metrics().keys()
    outcomes = {await _said(target, get("/v1/sessions", method=f"M{number}")) for number in range(50)}
    return f"{' / '.join(outcomes)}, {len(target.service.metrics().keys() - before)} more"


async def nothing_injected(target: Target) -> str:
    """Send line ends in paths and values; none becomes a header of the answer."""
    outcomes = set()
    for path in ("/v1/channels/a%0d%0aX-Injected:%201", "/v1/sessions?x=%0d%0aX-Injected:%201", "/%0d%0aX-Injected:1"):
        raw = await Raw.open(target.service)
        await raw.send(get(path, token=_ADMIN))
        answer = await raw.response()
        assert "x-injected" not in answer.headers
        outcomes.add(answer.status)
        await raw.close()
    return " ".join(map(str, sorted(outcomes)))


_BIG = b'{"events":[' + b" " * 65_530 + b"]}"

ROWS = [
    Row("W01.1", "no token", publishes(_batch(_EVENT), token=""), "H(401) INVALID_TOKEN"),
    *each(
        "W01.b",
        [
            ("no token", "Bearer"),
            ("not a token", "Bearer x.y.z"),
            ("expired", f"Bearer {signed(claims(exp=1_700_000_000, iat=1_699_999_000))}"),
            ("Basic", "Basic dTpw"),
            ("60 kB", "Bearer " + "x" * 5_000),
        ],
        lambda value: publishes(_batch(_EVENT), ("Authorization", value)),
        "H(401) INVALID_TOKEN",
    ),
    Row(
        "W01.3",
        "a user's token on a service's call",
        publishes(_batch(_EVENT), token=tokens.token("u-1")),
        "H(403) PERMISSION_DENIED",
    ),
    *each(
        "W02",
        [
            (f"{method} {path}", get(path, method=method, token=tokens.token("u-1", "write:*", clearance="secret")))
            for method, path in (
                ("GET", "/v1/sessions"),
                ("DELETE", "/v1/sessions/x"),
                ("POST", "/v1/users/victim/disconnect"),
                ("POST", "/v1/tokens/revoke"),
                ("GET", "/v1/channels"),
                ("GET", f"/v1/channels/{CHANNEL}"),
                ("PUT", f"/v1/channels/{CHANNEL}"),
                ("GET", f"/v1/channels/{CHANNEL}/presence"),
                ("GET", f"/v1/channels/{SECRET}/history"),
                ("POST", "/v1/users/victim/limits/lift"),
                ("DELETE", "/v1/users/victim/limits/lift"),
                ("POST", "/v1/commitments/unknown/ack"),
                ("POST", "/v1/briefs/unknown/cancel"),
            )
        ],
        calls,
        "H(403) PERMISSION_DENIED",
    ),
    Row("W03.1", "GET on publish", calls(get("/v1/publish"), "allow"), "H(405) METHOD_NOT_ALLOWED allow"),
    Row("W05.1", "a body of 65,537 bytes", publishes(_BIG[:65_537]), "H(413) INVALID_MESSAGE_FORMAT"),
    Row("W05.2", "an endless chunked body", an_endless_chunked_body, "HTTP/1.1 413 Request Entity Too Large"),
    Row("W05.3", "a body that does not come", a_body_that_does_not_come, "H(400) | H(0)", slow=True),
    Row("W05.4", "gzip", publishes(b"\x1f\x8b\x08", ("Content-Encoding", "gzip")), "H(415) INVALID_MESSAGE_FORMAT"),
    Row("W05.5", "text", publishes(_batch(_EVENT), ("Content-Type", "text/plain")), "H(415) INVALID_MESSAGE_FORMAT"),
    *each(
        "W05.l",
        [(length, length) for length in ("abc", "-1", "1_0", "+5", "5, 6", "0x10", "\xb2", "9" * 40)],
        lambda length: calls(post(b"", ("Content-Length", length))),
        "H(400) | H(400) INVALID_MESSAGE_FORMAT | H(413) INVALID_MESSAGE_FORMAT",
    ),
    Row(
        "W05.s",
        "Content-Length and Transfer-Encoding",
        publishes(_batch(_EVENT), ("Transfer-Encoding", "chunked")),
        "H(400) | H(400) INVALID_MESSAGE_FORMAT",
    ),
    *each("W06", [(what, text.encode()) for what, text in BROKEN], publishes, MALFORMED),
    *each(
        "W06.e",
        [(what, f'{{"events":[{text}]}}'.encode()) for what, text in BROKEN if what != "empty"],
        publishes,
        MALFORMED,
    ),
    *each(
        "W06.n",
        [(number, _as_text(_EVENT, "payload.timestamp", number)) for number in (*UNSOUND_NUMBERS, "9007199254740992")],
        publishes,
        MALFORMED,
    ),
    *each("W06.d", [(what, _as_text(_EVENT, "payload.x", nest)) for what, nest in DEEP], publishes, MALFORMED),
    *each("W06.p", [(key, _batch(changed(_EVENT, key, {}))) for key in POISON], publishes, MALFORMED),
    *each(
        "W06.s",
        [
            (spelled, _as_text(_EVENT, "payload.entity_id", f'"{spelled}"'))
            for spelled in ("\\ud800", "\\u0000", "\\u2028")
        ],
        publishes,
        MALFORMED,
    ),
    Row("W06.u", "not UTF-8", publishes(b'{"events":[{"type":"\xff"}]}'), MALFORMED),
    *each(
        "W07",
        [
            ("no events", {"events": []}),
            ("101 events", _batch(*[_EVENT] * 101)),
            ("events an object", {"events": {}}),
            ("no channel", _batch({k: v for k, v in _EVENT.items() if k != "channel"})),
            ("both", _batch(_EVENT | {"channels": [_OWN]})),
            ("no channels", _batch({k: v for k, v in _EVENT.items() if k != "channel"} | {"channels": []})),
            ("a bad name", _batch(changed(_EVENT, "channel", "dossier:country:*"))),
            (
                "too many channels",
                _batch({k: v for k, v in _EVENT.items() if k != "channel"} | {"channels": [_OWN] * 1001}),
            ),
            ("a type of the server", _batch({"type": "auth_success", "channel": _OWN, "payload": {}})),
            ("a command", _batch({"type": "ping", "channel": _OWN})),
            ("good, then bad", _batch(_EVENT, changed(_EVENT, "payload.operation", "x"))),
        ],
        publishes,
        MALFORMED,
    ),
    *each(
        "W08",
        [
            ("above clearance", (SECRET, "write:*")),
            ("out of scope", ("dossier:country:FR", "write:dossier:country:SA")),
            ("read alone", (CHANNEL, "read:*")),
        ],
        lambda at: publishes(_batch(changed(UPDATE, "channel", at[0])), token=tokens.token("p", at[1])),
        "H(403) PERMISSION_DENIED",
    ),
    Row(
        "W08.4",
        "one of many out of scope",
        publishes(
            _batch(
                _EVENT,
                changed(UPDATE, "channel", "workspace:w1")
                | {"type": "task_update", "payload": {"task_id": "t", "previous_status": "a", "new_status": "b"}},
            )
        ),
        "H(403) PERMISSION_DENIED",
    ),
    Row("W10.1", "no key", publishes(_batch(_EVENT)), "H(200)"),
    *each(
        "W10.k",
        [("65 characters", "k" * 65), ("empty", " "), ("a space in it", "a b"), ("not ASCII", "clé")],
        lambda key: publishes(_batch(_EVENT), ("Idempotency-Key", key)),
        MALFORMED,
    ),
    Row(
        "W10.2",
        "a key of 10 kB",
        publishes(_batch(_EVENT), ("Idempotency-Key", "k" * 10_000)),
        "H(400) | H(431) | H(0)",
    ),
    Row("W10.3", "two keys", publishes(_batch(_EVENT), ("Idempotency-Key", "a"), ("Idempotency-Key", "b")), MALFORMED),
    Row(
        "W10.4",
        "the same key again, then with another body",
        the_same_key_again,
        "H(200) then H(409) INVALID_MESSAGE_FORMAT",
    ),
    Row("W13", "gone before the answer", gone_before_the_answer, "H(200) at 1"),
    *each(
        "W15",
        [
            (path, path)
            for path in (
                "/v1/channels/../sessions",
                "/v1//sessions",
                "/v1/%2e%2e/sessions",
                "/v1/channels/%2e%2e",
                "/v1/channels/dossier:country:..",
                "/v1/channels/a%2fb",
                "/v1/channels/a%00b",
                "/v1/channels/%ff",
                "/v1/channels/global;x",
                "/v1/channels/foo:1",
                "/v1/channels/global/presence",
                "/v1/channels/document:d1/history",
                "/v1/channels/global/history?limit=0",
                "/v1/channels/global/history?after=x",
                "/v1/channels/global/history?after=-1",
                "/v1/channels/global/history?limit=%D9%A3",
                "/etc/passwd",
                "/static/../app/commands/cli.py",
                "/v1/users/%2e%2e%2f/disconnect",
            )
        ],
        lambda path: calls(get(path, token=_ADMIN, method="POST" if "users" in path else "GET")),
        "H(404) NOT_FOUND | H(404) CHANNEL_NOT_FOUND | " + MALFORMED,
    ),
    *each(
        "W15.d",
        [(path, path) for path in ("/v1/sessions/unknown", "/v1/sessions/%00", "/v1/sessions/" + "x" * 65)],
        lambda path: calls(get(path, token=_ADMIN, method="DELETE")),
        "H(404) NOT_FOUND | " + MALFORMED,
    ),
    Row("W16.1", "line ends in ids", nothing_injected, "200 400 404"),
    Row("W16.2", "a bare line end in a header", calls(get("/healthz", ("X", "a\nY: b"))), "H(200) | H(400)"),
    Row("W16.3", "NUL in a header", calls(get("/healthz", ("X", "a\0b"))), "H(400)"),
    Row("W16.4", "a folded header", calls(get("/healthz", ("X", "a\r\n b"))), "H(200) | H(400)"),
    Row("W16.5", "a space before the colon", calls(get("/healthz", ("X ", "a"))), "H(400)"),
    Row("W17", "many methods", distinct_methods_do_not_grow_the_metrics, "H(405) METHOD_NOT_ALLOWED, 0 more"),
    Row(
        "W20.1",
        "10,000 form fields",
        publishes(b"&".join(b"f%d=" % n for n in range(9_000)), ("Content-Type", "application/x-www-form-urlencoded")),
        "H(415) INVALID_MESSAGE_FORMAT",
    ),
    Row(
        "W20.2",
        "1,000 cookies",
        publishes(_batch(_EVENT), ("Cookie", "; ".join(f"{n}=1" for n in range(1_000)))),
        MALFORMED,
    ),
    Row(
        "W20.3",
        "a form of many parts",
        publishes(b"--x\r\n" * 9_000, ("Content-Type", "multipart/form-data; boundary=x")),
        "H(415) INVALID_MESSAGE_FORMAT",
    ),
    *each(
        "W21",
        [
            ("neither", {}),
            ("both", {"jti": "a", "user": "b"}),
            ("unknown", {"token": "a"}),
            ("a number", {"jti": 5}),
        ],
        lambda body: calls(post(body, path="/v1/tokens/revoke", token=_ADMIN)),
        MALFORMED,
    ),
    *each(
        "C03",
        [
            (str(body), body)
            for body in (
                {},
                {"seconds": 0},
                {"seconds": 3601},
                {"seconds": -1},
                {"seconds": 1.5},
                {"seconds": "60"},
                {"seconds": True},
                {"seconds": 10**30},
                {"seconds": 60, "user": "other"},
                {"minutes": 1},
            )
        ],
        lambda body: calls(post(body, path="/v1/users/u-1/limits/lift", token=_ADMIN)),
        MALFORMED,
    ),
    *each(
        "C04",
        [
            (f"{path} {body!r}", (path, body))
            for path in ("/v1/commitments/c1/ack", "/v1/briefs/q1/cancel")
            for body in (b"{", b"[]", b'{"user":"victim"}', b"\xff", b"null")
        ],
        lambda asked: calls(post(asked[1], path=asked[0], token=_ADMIN)),
        MALFORMED,
    ),
    *each(
        "C05",
        [
            (path, path)
            for name in ("%2e%2e%2f", "a%2fb", "a%00b", "%ff", "x" * 65, "a%20b", "unknown")
            for path in (f"/v1/commitments/{name}/ack", f"/v1/briefs/{name}/cancel")
        ],
        lambda path: calls(get(path, token=_ADMIN, method="POST")),
        "H(404) NOT_FOUND | " + MALFORMED,
    ),
    Row(
        "C06",
        "GET on an acknowledgement",
        calls(get("/v1/commitments/c1/ack"), "allow"),
        "H(405) METHOD_NOT_ALLOWED allow",
    ),
    *each(
        "W22",
        [("unknown", {"level": "x"}), ("a level", {"classification": "cosmic"}), ("a word", {"frozen": "yes"})],
        lambda body: calls(post(body, path=f"/v1/channels/{CHANNEL}", token=_ADMIN).replace(b"POST", b"PUT", 1)),
        MALFORMED,
    ),
    *each(
        "X16",
        [
            ("priority", _alert() | {"priority": "critical"}),
            *((f"alert_level {level!r}", _alert(alert_level=level)) for level in (0, 4, "1", 1.5, True)),
            ("days_until_deadline", _alert(days_until_deadline=-9 * 10**15)),
            *(
                (f"progress {p}", _brief("progress", stage="analyzing", progress=p, message="x"))
                for p in (-1, 101, "5")
            ),
            *((f"next_level_at {at!r}", _alert(next_level_at=at)) for at in (-1, "soon", 1.5, True, 2**53)),
            ("confidence 1.2", _brief("complete", brief_id="b", generation_time=1, confidence_score=1.2)),
            ("a stage", _brief("progress", stage="thinking", progress=1, message="x")),
        ],
        lambda event: publishes(_batch(event), token=tokens.token("p", "write:user:*")),
        MALFORMED,
    ),
    Row(
        "X16.n",
        "progress NaN",
        publishes(
            _as_text(_brief("progress", stage="analyzing", progress=1, message="x"), "payload.progress", "NaN"),
            token=tokens.token("p", "write:user:*"),
        ),
        MALFORMED,
    ),
]
