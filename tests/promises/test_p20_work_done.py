"""P20, every namespace, role and door: what a refusal costs is the same for what exists and for what does not.

Time under load is noise; work is a fact. The service runs inside the test, and its calls are counted. Of each pair the
answers must be equal byte for byte, the calls of the engine one by one, and those of all functions almost in number.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import pytest

import app
import dossier_realtime
from app.engine.ports.errors import Unavailable
from app.lifecycle import Service
from app.services.commitments.clearances import KIND as CLEARANCE
from tests.harness import tokens
from tests.harness.eventually import HANG_SECONDS, eventually_async
from tests.harness.in_process import running
from tests.harness.measurements import Report
from tests.harness.wire import Message, Raw, request
from tests.promises.load_clients import Peer
from tests.promises.test_p20_no_existence_oracle import _OWN, auc
from tests.web.test_actions import alert, brief

PAIRS = 3
REPEATS = 4  # of a question whose calls are counted
CALLS_APART = 16  # calls of functions, of about 200; a call whose journal entry is left out has 8 less
TIMED = 400  # pairs of documents whose time is printed
_SUBSCRIPTIONS = 50
_SERVICE = tuple(f"{Path(package.__path__[0])}/" for package in (app, dossier_realtime))
_PARTS = ("broker", "documents", "alerts", "briefs", "presence", "sessions", "settings", "control", "records")
_CLASSIFIED = [{"pattern": f"{name}:*", "level": "secret"} for name in ("dossier:secret", "workspace", "relationship")]
SETTINGS = {
    "channels.classification": [*_CLASSIFIED, {"pattern": "user:*", "level": "confidential"}],
    **{f"limits.{name}": 1_000_000 for name in ("general", "edit", "cursor", "read")},
    "limits.refusals_per_second": 10_000,
    "session.invalid_messages_per_minute": 10_000,
    "briefs.silence_seconds": 3_600,  # no brief ends in the middle of a count
}

NAMESPACES = ("dossier:country", "dossier:secret", "document", "workspace", "relationship", "user")
ROLES: dict[str, tuple[str, ...]] = {
    "nobody": (),
    "writer elsewhere": ("write:global", "admin:dossier:mou:*"),
    "reader below the level": ("read:*",),
    "administrator below the level": ("admin:*",),
}


class Ask(NamedTuple):
    """One door: what is asked about a name, over the socket (a message) or over HTTP (method, path, body)."""

    name: str
    message: Callable[[str], Message] | None = None
    call: Callable[[str], tuple[str, str, Message | None]] | None = None


def _params(**params: Any) -> Callable[[str], Message]:
    return lambda channel: {"type": "subscribe", "channel": channel, "params": params}


_EXAMPLES = Path(__file__).parents[1] / "contract" / "examples" / "client"
_EVENTS = {
    "dossier": "dossier_update",
    "workspace": "task_update",
    "relationship": "relationship_health_change",
    "user": "notification",
    "document": "edit_operation",
}


def _event(channel: str) -> Message:
    """The example of what the channel carries, on this channel."""
    name = _EVENTS[channel.partition(":")[0]]
    event: Message = json.loads((_EXAMPLES / f"{name}.json").read_text("utf-8"))
    if name == "edit_operation":
        event["payload"] = {"operation_type": "insert", "position": 0, "content": "x", "version": 0}
    event.pop("idempotency_key", None)
    event.pop("ref", None)
    return event | {"channel": channel}


DOORS = [
    Ask("subscribe", _params()),
    Ask("recover", _params(since={"epoch": "0123456789abcdef", "offset": 0}, include_presence=True)),
    Ask("subscribe hidden", _params(hidden=True)),
    Ask("send", _event),
    Ask("presence", lambda channel: {"type": "presence_update", "channel": channel, "payload": {"status": "busy"}}),
    Ask("settings", lambda channel: {"type": "channel_settings", "channel": channel, "payload": {"frozen": True}}),
    Ask("publish", call=lambda channel: ("POST", "/v1/publish", {"events": [_event(channel)]})),
    Ask("read settings", call=lambda channel: ("GET", f"/v1/channels/{channel}", None)),
    Ask("change settings", call=lambda channel: ("PUT", f"/v1/channels/{channel}", {"frozen": True})),
    Ask("list presence", call=lambda channel: ("GET", f"/v1/channels/{channel}/presence", None)),
    Ask("read history", call=lambda channel: ("GET", f"/v1/channels/{channel}/history", None)),
]
DOCUMENT_DOORS = [
    Ask("read text", call=lambda channel: ("GET", f"/v1/documents/{channel.partition(':')[2]}", None)),
    Ask("read a version", call=lambda channel: ("GET", f"/v1/documents/{channel.partition(':')[2]}?version=1", None)),
]
ID_DOORS = [
    Ask("acknowledge", lambda name: {"type": "alert_ack", "payload": {"commitment_id": name}}),
    Ask("cancel", lambda name: {"type": "brief_cancel", "payload": {"request_id": name}}),
    Ask("acknowledge over HTTP", call=lambda name: ("POST", f"/v1/commitments/{name}/ack", {})),
    Ask("cancel over HTTP", call=lambda name: ("POST", f"/v1/briefs/{name}/cancel", {})),
]


class Counted:
    """Counts the calls of an engine's parts, from outside: the parts are as they are."""

    def __init__(self, engine: object) -> None:
        self.calls = Counter[str]()
        for part in _PARTS:
            self._count(part, getattr(engine, part))

    def _count(self, part: str, port: object) -> None:
        for name, method in inspect.getmembers(port, inspect.iscoroutinefunction):
            if not name.startswith("_"):
                setattr(port, name, self._counting(f"{part}.{name}", method))

    def _counting(self, name: str, method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def call(*arguments: Any, **named: Any) -> Any:
            self.calls[name] += 1
            return await method(*arguments, **named)

        return call


class Asker:
    """One user with a socket and an HTTP connection."""

    def __init__(self, token: str, peer: Peer, raw: Raw, counted: Counted) -> None:
        self._token, self._peer, self._raw, self._counted = token, peer, raw, counted

    @classmethod
    async def enter(cls, service: Service, token: str, counted: Counted) -> Asker:
        peer = await Peer.connect(service, token)
        # The service keeps the clearance of a token that it saw, a moment later: that is no work of a question.
        await eventually_async(lambda: service.engine.records.find(CLEARANCE, ["asker"]))
        await _only_questions(service)
        return cls(token, peer, await Raw.open(service), counted)

    async def ask(self, door: Ask, name: str) -> tuple[bytes, Counter[str]]:
        """The answer, without what is the question's own, and the calls that it cost."""
        self._counted.calls.clear()
        answer = await (self._say(door.message(name)) if door.message else self._call(door, name))
        return answer.replace(name.encode(), b"?"), Counter(self._counted.calls)

    async def calls(self, door: Ask, name: str) -> Counter[str]:
        """The calls of the service's own functions that a question costs each time, by function.

        They stand for its time. The service's other work is not among them: it does not come each time.
        """
        found: Counter[str] | None = None
        for _ in range(REPEATS):
            seen = await self._calls_once(door, name)
            found = seen if found is None else found & seen
        return found or Counter()

    async def _calls_once(self, door: Ask, name: str) -> Counter[str]:
        seen = Counter[str]()

        def note(frame: FrameType, event: str, _: object) -> None:
            code = frame.f_code
            if event == "call" and code.co_filename.startswith(_SERVICE):
                seen[f"{Path(code.co_filename).stem}.{code.co_qualname}"] += 1

        before = sys.getprofile()
        sys.setprofile(note)
        try:
            await self.ask(door, name)
        finally:
            sys.setprofile(before)
        return seen

    async def _say(self, message: Message) -> bytes:
        payloads: list[bytes] = []
        self._peer.on_payload = payloads.append
        await self._peer.ask(message)
        return _OWN.sub(b"", payloads[0])

    async def _call(self, door: Ask, name: str) -> bytes:
        assert door.call is not None
        method, path, content = door.call(name)
        body = b"" if content is None else json.dumps(content).encode()
        head = (("Host", "localhost"), ("Authorization", f"Bearer {self._token}"), ("Content-Length", str(len(body))))
        await self._raw.send(request(method, path, *head, body=body))
        answer = await self._raw.response()
        headers = sorted((key, value) for key, value in answer.headers.items() if key != "date")
        return repr((answer.status, headers)).encode() + answer.body

    async def close(self) -> None:
        await self._peer.close()
        await self._raw.close()


async def _only_questions(service: Service) -> None:
    """End what the service does by itself every few seconds: it asks the engine too, and would be counted."""
    background = service.node.background
    while endless := set(background._endless):
        for task in endless:
            task.cancel()
        await asyncio.wait(endless, timeout=0.1)  # work that just then calls the engine may lose it: once more


async def _bring_to_life(service: Service, owner: Peer, names: list[str]) -> None:
    """Each has a subscriber, an event or a text, and is secret."""
    for name in names:
        joined = await owner.ask({"type": "subscribe", "channel": name, "params": {"include_presence": True}})
        assert joined["type"] == "subscribed", joined
        said = await owner.ask(_event(name))
        assert said["type"] in ("ack", "operation_ack"), said
        level = await owner.ask({"type": "channel_settings", "channel": name, "payload": {"classification": "secret"}})
        assert level["type"] == "channel_settings", level


def _pairs(namespace: str) -> list[tuple[str, str]]:
    return [(f"{namespace}:e{number}", f"{namespace}:a{number}") for number in range(PAIRS)]


def _refused(answer: bytes) -> bool:
    return b'"error"' in answer or answer.startswith((b"(403,", b"(400,"))


@pytest.mark.parametrize("role", ROLES)
def test_p20_a_refusal_costs_the_same_whether_or_not_it_exists(role: str, tmp_path: Path, report: Report) -> None:
    async def scene() -> tuple[int, int]:
        async with running(tmp_path / "data", SETTINGS) as service:
            owner = await Peer.connect(service, tokens.token("owner", "admin:*", clearance="secret"))
            for namespace in NAMESPACES:
                await _bring_to_life(service, owner, [exists for exists, _ in _pairs(namespace)])
            counted = Counted(service.engine)
            asker = await Asker.enter(service, tokens.token("asker", *ROLES[role]), counted)
            compared = furthest = 0
            for namespace in NAMESPACES:
                for door in DOORS + (DOCUMENT_DOORS if namespace == "document" else []):
                    for exists, absent in _pairs(namespace):
                        there, cost = await asker.ask(door, exists)
                        nowhere, expected = await asker.ask(door, absent)
                        assert _refused(there), (namespace, door.name, there)
                        if not _refused(nowhere):
                            continue  # open to this role, and so it is created: nothing there is secret
                        assert there == nowhere, (namespace, door.name)
                        assert cost == expected, (namespace, door.name)
                        calls, others = await asker.calls(door, exists), await asker.calls(door, absent)
                        apart = abs(calls.total() - others.total())
                        assert apart <= CALLS_APART, (namespace, door.name, calls - others, others - calls)
                        furthest = max(furthest, apart)
                        compared += 1
            await asker.close()
            await owner.close()
            return compared, furthest

    compared, furthest = asyncio.run(asyncio.wait_for(scene(), HANG_SECONDS))
    report(
        f"{role}: {compared} pairs over {len(NAMESPACES)} namespaces: equal bytes, equal work of the store, at most"
        f" {furthest} calls of functions apart"
    )
    assert compared >= PAIRS * len(DOORS)


@pytest.mark.parametrize("door", [DOORS[0], DOORS[1], *DOCUMENT_DOORS], ids=lambda door: str(door.name))
def test_p20_an_outage_of_the_store_is_answered_alike(
    door: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unavailable(_: str) -> bool:
        raise Unavailable("the store is away")

    async def scene() -> None:
        async with running(tmp_path / "data", SETTINGS) as service:
            owner = await Peer.connect(service, tokens.token("owner", "admin:*", clearance="secret"))
            ((exists, absent), *_) = _pairs("document")
            await _bring_to_life(service, owner, [exists])
            counted = Counted(service.engine)
            asker = await Asker.enter(service, tokens.token("asker", "read:document:*"), counted)
            monkeypatch.setattr(service.engine.broker, "has_events", unavailable)
            there, nowhere = [await asker.ask(door, name) for name in (exists, absent)]
            assert b"SERVICE_UNAVAILABLE" in there[0]
            assert there == nowhere
            await asker.close()
            await owner.close()

    asyncio.run(asyncio.wait_for(scene(), HANG_SECONDS))


@pytest.mark.parametrize("role", ROLES)
def test_p20_an_id_of_a_commitment_or_a_brief_tells_nothing(role: str, tmp_path: Path, report: Report) -> None:
    async def scene() -> int:
        async with running(tmp_path / "data", SETTINGS) as service:
            owner = await Peer.connect(service, tokens.token("owner", "admin:*", clearance="secret"))
            for number in range(PAIRS):
                for event in (alert(f"e{number}", 2, "ali"), brief(f"e{number}", "started", "ali")):
                    event.pop("channels", None)
                    assert (await owner.ask(event | {"channel": "user:ali"}))["type"] == "ack"
            counted = Counted(service.engine)
            asker = await Asker.enter(service, tokens.token("asker", *ROLES[role]), counted)
            compared = 0
            for door in ID_DOORS:
                for number in range(PAIRS):
                    there, nowhere = await asker.ask(door, f"e{number}"), await asker.ask(door, f"a{number}")
                    assert there == nowhere, door.name
                    compared += 1
            await asker.close()
            await owner.close()
            return compared

    report(f"{role}: {asyncio.run(asyncio.wait_for(scene(), HANG_SECONDS))} pairs of ids: equal bytes, equal work")


@pytest.mark.parametrize("door", [DOORS[0], DOCUMENT_DOORS[0]], ids=lambda door: str(door.name))
def test_p20_the_time_of_a_documents_refusal_is_printed(door: Ask, tmp_path: Path, report: Report) -> None:
    """Asserted is the work, above: it is what time would show, and the machine's noise is not in it."""

    async def scene() -> list[tuple[float, float]]:
        dice = random.Random(20)  # noqa: S311  the same dice each run, no secret
        async with running(tmp_path / "data", SETTINGS) as service:
            owner = await Peer.connect(service, tokens.token("owner", "admin:*", clearance="secret"))
            pairs = [(f"document:e{number}", f"document:a{number}") for number in range(TIMED)]
            for begin in range(0, TIMED, _SUBSCRIPTIONS):
                batch = [exists for exists, _ in pairs[begin : begin + _SUBSCRIPTIONS]]
                await _bring_to_life(service, owner, batch)
                for name in batch:
                    await owner.ask({"type": "unsubscribe", "channel": name})
            asker = await Asker.enter(service, tokens.token("asker", "read:document:*"), Counted(service.engine))
            await asker.ask(door, "document:warm")
            times = []
            for pair in pairs:
                took = {}
                for name in dice.sample(pair, 2):
                    begun = time.perf_counter()
                    await asker.ask(door, name)
                    took[name] = time.perf_counter() - begun
                times.append((took[pair[0]], took[pair[1]]))
            await asker.close()
            await owner.close()
            return times

    times = asyncio.run(asyncio.wait_for(scene(), HANG_SECONDS))
    report(f"{door.name}, {TIMED} pairs, with `read:document:*` and clearance internal: timing AUC {auc(times):.3f}")
