"""The Python SDK's client as a session script sees it: steps go in, and what it did in each comes out."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from dossier_realtime.client.errors import ConnectFailed, RealtimeError
from dossier_realtime.client.state.backoff import Backoff
from dossier_realtime.client.state.connection import ClientConnection
from dossier_realtime.client.state.effects import (
    Deliver,
    DeliverUnknown,
    Dial,
    Drop,
    Effect,
    End,
    EnterState,
    ErrorReport,
    Reject,
    Renew,
    Settle,
    ShowPresence,
    Write,
)
from dossier_realtime.client.state.outbound_frames import frame_of
from dossier_realtime.client.state.session import ClientSession

Step = dict[str, Any]
Done = dict[str, list[Any]]
SEND_TIMEOUT_SECONDS = 120.0
CHANCE = 0.5


class ScriptedClient:
    """One client, its clock and its socket. Refs and keys are called `r1`, `r2` … and `k1` … as they appear."""

    def __init__(self, *, renewing: bool) -> None:
        self._session = ClientSession(SEND_TIMEOUT_SECONDS)
        self._connection = ClientConnection(self._session, Backoff(), lambda: CHANCE, renewable=renewing)
        self._renewing = renewing
        self._now = 0.0
        self._tokens = 0
        self._token = ""
        self._sends: dict[str, str] = {}
        self._refs: dict[str, str] = {}
        self._keys: dict[str, str] = {}
        self._done: Done = {}

    def play(self, step: Step) -> Done:
        """Carry out one step, and return what the client did."""
        self._done = {}
        if "client" in step:
            self._perform(self._called(step))
        elif "server" in step:
            self._perform(self._served(step))
        else:
            self._pass(self._now + step["pass"])
        if self._connection.finished:
            error = self._connection.error
            self._note("over", [self._connection.state, None if error is None else type(error).__name__])
        return self._done

    def _called(self, step: Step) -> list[Effect]:
        match step:
            case {"client": "connect"}:
                return self._connection.start()
            case {"client": "close"}:
                return self._connection.close()
            case {"client": "subscribe", "channel": channel}:
                return self._session.subscribe(channel, presence=bool(step.get("presence")), hidden=False)
            case {"client": "unsubscribe", "channel": channel}:
                return self._session.unsubscribe(channel)
            case {"client": "send", "name": name, "channel": channel, "message": message}:
                ref, key = self._session.next_ref(), f"key of {name}"
                self._sends[ref] = name
                return self._session.send(ref, frame_of(channel, message, ref, key), key, self._now, patient=True)
            case _:
                raise AssertionError(f"no such step: {step}")

    def _served(self, step: Step) -> list[Effect]:
        match step["server"]:
            case "open":
                return self._connection.opened(self._token, self._now)
            case "refuse":
                return self._connection.refused(ConnectFailed("refused"), self._now)
            case "close":
                return self._connection.lost(step["code"], "", self._now)
            case str(frame):
                return self._connection.received(frame, self._now)
            case message:
                return self._connection.received(json.dumps(self._with_real_ref(message)), self._now)

    def _pass(self, end: float) -> None:
        while (due := self._connection.deadline(self._now)) is not None and due <= end:
            self._now = max(self._now, due)
            self._perform(self._connection.tick(self._now))
        self._now = end

    def _perform(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            match effect:
                case Dial():
                    self._note("dials", True)
                    self._token = self._next_token()
                case Renew():
                    self._perform(self._connection.renewed(self._next_token()))
                case Write(frame):
                    self._note("frames", self._named(json.loads(frame)))
                case Drop(code, _):
                    self._note("hangs_up", code)
                case EnterState(state):
                    self._note("states", str(state))
                case _:
                    self._tell(effect)

    def _tell(self, effect: Effect) -> None:
        """Note an effect that the program sees."""
        match effect:
            case Deliver(channel, event, position):
                kind = type(event).__struct_config__.tag
                self._note("delivered", [channel, kind, None if position is None else position.offset])
            case DeliverUnknown(channel, unknown, position):
                if channel is not None:
                    self._note("unknown", [channel, unknown.type, None if position is None else position.offset])
                self._note("heard", [unknown.channel, unknown.type, unknown.offset])
            case ShowPresence(channel, presence):
                self._note("presence", [channel, sorted(presence.users)])
            case End(channel, error):
                if error is not None:
                    self._note("ended", [channel, type(error).__name__])
            case ErrorReport(error, channel):
                self._note("errors", [channel, type(error).__name__, _code(error)])
            case Settle(ref, answer):
                self._note("sends", [self._sends[ref], getattr(answer, "offset", None)])
            case Reject(ref, error):
                self._note("sends", [self._sends[ref], type(error).__name__])
            case _:
                pass

    def _note(self, what: str, value: Any) -> None:
        self._done.setdefault(what, []).append(value)

    def _next_token(self) -> str:
        self._tokens += 1
        return f"token-{self._tokens}" if self._renewing else "token"

    def _named(self, frame: dict[str, Any]) -> dict[str, Any]:
        for member, names, letter in (("ref", self._refs, "r"), ("idempotency_key", self._keys, "k")):
            if member in frame:
                frame[member] = names.setdefault(frame[member], f"{letter}{len(names) + 1}")
        return {name: value for name, value in frame.items() if value != {}}

    def _with_real_ref(self, message: dict[str, Any]) -> dict[str, Any]:
        real = {name: ref for ref, name in self._refs.items()}
        return {**message, "ref": real[message["ref"]]} if "ref" in message else message


def _code(error: RealtimeError) -> str | None:
    code = getattr(error, "error_code", None)
    return None if code is None else str(code)
