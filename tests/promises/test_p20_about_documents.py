"""P20: a hidden document and an absent one look alike where a call only names them, and in all that is counted."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from functools import partial
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.lifecycle import Service
from tests.harness import tokens
from tests.harness.eventually import HANG_SECONDS
from tests.harness.in_process import running
from tests.harness.wire import Message
from tests.promises.load_clients import Peer
from tests.promises.test_p20_work_done import DOORS, SETTINGS, Ask, Asker, Counted, _bring_to_life
from tests.web.test_actions import alert

HIDDEN, ABSENT = "document:e0", "document:a0"
READER = ("read:*", "write:relationship:open1")
_NOW = re.compile(rb"""\('(?:etag|content-length)', '[^']*'\)|"at":[0-9.]+""")
"""The parts of an answer that depend on its time."""


def _brief(channel: str) -> Message:
    return {
        "type": "meeting",
        "entity_type": "document",
        "entity_id": channel.partition(":")[2],
        "language": "en",
    }


def _facts(channel: str) -> Message:
    return {"facts": [{"id": "f1", "kind": "engagement", "at": int(time.time()) - 60, "source": channel}]}


def _question(action: str, channel: str) -> tuple[str, str, None]:
    return "GET", f"/v1/explain?action={action}&channel={channel}", None


NAMING = [
    *(Ask(f"explain {action}", call=partial(_question, action)) for action in ("read", "subscribe", "edit", "admin")),
    Ask("ask for a brief", lambda channel: {"type": "brief_request", "payload": _brief(channel)}),
    Ask("ask for a brief over HTTP", call=lambda channel: ("POST", "/v1/briefs", _brief(channel))),
    Ask("give a fact", call=lambda channel: ("POST", "/v1/relationships/open1/facts", _facts(channel))),
]
"""The calls that name a document and are not about it alone."""


@pytest.mark.parametrize("door", NAMING, ids=lambda door: str(door.name))
def test_p20_a_document_that_a_call_names_is_told_by_no_answer(door: Ask, tmp_path: Path) -> None:
    async def scene() -> None:
        async with running(tmp_path / "data", SETTINGS | {"channels.classification": []}) as service:
            owner = await Peer.connect(service, tokens.token("owner", "admin:*", clearance="secret"))
            await _bring_to_life(service, owner, [HIDDEN])
            asker = await Asker.enter(service, tokens.token("asker", *READER), Counted(service.engine))
            (there, cost), (nowhere, expected) = [await asker.ask(door, name) for name in (HIDDEN, ABSENT)]
            assert _NOW.sub(b"", there) == _NOW.sub(b"", nowhere)
            assert cost == expected
            await asker.close()
            await owner.close()

    asyncio.run(asyncio.wait_for(scene(), HANG_SECONDS))


def test_p20_a_list_of_a_hidden_mou_costs_as_much_as_one_of_an_absent_one(tmp_path: Path) -> None:
    async def scene() -> None:
        async with running(tmp_path / "data", SETTINGS) as service:
            owner = await Peer.connect(service, tokens.token("owner", "admin:*", clearance="secret"))
            raised = await owner.ask(alert("c1", 2, "ali", mou_id="m1") | {"channel": "user:ali"})
            assert raised["type"] == "ack", raised
            secret = {"type": "channel_settings", "payload": {"classification": "secret"}}
            for channel in ("dossier:mou:m1", "user:ali"):
                assert (await owner.ask(secret | {"channel": channel}))["type"] == "channel_settings"
            asker = await Asker.enter(service, tokens.token("asker", "read:*"), Counted(service.engine))
            door = Ask("list", call=lambda name: ("GET", f"/v1/commitments?mou={name}", None))
            (there, cost), (nowhere, expected) = [await asker.ask(door, name) for name in ("m1", "m2")]
            assert there == nowhere
            assert b"[]" in there
            assert cost == expected
            await asker.close()
            await owner.close()

    asyncio.run(asyncio.wait_for(scene(), HANG_SECONDS))


@pytest.mark.parametrize("door", DOORS[:3], ids=lambda door: str(door.name))
def test_p20_counts_do_not_tell_a_hidden_document_from_an_absent_one(door: Ask, tmp_path: Path) -> None:
    """An operator of `ops:` alone may read them."""

    async def scene() -> None:
        async with running(tmp_path / "data", SETTINGS) as service:
            owner = await Peer.connect(service, tokens.token("owner", "admin:*", clearance="secret"))
            await _bring_to_life(service, owner, [HIDDEN])
            asker = await Asker.enter(service, tokens.token("asker", "read:*"), Counted(service.engine))
            counts = []
            for name in (HIDDEN, ABSENT):
                before = await _counts(service)
                await asker.ask(door, name)
                counts.append(await _counts(service) - before)
            assert counts[0] == counts[1]
            assert counts[0], "it is counted"
            await asker.close()
            await owner.close()

    asyncio.run(asyncio.wait_for(scene(), HANG_SECONDS))


async def _counts(service: Service) -> Counter[str]:
    """Return what the metrics and the operators' topic count of messages, calls and refusals."""
    headers = {"Authorization": f"Bearer {tokens.token('watch', 'admin:*')}"}
    async with httpx.AsyncClient(timeout=HANG_SECONDS, headers=headers) as http:
        text = (await http.get(f"http://127.0.0.1:{service.port}/metrics")).text
    found = Counter[str](service._parts.aggregator._values["errors"])
    for family in text_string_to_metric_families(text):
        if family.name.startswith(("dossier_messages_received", "dossier_refusals")):
            for sample in family.samples:
                found[f"{sample.name} {sorted(sample.labels.items())}"] = int(sample.value)
    return found
