"""Bad handshakes."""

from __future__ import annotations

import asyncio

from tests.harness import tokens
from tests.harness.eventually import eventually_async
from tests.harness.wire import Client, Raw, request, text, upgrade
from tests.hostile.attacks import get, outcome, probe, shaken
from tests.hostile.rows import Row, each
from tests.hostile.target import ALLOWED, Target

_ORIGINS = (
    "https://allowed.example.evil.test",
    "https://allowed.example@evil.test",
    "https://xallowed.example",
    "https://allowed.example:444",
    "http://allowed.example",
    "https://allowed.example/",
    "https://allowed.example https://allowed.example",
    "https://evil.test",
    "",
)
_BAD_DEFLATE = "permessage-deflate; server_max_window_bits=99; server_max_window_bits=99"
_SENT_AT_ONCE = 10  # far from the limit of handshakes a second


def _with_origin(origin: str, *more: tuple[str, str]) -> bytes:
    return upgrade("/v1", ("Origin", origin), *more)


def _padded(size: int, headers: int = 1) -> bytes:
    """Return a handshake with so many more headers, all together `size` bytes long."""
    return upgrade("/v1", *((f"X-{n}", "x" * (size // headers)) for n in range(headers)))


async def token_in_the_url(target: Target) -> str:
    """Return a token that does not authenticate, and that nobody finds in the log."""
    token = tokens.token("url-user")
    raw = await Raw.open(target.service)
    await raw.send(upgrade(f"/v1?token={token}", ("Authorization", f"Bearer {token}")))
    assert (await raw.response()).status == 101
    told = await outcome(Client(raw))
    assert token not in target.service.log()
    return told


async def frames_in_the_packet_of_the_handshake(target: Target) -> str:
    token = tokens.token("early", "read:dossier:country:*")
    raw = await Raw.open(target.service)
    await raw.send(
        upgrade()
        + text({"type": "auth", "payload": {"token": token}})
        + text({"type": "subscribe", "channel": "dossier:country:SA"})
    )
    assert (await raw.response()).status == 101
    return await outcome(Client(raw))


async def a_ping_in_the_packet_of_the_handshake(target: Target) -> str:
    raw = await Raw.open(target.service)
    await raw.send(upgrade() + text({"type": "ping"}) + text({"type": "subscribe", "channel": "global"}))
    assert (await raw.response()).status == 101
    return await outcome(Client(raw))


async def gone_before_the_answer(target: Target) -> str:
    """Peers that are gone when their 101 is written leave nothing behind, and nobody is counted down twice."""
    for reset in (False, True):
        raws = [await Raw.open(target.service, address="127.0.0.7") for _ in range(_SENT_AT_ONCE)]
        for raw in raws:
            await raw.send(_with_origin(ALLOWED))
            raw.reset() if reset else raw.finish_writing()
        for raw in raws:
            await raw.close()
    await eventually_async(lambda: target.service.metrics()["dossier_connections"] == 0)
    # A place counted as taken would be missing, one given back twice would be too many.
    return await connections_of_one_address(target, "127.0.0.7")


async def connections_of_one_address(target: Target, address: str = "127.0.0.5") -> str:
    """Open one connection more than the limit; it is refused, and the others live."""
    limit = int(str(target.service.settings["limits.connections_per_address"]))
    raws = [await shaken(target, address) for _ in range(limit)]
    late = await Raw.open(target.service, address=address)
    await late.send(_with_origin(ALLOWED))
    answer = await late.response()
    await late.close()
    client = Client(raws[-1])
    await client.authenticate(tokens.token("one-of-many"))
    await client.settle()
    await client.close()
    for raw in raws:
        await raw.close()
    return f"H({answer.status})" + (" retry-after" if "retry-after" in answer.headers else "")


async def an_eleventh_connection_of_a_user(target: Target) -> str:
    token = tokens.token("crowd")
    ten = [await Client.connect(target.service, token, address="127.0.0.6") for _ in range(10)]
    eleventh = Client(await shaken(target, "127.0.0.6"))
    await eleventh.send({"type": "auth", "payload": {"token": token}})
    told = await outcome(eleventh)
    for client in ten:
        await client.settle()
        await client.close()
    return told


async def two_hundred_slow_heads(target: Target) -> str:
    """Heads that come a byte at a time, for minutes until they were whole, are ended, while others log in."""
    slow = [await Raw.open(target.service) for _ in range(200)]
    head = iter(upgrade())

    async def dribble() -> None:
        for byte in head:
            await asyncio.gather(*(raw.send(bytes([byte])) for raw in slow))
            await asyncio.sleep(2)

    dribbling = asyncio.create_task(dribble())
    ends = [asyncio.create_task(raw.ended()) for raw in slow]
    for _ in range(100):
        async with await target.client() as real:
            await real.settle()
    rests = await asyncio.gather(*ends)
    dribbling.cancel()
    for raw in slow:
        await raw.close()
    return "ended" if not any(rests) else "answered"


ROWS = [
    Row("H01", "no Upgrade", probe(get("/v1")), "H(426)"),
    *each(
        "H03",
        [(path, path) for path in ("/v2", "/v1/", "/v1/../v1", "//v1", "/V1", "/v1%2f", "/v1;x", "/")],
        lambda path: probe(upgrade(path)),
        "H(404)",
    ),
    Row("H05", "no key", probe(upgrade(without=["Sec-WebSocket-Key"])), "H(400)"),
    *each(
        "H06",
        [(key, key) for key in ("x", "AAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAAA=", "!" * 22 + "==", "")],
        lambda key: probe(upgrade(**{"sec-websocket-key": key})),
        "H(400)",
    ),
    Row("H08", "Connection without upgrade", probe(upgrade(connection="keep-alive")), "H(400)"),
    Row("H08.1", "another version", probe(upgrade(**{"sec-websocket-version": "8"})), "H(400)"),
    Row("H08.2", "a POST", probe(upgrade().replace(b"GET", b"POST")), "H(405)"),
    Row("H11", "Origin null", probe(_with_origin("null")), "H(403)"),
    *each("H12", [(origin, origin) for origin in _ORIGINS], lambda origin: probe(_with_origin(origin)), "H(403)"),
    Row("H14.1", "no Origin where that is allowed", probe(upgrade()), "H(101)"),
    Row("H14.2", "no Origin where it is required", probe(upgrade()), "H(403)", "asymmetric"),
    Row("H14.3", "the allowed Origin where one is required", probe(_with_origin(ALLOWED)), "H(101)", "asymmetric"),
    Row(
        "H16",
        "Sec-Fetch-Site says same-origin, Origin does not",
        probe(_with_origin("https://evil.test", ("Sec-Fetch-Site", "same-origin"))),
        "H(403)",
    ),
    Row("H16.1", "an Origin that equals a foreign Host", probe(upgrade(host="evil.test")), "H(421)"),
    Row(
        "H16.2",
        "Origin equals Host, neither is ours",
        probe(upgrade("/v1", ("Origin", "http://evil.test"), host="evil.test")),
        "H(421)",
    ),
    Row("H17.1", "two Origins", probe(_with_origin(ALLOWED, ("Origin", ALLOWED))), "H(403)"),
    Row("H17.2", "two Hosts", probe(upgrade("/v1", ("Host", "localhost"))), "H(400)"),
    Row("H17.3", "no Host", probe(upgrade(without=["Host"])), "H(400)"),
    Row("H19.1", "a head of 9 kB", probe(_padded(9_000, 9)), "H(431) | H(0)"),
    Row("H19.2", "a header of 70 kB", probe(_padded(70_000)), "H(431) | H(0)"),
    Row("H19.3", "101 headers", probe(_padded(200, 101)), "H(431) | H(0)"),
    Row(
        "H21.1", "a body that is announced and does not come", probe(upgrade("/v1", ("Content-Length", "5"))), "H(400)"
    ),
    Row("H21.2", "a chunked body", probe(upgrade("/v1", ("Transfer-Encoding", "chunked")) + b"1\r\nx\r\n"), "H(400)"),
    Row("H22", "200 heads, a byte every 2 s", two_hundred_slow_heads, "ended", slow=True),
    Row("H24", "a token in the URL and in a header", token_in_the_url, "E(AUTH_FAILED) C(4500)"),
    Row(
        "H26",
        "subprotocols",
        probe(upgrade("/v1", ("Sec-WebSocket-Protocol", "x, y")), "sec-websocket-protocol"),
        "H(101)",
    ),
    # The service knows no extension at all, so F13 and F14 (compressed frames) cannot come to be.
    Row(
        "H27",
        "compression with bad parameters",
        probe(upgrade("/v1", ("Sec-WebSocket-Extensions", _BAD_DEFLATE)), "sec-websocket-extensions"),
        "H(101)",
    ),
    Row("H29.1", "one connection too many of an address", connections_of_one_address, "H(429) retry-after", "strict"),
    Row(
        "H29.2",
        "an eleventh connection of a user",
        an_eleventh_connection_of_a_user,
        "E(RATE_LIMIT_EXCEEDED) C(4503)",
        "strict",
    ),
    Row(
        "H32.1",
        "auth and subscribe in the packet of the handshake",
        frames_in_the_packet_of_the_handshake,
        "auth_success connection_state subscribed K",
    ),
    Row(
        "H32.2",
        "a ping in the packet of the handshake",
        a_ping_in_the_packet_of_the_handshake,
        "E(AUTH_FAILED) C(4500)",
    ),
    Row("H33", "gone before the 101 is written", gone_before_the_answer, "H(429) retry-after", "strict"),
    Row(
        "H34", "not HTTP at all", probe(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\r\n\r\n"), "H(400) | H(0)"
    ),
    Row("H35", "HTTP/0.9 and HTTP/2", probe(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "H(400) | H(0)"),
    Row("H36", "a handshake in HTTP/1.0", probe(upgrade().replace(b"HTTP/1.1", b"HTTP/1.0")), "H(400)"),
    *each(
        "H18",
        [
            (host, host)
            for host in (
                *("localhost:8000:evil", "localhost:8000@evil.test", "user@localhost", "evil.test@localhost"),
                *("localhost.", "localhost:", "localhost:0", "localhost:65536", "localhost:080", "localhost:evil"),
                *("[::1", "[::1]8000", "[::1]:x", "[::1%25lo]", "localhost,evil.test", "localhost/..", "*"),
            )
        ],
        lambda host: probe(upgrade(host=host)),
        "H(421) | H(400)",
    ),
    *each(
        "H20",
        [(host, host) for host in ("LOCALHOST", "localhost:1", "127.0.0.1:65535", "[0:0::1]:8000")],
        lambda host: probe(upgrade(host=host)),
        "H(101)",
    ),
    Row("H37", "a foreign Host for a plain page", probe(request("GET", "/metrics", ("Host", "evil.test"))), "H(421)"),
]
