"""P34: nor does the record of a call show what the call said: in its query, its reason, its key, its path.

Who is cleared calls every path of the routing table, and some that there are not, and names what is secret wherever a
caller can. Administrators of lower clearances then export the journal.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from urllib.parse import quote, unquote

import httpx
import pytest
from tornado.routing import PathMatches

from app.lifecycle import Service
from tests.harness import tokens
from tests.harness.eventually import HANG_SECONDS
from tests.harness.in_process import running
from tests.harness.wire import Client

MARK = "zzasked"
SETTINGS = {
    "channels.classification": [
        {"pattern": f"*:{MARK}", "level": "secret"},
        {"pattern": "dossier:secret:*", "level": "secret"},
    ],
    **{f"limits.{name}": 1_000_000 for name in ("general", "read", "strangers_per_second", "handshakes_per_second")},
    "limits.refusals_per_second": 1_000_000,
}
SECRET = f"dossier:secret:{MARK}"
HIDDEN = (SECRET, f"document:{MARK}", f"workspace:{MARK}", f"relationship:{MARK}", f"user:{MARK}")


def spelled(name: str) -> list[str]:
    """Ways to write a name into a query."""
    once = quote(name, safe="")
    often = name.replace(":", "%" + "25" * 12 + "3A")
    return [name, once, quote(once, safe=""), "".join(f"%{byte:02x}" for byte in name.encode()), often]


def patterns(service: Service) -> list[str]:
    found = []
    for rule in service.listeners.app.wildcard_router.rules:
        assert isinstance(rule.matcher, PathMatches)
        found.append(rule.matcher.regex.pattern.removesuffix("$"))
    return [pattern for pattern in found if pattern not in ("/v1", "/v1/journal")]


def _always(kind: str, address: str, now: float) -> bool:
    return True


async def say(service: Service, caller: httpx.AsyncClient) -> None:
    """Each call names something hidden in one place alone: what is said beside it must not be needed to hide it."""
    for pattern in patterns(service):
        path = re.sub(r"\([^)]*\)", "somebody", pattern).replace("\\", "")
        for name in HIDDEN:
            for query in (*spelled(name), f"x&after={spelled(name)[1]}"):
                await caller.get(f"{path}?channel={query}")
            for reason in spelled(f"because of {name}")[1:]:
                await caller.get(path, headers={"X-Reason": reason})
            for key in spelled(name)[:2]:
                await caller.get(path, headers={"Idempotency-Key": key})
    for name in HIDDEN:
        for path in ("/v1/channel/", "/v1/users/", "/v1/sessions/", "//v1/channels/", "/v1/"):
            for text in spelled(name):
                await caller.get(f"{path}{text}")
                await caller.post(f"{path}{text}/disconnect")


@pytest.mark.parametrize("clearance", ["public", "internal", "confidential"])
def test_p34_no_export_shows_what_callers_said_of_hidden_channels(tmp_path: Path, clearance: str) -> None:
    async def scene() -> tuple[str, str]:
        async with running(tmp_path / "data", SETTINGS) as service:
            owner = await Client.connect(service, tokens.token("owner", "admin:*", clearance="secret"))
            for channel in HIDDEN:
                await owner.ask(
                    {"type": "channel_settings", "channel": channel, "payload": {"classification": "secret"}}
                )
            await owner.close()
            recorder = service.node.recorder
            for sampler in (recorder._sampler, recorder._polls):
                sampler.allows = _always  # type: ignore[assignment]  # of many calls alike each is to be kept
            address = f"http://127.0.0.1:{service.port}"
            exported = []
            cleared = tokens.token("cleared", "admin:*", clearance="secret")
            async with httpx.AsyncClient(
                base_url=address, headers={"Authorization": f"Bearer {cleared}"}, timeout=60
            ) as caller:
                await say(service, caller)
            while service.journal.waiting:  # noqa: ASYNC110  the writer's thread tells nobody
                await asyncio.sleep(0.01)
            for level in (clearance, "secret"):
                token = tokens.token("eve", "admin:*", clearance=level)
                headers = {"Authorization": f"Bearer {token}"}
                async with httpx.AsyncClient(base_url=address, headers=headers, timeout=60) as reader:
                    exported.append(unquote(unquote((await reader.get("/v1/journal")).text)))
            return exported[0], exported[1]

    lower, whole = asyncio.run(asyncio.wait_for(scene(), HANG_SECONDS))
    assert whole.count(MARK) > 200, "nothing was said where it is kept"
    at = lower.find(MARK)
    assert at < 0, lower[max(0, at - 300) : at + 200]
    assert '"path":"/v1/sessions"' in lower, "calls that name nothing hidden are still told"
