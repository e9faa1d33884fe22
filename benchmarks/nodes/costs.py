"""The costs of a shared store in Redis: the time of each script, and the memory of each thing that is kept."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from benchmarks.nodes.crowd import Crowd, event
from benchmarks.nodes.deployments import Deployment, RedisProcess
from benchmarks.service import ROOT
from benchmarks.wire import Socket
from dossier_realtime.protocol import channels

_SCRIPTS = ROOT / "app" / "engine" / "redis" / "scripts"


async def print_scripts(redis: RedisProcess, deployment: Deployment, seconds: float, rate: float, readers: int) -> None:
    """Print what each script takes in Redis while logins, subscriptions, publishes and beats go on."""
    names = {hashlib.sha1(file.read_bytes()).hexdigest().encode(): file.stem for file in _SCRIPTS.glob("*.lua")}  # noqa: S324  Redis names scripts so
    redis.ask("CONFIG", "SET", "slowlog-max-len", "200000")
    redis.ask("CONFIG", "SET", "slowlog-log-slower-than", "0")
    redis.ask("SLOWLOG", "RESET")
    crowd = await Crowd.join(deployment, readers)
    await crowd.publish(seconds, rate)
    calls, spent = Counter[str](), Counter[str]()
    for entry in redis.ask("SLOWLOG", "GET", "-1"):
        microseconds, words = entry[2], entry[3]
        name = words[0].decode().lower()
        if name == "evalsha":
            name = names.get(words[1], "another script")
        calls[name] += 1
        spent[name] += microseconds
    redis.ask("CONFIG", "SET", "slowlog-log-slower-than", "-1")
    print("scripts and commands of two nodes: calls, µs each")
    for name, count in sorted(calls.items(), key=lambda one: -spent[one[0]])[:10]:
        print(f"  {name:18} {count:7} {spent[name] / count:8.1f}")
    for one in (*crowd.readers, *crowd.publishers):
        one.close()


async def print_memory(redis: RedisProcess, deployment: Deployment, things: int) -> None:
    """Print the bytes of Redis that a channel, an event, a session and a presence take."""
    (node,) = deployment.nodes
    publisher = await Socket.open(node.port, node.mint("writer", "write:dossier:*"))
    held = [_held(redis)]

    async def publish(names: Sequence[str]) -> None:
        for number, channel in enumerate(names):
            publisher.send(event(channel) | {"ref": str(number)})
            await publisher.until(b'"ref":"%d"' % number)
        held.append(_held(redis))

    await publish([channels.dossier("country", f"m{number}") for number in range(things)])
    await publish([channels.dossier("country", "m0")] * things)
    token = node.mint("reader", "read:dossier:*")
    opened = [await Socket.open(node.port, token) for _ in range(things)]
    held.append(_held(redis))
    for number, one in enumerate(opened):
        one.send({"type": "subscribe", "channel": channels.dossier("country", f"m{number}")})
        await one.until(b'"type":"subscribed"')
    held.append(_held(redis))
    grown = [(after - before) / things for before, after in pairwise(held)]
    kinds = "channel with its first event", "further event", "session", "presence"
    print(f"bytes of Redis, of {things} each: " + ", ".join(f"{k} {b:.0f}" for k, b in zip(kinds, grown, strict=True)))
    for one in (publisher, *opened):
        one.close()


def _held(redis: RedisProcess) -> int:
    """Return the bytes of all keys, without what clients and buffers take."""
    return sum(redis.ask("MEMORY", "USAGE", name.decode(), "SAMPLES", "0") or 0 for name in redis.ask("KEYS", "*"))
