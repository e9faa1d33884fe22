"""The Python SDK's client as a session script sees it: steps go in, and what it did in each comes out."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from dossier_realtime.client.errors import ConnectFailed, RealtimeError
from dossier_realtime.client.state.backoff import Backoff
from dossier_realtime.client.state.connection import ClientConnection
from dossier_realtime.client.state.document_replica import DocumentReplica
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
from dossier_realtime.ot.batches.steps import of_steps
from dossier_realtime.ot.operations import Insert
from dossier_realtime.ot.units import to_units


class Shown(NamedTuple):
    """A document as its user sees it."""

    text: str
    cursors: list[list[Any]]


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
        self._operations: dict[str, str] = {}
        self._documents: dict[str, DocumentReplica] = {}
        self._shown: dict[str, Shown] = {}
        self._done: Done = {}

    def play(self, step: Step) -> Done:
        """Carry out one step, and return what the client did."""
        self._done = {}
        step = expanded(step)
        if "client" in step:
            self._perform(self._called(step))
        elif "server" in step:
            self._perform(self._served(step))
        else:
            self._pass(self._now + step["pass"])
        for channel, replica in self._documents.items():
            self._show(channel, replica)
        if self._connection.finished:
            error = self._connection.error
            self._note("over", [self._connection.state, None if error is None else type(error).__name__])
        return {what: all_ for what, all_ in self._done.items() if what != step.get("without")}

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
            case {"client": "open", "document": name}:
                channel = f"document:{name}"
                replica = DocumentReplica(channel, self._new_id, self._session.next_ref, self._session.pace)
                self._documents[channel] = replica
                return self._session.open_document(replica)
            case {"client": "edit", "document": name, "position": position, "insert": text}:
                replica = self._documents[f"document:{name}"]
                edit = of_steps([(position, Insert(to_units(text)))], replica.document.length)
                return replica.edit(edit, self._now, join=False)
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
            case Deliver(channel) if channel in self._documents:
                pass  # its replica has it
            case Deliver(channel, event, position):
                kind = type(event).__struct_config__.tag
                self._note("delivered", [channel, kind, None if position is None else position.offset])
            case DeliverUnknown(channel, unknown, position):
                if channel is not None:
                    self._note("unknown", [channel, unknown.type, None if position is None else position.offset])
                self._note("heard", [unknown.channel, unknown.type, unknown.offset])
            case ShowPresence(channel, presence) if channel not in self._documents:
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

    def _show(self, channel: str, replica: DocumentReplica) -> None:
        """Note the text and the cursors of a document where they changed."""
        cursors = [[c.user_id, c.name, c.color, c.position, c.selection_length] for c in replica.cursors.values()]
        shown = Shown(str(replica.document.text), cursors)
        before = self._shown.get(channel, Shown("", []))
        if shown.text != before.text:
            self._note("texts", [channel, shown.text])
        if shown.cursors != before.cursors:
            self._note("cursors", [channel, cursors])
        self._shown[channel] = shown

    def _new_id(self) -> str:
        return f"operation {len(self._operations)} {self._now}"

    def _note(self, what: str, value: Any) -> None:
        self._done.setdefault(what, []).append(value)

    def _next_token(self) -> str:
        self._tokens += 1
        return f"token-{self._tokens}" if self._renewing else "token"

    def _named(self, frame: dict[str, Any]) -> dict[str, Any]:
        for member, names, letter in (("ref", self._refs, "r"), ("idempotency_key", self._keys, "k")):
            if member in frame:
                frame[member] = names.setdefault(frame[member], f"{letter}{len(names) + 1}")
        said = frame.get("payload", {})
        if "op_id" in said:
            said.pop("epoch", None)  # this client names it where it changed, the other one always
            said["op_id"] = self._operations.setdefault(said["op_id"], f"o{len(self._operations) + 1}")
        return {name: value for name, value in frame.items() if value != {}}

    def _with_real_ref(self, message: dict[str, Any]) -> dict[str, Any]:
        real = {name: ref for ref, name in (*self._refs.items(), *self._operations.items())}
        message = {**message, "ref": real.get(message["ref"], message["ref"])} if "ref" in message else message
        said = message.get("payload")
        if not isinstance(said, dict) or said.get("op_id") not in real:
            return message
        return {**message, "payload": {**said, "op_id": real[said["op_id"]]}}


def expanded(value: Any) -> Any:
    """Return a part of a script with each `{"$repeat": [text, times]}` as that text."""
    match value:
        case {"$repeat": [str(text), int(times)]}:
            return text * times
        case dict():
            return {name: expanded(each) for name, each in value.items()}
        case list():
            return [expanded(each) for each in value]
        case _:
            return value


def _code(error: RealtimeError) -> str | None:
    code = getattr(error, "error_code", None)
    return None if code is None else str(code)
