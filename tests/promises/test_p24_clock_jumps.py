"""P24: the wall clock may jump by an hour or a day under load, forwards and back, and nothing ends, begins or is lost.

libfaketime moves the wall clock of the running service alone; the steady clock stays, as in a machine that is set.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from tests.harness import tokens
from tests.harness.eventually import HANG_SECONDS
from tests.harness.service import ROOT, Overrides, Service
from tests.harness.wire import Message
from tests.promises.checker import Ledger, Place
from tests.promises.conftest import Report, Sized
from tests.promises.load_clients import (
    CHANNEL,
    CROWD,
    Peer,
    Publisher,
    Subscriber,
    now,
    run,
    settled,
    update,
)

HOUR, DAY = 3_600, 86_400
JUMPS = ((HOUR, 0, -HOUR, 0), (DAY, 0, -DAY, 0))
"""Where the wall clock stands one after the other, in seconds from the true time."""
RATE = 100  # events a second
GRACE, LIVENESS, LIFE, LIMIT = 2, 6, 6, 20  # seconds, seconds, seconds, messages a window
WINDOW = 60  # seconds
SLACK = 10.0  # seconds: far above what a busy machine adds, far below a jump
SETTINGS: Overrides = {
    "presence.grace": GRACE,
    "session.heartbeat_interval": 1,
    "session.ping_interval": 1,
    "session.liveness_timeout": LIVENESS,
    "limits.roles.tight.general": LIMIT,
}
HEARTBEAT_LOST, TOKEN_EXPIRED = 4001, 4002


Ending = Coroutine[Any, Any, None]
"""Waits for what time alone brings, and judges when it came."""


class WallClock:
    """The service's wall clock, set from outside while it runs."""

    def __init__(self, folder: Path) -> None:
        libraries = list(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
        if not libraries:
            pytest.fail("libfaketime is missing: install it (apt-get install faketime)")
        self._file = folder / "wall-clock"
        self.offset = 0
        self.environment = {
            "LD_PRELOAD": str(libraries[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_CACHE_DURATION": "1",  # seconds; without a cache every look at a clock reads the file
        }
        self.set(0)

    def set(self, offset: int) -> None:
        """Let it be so many seconds from the true time from now on."""
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"{offset:+d}\n")
        fresh.replace(self._file)
        self.offset = offset

    @property
    def time(self) -> float:
        """Return the Unix time of the service."""
        return time.time() + self.offset


def test_p24_clock_jumps_are_harmless(tmp_path: Path, report: Report, sized: Sized) -> None:
    rounds = sized(1, 10)
    clock = WallClock(tmp_path)
    with Service(tmp_path / "data", {**CROWD, **SETTINGS}, environment=clock.environment) as service:
        ledger, figures = run(Jumping(service, clock).run(rounds))
        service.assert_log_clean()
    verify = [sys.executable, "run.py", "verify", "--data", str(tmp_path / "data")]
    verified = subprocess.run(verify, cwd=ROOT, capture_output=True, text=True, check=False)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    jumps = rounds * sum(map(len, JUMPS))
    report(f"{jumps} jumps of 1 h and 1 d, {ledger.acks} events at {RATE}/s: 0 lost, 0 twice; {figures}")


class Jumping:
    """The clients of one run."""

    def __init__(self, service: Service, clock: WallClock) -> None:
        self.service, self.clock, self.ledger = service, clock, Ledger()
        self.ended: dict[str, float] = {}
        """By name: seconds from its beginning to its end, at most, of what time alone ends."""

    async def run(self, rounds: int) -> tuple[Ledger, str]:
        reader, away = self.subscriber("reader"), self.subscriber("away")
        publisher = Publisher(self.service, self.ledger, "p", self.token("publisher"), window=1_000)
        await reader.join()
        await away.join()
        await publisher.publish(50)
        away.drop()
        load = asyncio.create_task(publisher.publish(1_000_000, rate=RATE))
        idle = await Peer.connect(self.service, self.token("idle"))
        tight = await Peer.connect(self.service, self.token("tight", role="tight"))
        window = now()  # before the first message, with which the window begins
        await self.spend(tight, LIMIT)
        for jumps in JUMPS * rounds:
            endings = asyncio.gather(await self.silent(), await self.expiring(), await self.leaving())
            for offset in jumps:
                await self.jump(idle, offset)
                await self.come_and_go()
                held = await self.refused(tight)
                assert held or now() > window + WINDOW, "a jump of the wall clock opened a new rate window"
            await endings
        await self.jump(idle, DAY)
        load.cancel()
        await asyncio.wait([load])
        await self.resend(publisher)
        away.token = self.token("away")
        await away.join()
        await settled(self.ledger, [reader, away])
        self.ledger.check()
        assert self.ledger.acks > RATE
        assert away.recoveries == [True]
        assert not reader.recoveries
        assert reader.peer is not None
        for peer in (reader.peer, idle, tight):
            assert not peer.closed.done(), peer.closed
        return self.ledger, ", ".join(f"{name} after {took:.1f} s" for name, took in self.ended.items())

    def subscriber(self, name: str) -> Subscriber:
        return Subscriber(self.service, self.ledger, name, self.token(name))

    def token(self, user: str, **claims: object) -> str:
        """Good by the clock of the service."""
        return tokens.token(user, "write:dossier:*", now=self.clock.time, **claims)

    async def jump(self, peer: Peer, offset: int) -> None:
        """Set the service's wall clock, and wait until it shows that."""
        self.clock.set(offset)
        deadline = now() + HANG_SECONDS
        while abs((await peer.ask({"type": "ping"}))["timestamp"] - self.clock.time) > 2:
            assert now() < deadline, "the clock of the service did not jump"
            await asyncio.sleep(0.05)

    # --- what a jump may not touch ----------------------------------------------------------------------------

    async def spend(self, tight: Peer, messages: int) -> None:
        """Use a rate window up."""
        for number in range(messages):
            answer = await tight.ask(_harmless(number))
            assert answer["error_code"] == "PERMISSION_DENIED", answer

    async def refused(self, tight: Peer) -> bool:
        """Return whether the window still holds."""
        answer = await tight.ask(_harmless(0))
        return bool(answer["error_code"] == "RATE_LIMIT_EXCEEDED")

    async def come_and_go(self) -> None:
        """Logging in works by the new time, with a token of the new time."""
        peer = await Peer.connect(self.service, self.token("comer"))
        await peer.close()

    async def resend(self, publisher: Publisher) -> None:
        """Keys are remembered for a day of real time: the first events, sent again, get their first place."""
        peer = await Peer.connect(self.service, self.token("publisher"))
        for number in range(1, 51):
            event = f"{publisher.name}.{number}"
            answer = await peer.ask(update(event) | {"idempotency_key": event})
            assert answer["type"] == "ack", answer
            self.ledger.acked(event, Place(answer["epoch"], answer["offset"]), now())

    # --- what time ends, and only the steady clock's ------------------------------------------------------------

    async def silent(self) -> Ending:
        """A silent client, which sends not even a pong, is taken for dead in its time."""
        begun = now()  # before it can have been heard: a slow login must not look like an early end
        peer = await Peer.connect(self.service, self.token("silent"))
        peer.answers_pings = False
        return self.closed("silence", peer, HEARTBEAT_LOST, begun, LIVENESS, LIVENESS)

    async def expiring(self) -> Ending:
        """A token lives as long as it had to live when it was shown."""
        begun = now()  # before the token is made, whose end is a whole second
        peer = await Peer.connect(self.service, self.token("expiring", ttl=LIFE))
        return self.closed("expiry", peer, TOKEN_EXPIRED, begun, LIFE - 1, LIFE)

    async def closed(self, name: str, peer: Peer, code: int, begun: float, least: float, most: float) -> None:
        """The connection ends, in its time."""
        assert await asyncio.wait_for(peer.closed, HANG_SECONDS) == code
        self.take_time(name, now() - begun, least, most)

    async def leaving(self) -> Ending:
        """Presence ends after its grace, no earlier and no later."""
        told: asyncio.Future[float] = asyncio.get_running_loop().create_future()

        def take(message: Message) -> None:
            if message["type"] == "presence_leave" and message["payload"]["user_id"] == "leaver":
                told.set_result(now())

        channel = "dossier:country:EG"
        watcher = await Peer.connect(self.service, self.token("watcher"), on_message=take)
        await watcher.ask({"type": "subscribe", "channel": channel, "params": {"include_presence": True}})
        leaver = await Peer.connect(self.service, self.token("leaver"))
        await leaver.ask({"type": "subscribe", "channel": channel})
        leaver.reset()
        return self.left(watcher, told, now())

    async def left(self, watcher: Peer, told: asyncio.Future[float], begun: float) -> None:
        """The watcher is told, in time."""
        self.take_time("presence_leave", await asyncio.wait_for(told, HANG_SECONDS) - begun, GRACE, GRACE)
        await watcher.close()

    def take_time(self, name: str, took: float, least: float, most: float) -> None:
        """Fails unless it came in its time by the steady clock."""
        self.ended[name] = max(took, self.ended.get(name, 0.0))
        assert least - 0.3 <= took <= most + SLACK, f"{name} came after {took:.1f} s"


def _harmless(number: int) -> Message:
    """A message that counts as general and is refused, so that it changes nothing."""
    return {"type": "presence_update", "channel": CHANNEL, "payload": {"field": f"f{number}"}}
