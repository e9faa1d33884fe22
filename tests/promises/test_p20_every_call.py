"""P20, every call whose path begins with a name and every message with a channel: hidden and absent look alike.

The calls are those of the table that describes them, each with the request of its own test; the messages are the
contract's examples. So a new one joins by itself. Names in bodies and queries: `test_p20_about_documents`. The hidden
things are rich: a document with a comment, a version that has a name, a snapshot and a counterpart; a commitment, an
alert, two briefs, a relationship with a score. A document's level is its own; that of other channels is a pattern's.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from app.core.schema.call_forms import HttpCallForm
from app.core.schema.calls import CALLS
from app.lifecycle import Service
from tests.harness import tokens
from tests.harness.eventually import HANG_SECONDS, eventually_async
from tests.harness.in_process import running
from tests.harness.measurements import Report
from tests.harness.wire import Message
from tests.promises.load_clients import Peer
from tests.promises.test_p20_no_existence_oracle import _OWN
from tests.promises.test_p20_work_done import ROLES, SETTINGS, Ask, Asker, Counted, _bring_to_life
from tests.web.test_actions import alert, brief
from tests.web.test_openapi import ASKED, COMMITMENT, REMARK, Asked

_CODE = re.compile(rb'"error_code":"(\w+)"')
_PLACE = re.compile(r"{(\w+)}")
_EXAMPLES = sorted((Path(__file__).parents[1] / "contract" / "examples" / "client").glob("*.json"))
_OF_OPERATORS = {"session", "user"}
"""Places of a path that name what operators manage, and no fact that has a level."""
_BEGINS = {"administrator below the level"}
"""The roles to which an absent document is an empty one, as they may begin it."""
_TAKES = {"register_commitment"}
"""The call that takes a name: it has to tell a free name from one that is taken."""
_numbers = itertools.count(1)


class Hidden(NamedTuple):
    """The names of what is hidden, by the place of a path that takes them, and the parts of the hidden document."""

    names: dict[str, list[str]]
    parts: dict[str, str]


@asynccontextmanager
async def hiding(service: Service) -> AsyncIterator[Hidden]:
    """Make one of everything on levels above `internal`; its owner stays there."""
    token = tokens.token("owner", "admin:*", clearance="secret")
    owner = await Peer.connect(service, token)
    documents = ["hidden-01", "hidden-02"]
    channels = ["dossier:secret:hidden-07", "workspace:hidden-08", "relationship:hidden-06", "user:hidden-09"]
    await _bring_to_life(service, owner, [*(f"document:{name}" for name in documents), *channels])
    for event in (alert("hidden-04", 2, "ali"), brief("hidden-05", "started", "ali")):
        event.pop("channels", None)
        assert (await owner.ask(event | {"channel": "user:ali"}))["type"] == "ack"
    address, headers = f"http://127.0.0.1:{service.port}/v1", {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=address, headers=headers, timeout=HANG_SECONDS) as http:

        async def do(method: str, path: str, body: Message | None = None) -> Message:
            answer = await http.request(method, path, json=body)
            assert answer.is_success, (path, answer.text)
            told: Message = answer.json()
            return told

        about = "/documents/hidden-01"
        await do("PUT", f"{about}/versions/agreed", {})
        comment = await do("POST", f"{about}/comments", REMARK | {"end": 1})
        await do("POST", f"{about}/snapshots", {})
        (snapshot,) = (await do("GET", f"{about}/snapshots"))["snapshots"]
        await do("PUT", f"{about}/pair", {"counterpart": "hidden-02", "language": "en", "counterpart_language": "ar"})
        await do("PUT", "/commitments/hidden-03", COMMITMENT | {"classification": "secret"})
        wanted = {"type": "meeting", "entity_type": "document", "entity_id": "hidden-01", "language": "en"}
        asked = await do("POST", "/briefs", wanted)
        request_id = asked["request_id"]

        async def is_written() -> bool:
            state: str = (await do("GET", f"/briefs/{request_id}"))["state"]
            return state == "complete"

        await eventually_async(is_written)  # its writer asks the store too, and would be counted
        await do("POST", "/relationships/hidden-06/score", {"score": 50})
    names = {
        "document": documents,
        "commitment": ["hidden-03", "hidden-04"],
        "request": [request_id, "hidden-05"],
        "relationship": ["hidden-06"],
        "channel": ["document:hidden-01", *channels],
    }
    yield Hidden(names, {"comment": comment["id"], "snapshot": snapshot["id"], "name": "agreed", "step": "resolve"})
    await owner.close()


def absent(hidden: str) -> str:
    """Return a name that nothing has, as long as another one, in the same namespace."""
    prefix, colon, name = hidden.rpartition(":")
    return f"{prefix}{colon}{next(_numbers):0{len(name)}}"


def doors(place: str, parts: dict[str, str]) -> Iterator[Ask]:
    """Yield the calls whose path names something of a kind first."""
    for call in CALLS:
        if _PLACE.findall(call.path)[:1] == [place] and call.name not in _TAKES:
            yield _door(call, place, ASKED.get(call.name, Asked()), parts)


def _door(call: HttpCallForm, place: str, asked: Asked, parts: dict[str, str]) -> Ask:
    def question(name: str) -> tuple[str, str, Message | None]:
        path = call.path.format(**asked.path | parts | {place: name})
        query = "&".join(f"{key}={value}" for key, value in asked.query.items())
        return call.method.upper(), f"{path}?{query}" if query else path, asked.body

    return Ask(call.name, call=question)


def test_every_place_of_a_path_is_one_of_these() -> None:
    first = {place for call in CALLS for place in _PLACE.findall(call.path)[:1]}
    assert first == {"document", "commitment", "request", "relationship", "channel"} | _OF_OPERATORS


@pytest.mark.parametrize("role", ROLES)
def test_p20_no_call_tells_what_is_hidden(role: str, tmp_path: Path, report: Report) -> None:
    async def scene() -> int:
        async with running(tmp_path / "data", SETTINGS) as service, hiding(service) as hidden:
            asker = await Asker.enter(service, tokens.token("asker", *ROLES[role]), Counted(service.engine))
            compared = 0
            for place, names in hidden.names.items():
                for door, name in itertools.product(doors(place, hidden.parts), names):
                    if role in _BEGINS and (place == "document" or name.startswith("document:")):
                        continue
                    there, cost = await asker.ask(door, name)
                    nowhere, expected = await asker.ask(door, absent(name))
                    assert there == nowhere, (door.name, name)
                    assert there.startswith((b"(403,", b"(404,")), (door.name, name, there)
                    assert cost == expected, (door.name, name)
                    compared += 1
            await asker.close()
            return compared

    compared = asyncio.run(asyncio.wait_for(scene(), HANG_SECONDS))
    report(f"{role}: {compared} pairs of calls: equal bytes, equal work of the store")
    assert compared > 15


@pytest.mark.parametrize("role", ROLES)
def test_p20_no_message_tells_what_is_hidden(role: str, tmp_path: Path, report: Report) -> None:
    examples = [json.loads(path.read_text("utf-8")) for path in _EXAMPLES]
    naming = [message for message in examples if "channel" in message]

    async def scene() -> Counter[str]:
        settings = SETTINGS | {"limits.ping": 1_000_000}
        answered = Counter[str]()
        async with running(tmp_path / "data", settings) as service, hiding(service) as hidden:
            peer = await Peer.connect(service, tokens.token("asker", *ROLES[role]))
            for message, name in itertools.product(naming, hidden.names["channel"]):
                if role in _BEGINS and name.startswith("document:"):
                    continue
                there, nowhere = [await _said(peer, message, each) for each in (name, absent(name))]
                assert there == nowhere, (message, name)
                (told,) = there
                code = _CODE.search(told)
                answered["no error" if code is None else code[1].decode()] += 1
            await peer.close()
        return answered

    answered = asyncio.run(asyncio.wait_for(scene(), HANG_SECONDS))
    report(f"{role}: {answered.total()} pairs of messages: equal bytes: {dict(answered)}")
    assert answered["PERMISSION_DENIED"] > 10


async def _said(peer: Peer, message: Message, channel: str) -> list[bytes]:
    """Return everything that a message is answered with, without what is the question's own."""
    payloads: list[bytes] = []
    peer.on_payload = payloads.append
    peer.send(message | {"channel": channel, "ref": "asked"})
    assert (await peer.ask({"type": "ping"}))["type"] == "pong"
    return [_OWN.sub(b"", payload) for payload in payloads[:-1]]
