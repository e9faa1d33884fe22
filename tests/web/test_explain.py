"""`GET /v1/explain`, the command `explain` and a recording's explanations."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dossier_realtime.archive import open_journal
from tests.harness import tokens
from tests.harness.service import ROOT, Service
from tests.harness.wire import Client

SECRET, COUNTRY = "dossier:secret:X", "dossier:country:SA"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("explain") / "data") as running:
        yield running


def ask(service: Service, token: str, query: str) -> tuple[int, Any]:
    status, body = service.get(f"/v1/explain?{query}", token)
    return status, json.loads(body)


def test_a_user_learns_why_about_themselves(service: Service) -> None:
    ali = service.token("ali", "read:dossier:*")
    status, told = ask(service, ali, f"action=read&channel={COUNTRY}")
    assert (status, told["allowed"], told["rule"]) == (200, True, "grant")
    status, told = ask(service, ali, f"user=ali&action=publish&channel={COUNTRY}")
    assert (told["allowed"], told["rule"]) == (False, "grant.write")
    assert told["remedies"] == [{"kind": "claim", "name": "permissions", "value": f"write:{COUNTRY}"}]
    assert "permission" in told["sentence"]["en"]
    assert "الإذن" in told["sentence"]["ar"]


def test_a_user_learns_nothing_of_what_they_may_not_see(service: Service) -> None:
    """A channel that exists, is secret and frozen, and one that nobody ever named."""
    operator = service.token("op", "admin:*", clearance="secret")

    async def prepare() -> None:
        client = await Client.connect(service, operator)
        for payload in ({"classification": "secret"}, {"classification": "confidential", "frozen": True}):
            name = f"document:{next(iter(payload.values()))}"
            await client.ask({"type": "channel_settings", "channel": name, "payload": payload})
        await client.close()

    asyncio.run(prepare())
    for permissions in ((), ("read:document:other",), ("admin:workspace:*",), ("read:*",)):
        token = service.token("mal", *permissions, clearance="internal")
        for action in ("read", "edit", "admin", "presence"):
            said = set()
            for name in ("document:secret", "document:confidential", "document:absent"):
                status, told = ask(service, token, f"action={action}&channel={name}")
                told.pop("at")
                said.add(f"{status} {json.dumps(told)}".replace(name, "…"))
            assert len(said) == 1, said


def test_an_administrator_asks_about_others_and_nobody_else_does(service: Service) -> None:
    operator = service.token("op", "admin:*", clearance="secret")
    warden = service.token("warden", f"admin:{COUNTRY}")
    question = f"user=sara&action=read&channel={SECRET}"
    for token in (service.token("ali", "read:*"), warden, service.token("low", "admin:*", clearance="internal")):
        assert ask(service, token, question)[0] == 403
    assert ask(service, operator, question)[0] == 404, "sara is not here, and no claims are supposed"
    status, told = ask(service, operator, f"{question}&permission=read:dossier:*&clearance=internal")
    assert (status, told["rule"]) == (200, "clearance")
    assert told["remedies"] == [{"kind": "claim", "name": "clearance", "value": "secret"}]

    async def with_sara() -> list[tuple[int, Any]]:
        sara = await Client.connect(service, service.token("sara", "read:dossier:*"))
        asked = [ask(service, operator, question), ask(service, warden, f"user=sara&action=read&channel={COUNTRY}")]
        await sara.subscribe(COUNTRY)
        asked.append(ask(service, warden, f"user=sara&action=write&channel={COUNTRY}"))
        await sara.close()
        return asked

    seen, unseen, subscribed = asyncio.run(with_sara())
    assert (seen[0], seen[1]["rule"]) == (200, "clearance")
    assert unseen[0] == 404, "that she is connected is not for who administers one channel"
    assert (subscribed[0], subscribed[1]["rule"]) == (200, "grant.write")


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("action=read", 400),
        (f"channel={COUNTRY}", 400),
        (f"action=fly&channel={COUNTRY}", 400),
        ("action=read&channel=a%20b", 400),
        ("action=read&channel=nowhere:x", 404),
        (f"action=read&channel={COUNTRY}&user=a%20b", 400),
        (f"action=read&channel={COUNTRY}&clearance=top", 400),
        (f"action=read&channel={COUNTRY}&permission=reed:x", 400),
    ],
)
def test_a_question_that_is_none_is_refused(service: Service, query: str, status: int) -> None:
    token = service.token("op", "admin:*", clearance="secret")
    assert ask(service, token, query)[0] == status
    assert ask(service, "", query)[0] == 401


def run(service: Service, *arguments: str) -> tuple[int, str]:
    command = [sys.executable, "run.py", "explain", *arguments, "--data", str(service.data)]
    settings = {"PATH": os.environ["PATH"], "DOSSIER_AUTH__SECRET": tokens.SECRET}
    done = subprocess.run(command, cwd=ROOT, env=settings, capture_output=True, text=True, timeout=300, check=False)
    return done.returncode, done.stdout + done.stderr


def test_the_command_and_the_recording_say_the_same(tmp_path: Path) -> None:
    with Service(tmp_path / "data") as service:
        operator = service.token("op", "admin:*", clearance="secret")

        async def act() -> None:
            client = await Client.connect(service, operator)
            await client.ask({"type": "channel_settings", "channel": COUNTRY, "payload": {"classification": "secret"}})
            sara = await Client.connect(service, service.token("sara", "read:dossier:*"))
            await sara.send({"type": "subscribe", "channel": COUNTRY})
            await sara.settle()
            await sara.close()
            await client.close()

        asyncio.run(act())
    asked = ("--action", "read", "--channel", COUNTRY)
    status, text = run(service, "--sub", "sara", "--permission", "read:dossier:*", *asked)
    assert (status, "clearance" in text, "as last recorded" in text) == (1, True, True), text
    assert "تصريح" in text
    status, text = run(service, "--token", operator, *asked)
    assert status == 0, text
    assert run(service, *asked)[0] == 2
    recording = open_journal(service.data / "journal", clearance="secret")
    (refused,) = recording.entries(kind="refused")
    told = recording.explain(refused)
    assert (told.allowed, told.rule, told.clearance) == (False, "clearance", "internal")
    assert told.permissions[0].startswith("read:")
    assert "clearance" in told.sentence.en
    accepted = next(recording.entries(kind="in"))
    assert recording.explain(accepted).allowed
