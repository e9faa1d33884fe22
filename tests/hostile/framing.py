"""Bad frames. What RFC 6455 says of each kind is in tests/web/test_rfc6455.py; here is what it costs the others."""

from __future__ import annotations

import asyncio
import json

from tests.harness.wire import Raw, text
from tests.hostile.attacks import frames, outcome, shaken
from tests.hostile.rows import Row, each
from tests.hostile.target import CHANNEL, LIVENESS, Target
from tests.node.rfc6455_cases import CONT, MASK, PING, PONG, TEXT, close, frame, header, masked

_MIB = 1 << 20
_CLOSE_CODES = (0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65535)
_BAD_UTF8 = ("ff", "c0af", "eda080", "f4908080", "e282")


def _ping_of(size: int) -> bytes:
    """Return a ping message of exactly so many bytes; unknown fields at the top are ignored."""
    return json.dumps({"type": "ping", "padding": ""}).replace('""', '"' + "x" * (size - 31) + '"').encode()


async def a_declared_length_costs_nothing(target: Target) -> str:
    before, outcomes = target.memory(), set()
    for length in (2**63 - 1, 2**63, 2**64 - 1):
        attack = frames(b"\x81\xff" + length.to_bytes(8, "big") + MASK)
        outcomes.add(await attack(target))
    assert target.memory() - before < 2 * _MIB
    return " / ".join(outcomes)


async def empty_fragments(target: Target) -> str:
    before = target.memory()
    attack = frames(frame(TEXT, b"{", fin=False) + frame(CONT, fin=False) * 100_000)
    told = await attack(target)
    assert target.memory() - before < 8 * _MIB
    return told


async def torn_connections(target: Target) -> str:
    """RST in the middle of a frame, and FIN without a close frame: after the grace the user has left."""
    watcher = await target.client()
    await watcher.subscribe(CHANNEL, include_presence=True)
    for reset in (True, False):
        client = await target.client()
        user = client.login["user_id"]
        await client.subscribe(CHANNEL)
        await watcher.receive("presence_join")
        await client.raw.send(header(TEXT, 100) + masked(b"{"))
        client.raw.reset() if reset else client.raw.finish_writing()
        left = await watcher.receive("presence_leave")
        assert left["payload"]["user_id"] == user
        await client.drop()
    await watcher.close()
    assert "[warning" not in target.log_news()
    return "left"


async def a_dribbled_frame(target: Target) -> str:
    client = await target.client()
    data = text(_ping_of(200))
    dribbling = asyncio.create_task(_dribble(client.raw, data))
    await client.expect_close(4001)
    dribbling.cancel()
    return await outcome(client)


async def _dribble(raw: Raw, data: bytes) -> None:
    for byte in data:
        await raw.send(bytes([byte]))
        await asyncio.sleep(0.1)


async def a_client_that_only_answers_pings(target: Target) -> str:
    client = await target.client()
    await asyncio.sleep(2 * LIVENESS)  # by then a client that is dead has been ended
    return await outcome(client)


async def a_client_that_is_silent(target: Target) -> str:
    client = await target.client()
    client.answers_pings = False
    await client.expect_close(4001)
    return await outcome(client)


async def nothing_behind_a_violation(target: Target) -> str:
    """Send a valid frame after broken bytes: it must have no effect."""
    event = {"type": "subscribe", "channel": CHANNEL}
    return await frames(frame(3) + text(event))(target)


async def never_reads_its_close(target: Target) -> str:
    """Keep sending behind a violation; the connection is closed all the same."""
    raw = await shaken(target)
    await raw.send(frame(3))
    flood = asyncio.create_task(_flood(raw))
    end = await raw.frame()
    assert await raw.frame() is None
    flood.cancel()
    await raw.close()
    return f"C({end.code})" if end is not None else "C(1006)"


async def _flood(raw: Raw) -> None:
    while True:
        await raw.send(b"x" * 4096)
        await asyncio.sleep(0.05)


ROWS = [
    Row("F01", "unmasked", frames(frame(TEXT, b'{"type":"ping"}', mask=None)), "C(1002)"),
    *each("F03", [(f"opcode {n}", n) for n in (3, 7, 11, 15)], lambda n: frames(frame(n)), "C(1002)"),
    *each(
        "F04",
        [(digits, bytes.fromhex(digits)) for digits in _BAD_UTF8],
        lambda octets: frames(frame(TEXT, b'{"type":"ping","ref":"' + octets + b'"}')),
        "C(1007)",
    ),
    Row("F06.1", "a control frame of 126 bytes", frames(frame(PING, b"x" * 126)), "C(1002)"),
    Row("F06.2", "a fragmented control frame", frames(frame(PING, fin=False), frame(CONT)), "C(1002)"),
    Row("F08.1", "a message of 65,536 bytes", frames(text(_ping_of(65_536))), "pong K"),
    Row("F08.2", "a message of 65,537 bytes", frames(text(_ping_of(65_537))), "C(1009)"),
    Row("F09", "a declared length of 2^63 and more", a_declared_length_costs_nothing, "C(1009)"),
    Row("F11", "100,000 empty fragments", empty_fragments, "C(4502)"),
    Row("F16", "10,000 pongs that nobody asked for", frames(frame(PONG) * 10_000), "C(4004)"),
    Row("F16.1", "a pong that nobody asked for", frames(frame(PONG, b"x")), "K"),
    *each("F18", [(str(code), code) for code in _CLOSE_CODES], lambda code: frames(close(code)), "C(1002)"),
    Row("F19.1", "a close reason that is not UTF-8", frames(close(1000, b"\xff")), "C(1007)"),
    Row("F19.2", "a close reason of 124 bytes", frames(close(1000, b"x" * 124)), "C(1002)"),
    # The table says within 1 s; the grace of presence (0.2 s here) comes before that:
    # docs/protocol.md#joins-and-leaves.
    Row("F21", "torn in the middle of a frame", torn_connections, "left"),
    Row("F22", "more behind a violation", nothing_behind_a_violation, "C(1002)"),
    Row("F22.1", "a flood behind a violation", never_reads_its_close, "C(1002)", slow=True),
    Row("F23", "a frame a byte at a time", a_dribbled_frame, "C(4001)", "strict", slow=True),
    # The table closes here; any frame counts as life, so answering pings is enough:
    # docs/protocol.md#deadlines-of-a-connection.
    Row("F24.1", "no ping, but pongs", a_client_that_only_answers_pings, "K", "strict", slow=True),
    Row("F24.2", "nothing at all", a_client_that_is_silent, "C(4001)", "strict", slow=True),
]
