"""P20: a refusal has the same place among a connection's answers, whether the document is hidden or absent.

A subscription waits until the long answer before it has left. Messages behind it do not, and a client that reads slowly
makes that last as long as it likes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.harness.coroutine_tests import asynchronous
from tests.harness.eventually import HANG_SECONDS, eventually_async
from tests.harness.service import Overrides, Service
from tests.harness.wire import Client, Message
from tests.promises.proxy import Proxy

LONG = "وثيقة عن التعاون " * 60_000
SETTINGS: Overrides = {"limits.bytes_mib": 64, "limits.read": 100_000, "outbox.stall_timeout": 300}

BEHIND: dict[str, dict[str, Any]] = {
    "a subscription": {"type": "subscribe"},
    "one with presence": {"type": "subscribe", "params": {"include_presence": True}},
    "a return": {"type": "subscribe", "params": {"since": {"version": 1}}},
}
"""The messages that subscribe to the document while the long answer is on its way."""
THEN: list[dict[str, Any]] = [
    {"type": "presence_update", "payload": {"status": "busy"}},
    {"type": "cursor_position", "payload": {"position": 1_000, "selection_length": 0}},
    {"type": "lock", "payload": {"field": "title"}},
    {"type": "unsubscribe"},
]
"""The messages right behind them, in the same packet."""


async def _prepare(service: Service) -> None:
    operator = service.token("operator", "admin:*", clearance="secret")
    headers = {"Authorization": f"Bearer {operator}"}
    async with httpx.AsyncClient(base_url=f"{service.http}/v1", headers=headers, timeout=HANG_SECONDS) as http:
        for name, content in (("long", LONG), ("long-2", LONG), ("hidden", "secret text")):
            assert (await http.put(f"/documents/{name}", json={"content": content})).status_code == 200
        raised = await http.put("/channels/document:hidden", json={"classification": "secret"})
        assert raised.status_code == 200


async def _answers(service: Service, subscription: dict[str, Any], name: str, user: str) -> list[Message]:
    """Return all that a slow reader of two long documents receives, who asks for a document behind them."""
    token = service.token(user, "read:document:*")
    async with Proxy(service) as line, await Client.connect(line, token) as reader:
        start = len(reader.messages)
        line.mute()
        about = [
            message | {"channel": f"document:{name}", "ref": f"about-{n}"}
            for n, message in enumerate([subscription, *THEN])
        ]
        longs = [{"type": "subscribe", "channel": f"document:{one}", "ref": one} for one in ("long", "long-2")]
        renewal = {"type": "auth", "payload": {"token": service.token(user, "read:document:*")}, "ref": "last"}
        await reader.send(*longs, *about, renewal)
        await eventually_async(
            lambda: any(one.header.kind == "renewed" and one.header.user == user for one in service.journal())
        )
        line.flow()
        await reader.receive("subscribed", ref="long-2")
        await reader.receive("auth_success", ref="last")
        await reader.settle()
        return reader.messages[start:]


def _places(messages: list[Message], name: str) -> list[tuple[str, ...]]:
    told = [(one["type"], one.get("ref", ""), one.get("error_code", ""), one.get("message", "")) for one in messages]
    return [tuple(part.replace(name, "?") for part in one) for one in told]


@pytest.mark.parametrize("behind", BEHIND)
def test_p20_a_refusal_behind_a_long_answer_tells_nothing(tmp_path: Path, behind: str) -> None:
    @asynchronous
    async def play(service: Service) -> None:
        await _prepare(service)
        hidden = _places(await _answers(service, BEHIND[behind], "hidden", "nora"), "hidden")
        absent = _places(await _answers(service, BEHIND[behind], "absent", "sami"), "absent")
        assert hidden == absent
        refused = [place for place, one in enumerate(hidden) if one[:2] == ("error", "about-0")]
        last = [place for place, one in enumerate(hidden) if one[:2] == ("subscribed", "long-2")]
        assert len(refused) == len(last) == 1
        assert refused < last, "it waits for no answer before it"

    with Service(tmp_path / "data", SETTINGS) as service:
        play(service)
        service.stop()
        service.assert_log_clean()
