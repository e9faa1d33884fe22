"""P23: messages that are almost good, made by chance from the contract's own examples."""

from __future__ import annotations

import asyncio
import json
import os
import random
from pathlib import Path
from typing import Any

from tests.harness.service import Service
from tests.harness.wire import Client
from tests.hostile.attacks import check_error
from tests.hostile.target import SERVICES, Target

MESSAGES = 100_000 if os.environ.get("DOSSIER_PROMISES") == "full" else 20_000
BATCH = 200
GROWTH = 20 << 20  # bytes
EXAMPLES = sorted((Path(__file__).parents[1] / "contract" / "examples" / "client").glob("*.json"))
NASTY: list[Any] = [
    *(None, True, -1, 0, 1.5, 2**53, 2**64, 1e300, "", "x" * 600, "\0", "\u2028", "é", "😀", "*", "..", "<script>"),
    *([], {}, [[]], {"": {}}, "document:d9", "dossier:country:SA", "ops:nodes", "user:u-1", "global", "__proto__"),
]
TOKENS = (
    '"',
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\\",
    "\\ud800",
    "\\u0000",
    "NaN",
    "1e999",
    "-0",
    "null",
    " ",
    "\t",
    "/**/",
)


def almost(chance: random.Random, whole: str) -> str:
    """The message with one to three faults."""
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(whole) + 1)
        match chance.randrange(5):
            case 0:
                whole = whole[:at] + whole[at + chance.randint(1, 8) :]
            case 1:
                whole = whole[:at] + chance.choice(TOKENS) + whole[at:]
            case 2:
                whole = whole[:at] + whole[at : at + 20] * chance.randint(2, 4) + whole[at + 20 :]
            case 3:
                whole = (
                    whole[:at] + chr(chance.choice((chance.randrange(128), chance.randrange(0xD800)))) + whole[at + 1 :]
                )
            case _:
                whole = with_another_value(chance, whole)
    return whole


def with_another_value(chance: random.Random, whole: str) -> str:
    """One value somewhere in the message is another, of whatever kind."""
    try:
        message = json.loads(whole)
    except ValueError:
        return whole
    place: Any = message
    while isinstance(place, dict | list) and place:
        key = chance.choice(list(place)) if isinstance(place, dict) else chance.randrange(len(place))
        if not isinstance(place[key], dict | list) or chance.random() < 0.3:
            place[key] = chance.choice(NASTY)
            break
        place = place[key]
    return json.dumps(message)


async def fuzz(target: Target, chance: random.Random) -> int:
    """Send them, batch by batch, and look at every error; how many were refused."""
    examples = [path.read_text() for path in EXAMPLES]
    refused = 0
    client: Client | None = None
    for _ in range(0, MESSAGES, BATCH):
        client = client or await target.client("write:*")
        batch = [almost(chance, chance.choice(examples)) for _ in range(BATCH)]
        await client.send(*batch, {"type": "ping", "ref": "the batch is over"})
        try:
            await client.receive("pong", ref="the batch is over")
        except AssertionError:
            assert client.closed is not None
            assert client.closed[0] in (4500, 4502), client.closed  # bad renewals, or very many faults
        for message in client.take_all():
            if message["type"] == "error":
                check_error(message, "\n".join(batch))
                refused += 1
        if client.closed is not None:
            await client.close()
            client = None
    if client is not None:
        await client.close()
    return refused


def test_what_is_almost_a_message_breaks_nothing(tmp_path: Path) -> None:
    seed = random.randrange(2**32)  # noqa: S311  no secret
    print(f"seed {seed}")  # noqa: T201  shown when it fails
    settings = {**SERVICES["open"], "limits.edit": 1_000_000, "limits.cursor": 1_000_000}
    with Service(tmp_path / "data", settings) as service:
        target = Target("open", tmp_path)
        target.service = service

        async def scenario() -> tuple[int, int]:
            async with await target.client() as client:
                await client.settle()
            before = target.memory()
            refused = await fuzz(target, random.Random(seed))  # noqa: S311  likewise
            async with await target.client() as control:
                await control.settle()
            return refused, target.memory() - before

        refused, growth = asyncio.run(scenario())
    service.assert_log_clean()
    print(f"P23: {MESSAGES} messages, {refused} refused, +{growth / (1 << 20):.1f} MiB")  # noqa: T201  its figure
    assert refused > MESSAGES / 2
    assert growth <= GROWTH
