"""Session scripts by chance: a server that answers well, late, twice or wrongly, and a network that breaks."""

from __future__ import annotations

from random import Random
from typing import Any

from tests.agreement.scripted_client import ScriptedClient, Step

CHANNELS = ("dossier:country:SA", "workspace:w-1")
EVENT = {"entity_type": "country", "entity_id": "SA", "operation": "update", "fields_changed": ["name"]}
STAMPED = {**EVENT, "updated_by": {"user_id": "sara", "name": "Sara"}, "timestamp": 1}
CLOSES = (
    1001,
    1006,
    1006,
    1006,
    1011,
    1012,
    1013,
    4000,
    4001,
    4002,
    4003,
    4004,
    4005,
    4500,
    4501,
    4503,
    4504,
    1000,
    1009,
)
LAST_STEPS = 2  # after the client is over


class RandomServer:
    """Draws the next step from what the client has done so far."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._open = False
        self._dialled = False
        self._asked: list[dict[str, Any]] = []
        self._offsets = dict.fromkeys(CHANNELS, 3)
        self._epochs = dict.fromkeys(CHANNELS, 1)
        self._sends = 0

    def saw(self, done: dict[str, list[Any]]) -> None:
        """Take what the client did in the last step."""
        if "dials" in done:
            self._dialled = True
        if "hangs_up" in done:
            self._open = False
            self._asked.clear()
        self._asked += [frame for frame in done.get("frames", []) if "ref" in frame]

    def draw(self) -> Step:
        """Return the next step."""
        chance = self._chance
        if self._dialled and not self._open:
            self._dialled = False
            if chance.random() < 0.2:
                return {"server": "refuse"}
            self._open = True
            return {"server": "open"}
        choices = [self._client, self._wait]
        if self._open:
            choices += [self._event, self._event, self._trouble]
            choices += [self._answer] * 6 if self._asked else []
            choices += [self._close] if chance.random() < 0.4 else []
        return chance.choice(choices)()

    def _client(self) -> Step:
        channel = self._chance.choice(CHANNELS)
        what = self._chance.choice(("subscribe", "subscribe", "send", "send", "unsubscribe"))
        if what != "send":
            return {"client": what, "channel": channel}
        self._sends += 1
        message = {"type": "dossier_update", "payload": EVENT}
        return {"client": "send", "name": f"s{self._sends}", "channel": CHANNELS[0], "message": message}

    def _wait(self) -> Step:
        return {"pass": self._chance.choice((0, 0.125, 1, 2, 5, 16, 31))}

    def _event(self) -> Step:
        channel = self._chance.choice(CHANNELS)
        offset = self._offsets[channel] + self._chance.choice((1, 1, 1, 1, 0, 2, -1))
        self._offsets[channel] = max(self._offsets[channel], offset)
        kind = "a_later_message" if self._chance.random() < 0.2 else "dossier_update"
        return {"server": {"type": kind, "channel": channel, "offset": max(offset, 0), "payload": STAMPED}}

    def _trouble(self) -> Step:
        chance = self._chance
        channel = chance.choice((*CHANNELS, None))
        code = chance.choice(("INVALID_MESSAGE_FORMAT", "SUBSCRIPTION_FAILED", "INVALID_TOKEN", "PERMISSION_DENIED"))
        return chance.choice(
            (
                {"server": "no message"},
                {
                    "server": {
                        "type": "rate_limit_exceeded",
                        "payload": {"retry_after": chance.randint(1, 20), "limit": 9},
                    }
                },
                {"server": {"type": "token_expiring", "payload": {"expires_in": 60}}},
                {"server": {"type": "error", "error_code": code, "message": "no", "timestamp": 1, **_named(channel)}},
                {"server": {"type": "unsubscribed", "channel": CHANNELS[0]}},
                {"server": {"type": "pong", "timestamp": 1}},
                {
                    "server": {
                        "type": "connection_state",
                        "state": chance.choice(("authenticated", "reconnecting")),
                        "session_id": "s-1",
                        "reconnect_count": 1,
                        "retry_after": chance.randint(0, 9),
                    }
                },
            )
        )

    def _answer(self) -> Step:
        asked = self._asked.pop(0 if self._chance.random() < 0.8 else self._chance.randrange(len(self._asked)))
        if asked["type"] == "auth" and self._chance.random() < 0.9:
            session = {"user_id": "ali", "session_id": "s-1", "permissions": []}
            return {"server": {"type": "auth_success", "ref": asked["ref"], "payload": session}}
        if self._chance.random() < 0.2:
            return self._refusal(asked)
        match asked["type"]:
            case "subscribe":
                return self._subscribed(asked)
            case "unsubscribe":
                return {"server": {"type": "unsubscribed", "channel": asked["channel"], "ref": asked["ref"]}}
            case _:
                self._offsets[CHANNELS[0]] += 1
                place = {"offset": self._offsets[CHANNELS[0]], "epoch": "e-1"}
                return {"server": {"type": "ack", "ref": asked["ref"], "channel": CHANNELS[0], **place}}

    def _refusal(self, asked: dict[str, Any]) -> Step:
        code = self._chance.choice(("RATE_LIMIT_EXCEEDED", "SERVICE_UNAVAILABLE", "PERMISSION_DENIED", "INVALID_TOKEN"))
        wait = {"retry_after": self._chance.randint(1, 9)} if self._chance.random() < 0.7 else {}
        names = {"ref": asked["ref"], **_named(asked.get("channel")), **wait}
        return {"server": {"type": "error", "error_code": code, "message": "no", "timestamp": 1, **names}}

    def _subscribed(self, asked: dict[str, Any]) -> Step:
        channel = asked["channel"]
        if self._chance.random() < 0.1:
            self._epochs[channel] += 1
        position = {"epoch": f"e-{self._epochs[channel]}", "offset": self._offsets[channel]}
        recovered = {"recovered": self._chance.random() < 0.7} if "since" in asked.get("params", {}) else {}
        answer = {"type": "subscribed", "channel": channel, "ref": asked["ref"], "position": position, **recovered}
        return {"server": answer}

    def _close(self) -> Step:
        self._open = False
        self._asked.clear()
        return {"server": "close", "code": self._chance.choice(CLOSES)}


def random_script(seed: int, steps: int) -> dict[str, Any]:
    """Return a script of so many steps, with what the Python SDK does in each."""
    chance = Random(seed)  # noqa: S311  the same script for the same seed
    renewing = chance.random() < 0.5
    client, server = ScriptedClient(renewing=renewing), RandomServer(chance)
    told: list[Step] = []
    left = LAST_STEPS
    step: Step = {"client": "connect"}
    while len(told) < steps and left:
        done = client.play(step)
        told.append({**step, "then": done} if done else step)
        server.saw(done)
        if "over" in done:
            left -= 1
            step = {"pass": 40}
        else:
            step = server.draw()
    return {"title": f"By chance, from {seed}", "renewing": renewing, "steps": told}


def _named(channel: str | None) -> dict[str, str]:
    return {} if channel is None else {"channel": channel}
