"""Both SDKs play one set of session scripts, and do the same in each step (P30).

A script is a file of `scripts`: steps of the program, the server and the clock, each with what the client then does.
`sdk/typescript/test/agreement.test.ts` plays the same files with the other client.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.agreement.scripted_client import ScriptedClient

SCRIPTS = sorted((Path(__file__).parent / "scripts").glob("*.json"))


def test_there_is_a_script_for_each_turn_of_a_session() -> None:
    assert {script.stem for script in SCRIPTS} >= {
        "connect", "renew", "expire", "recover", "lost_place", "rate_limit", "drain", "kicked", "replaced", "malformed",
        "unknown_types",
        "hostile_k02_auth", "hostile_k04_refused", "hostile_k05_offsets",
        "hostile_k07_not_subscribed", "hostile_k10_silent",
    }  # fmt: skip


@pytest.mark.parametrize("script", SCRIPTS, ids=[script.stem for script in SCRIPTS])
def test_the_client_plays(script: Path) -> None:
    told = json.loads(script.read_text("utf-8"))
    client = ScriptedClient(renewing=told["renewing"])
    for number, step in enumerate(told["steps"], 1):
        assert client.play(step) == step.get("then", {}), f"{script.name}, step {number}: {step}"
