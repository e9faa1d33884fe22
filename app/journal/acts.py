"""Acts of people and systems with rights, recorded before they are done (docs/protocol.md#acts).

An act holds its author (user, name, token id, address, session or token), its verb, its subject, the state before and
after, and the reason. Its `outcome` follows when it is known, tied to it by seq: an act without one was under way when
the node ended.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import msgspec

from .initiator import CallText

if TYPE_CHECKING:
    from app.journal.lanes import Waiting
    from app.journal.writer import Journal
    from dossier_realtime.recording.entry import Detail

    from .initiator import Initiator

Outcome = Literal["done", "unchanged", "failed"]
Verb = Literal[
    "acknowledge_alert",
    "add_facts",
    "add_comment",
    "cancel_brief",
    "change_comment",
    "claim_brief",
    "change_document",
    "change_settings",
    "complete_commitment",
    "delete_commitment",
    "delete_document",
    "delegate_commitment",
    "disconnect_user",
    "end_session",
    "export_journal",
    "lift_limits",
    "mark_read",
    "mark_translated",
    "name_version",
    "pair_documents",
    "part_documents",
    "publish",
    "register_commitment",
    "remove_comment",
    "reply_comment",
    "report_brief",
    "request_brief",
    "restore_document",
    "restore_limits",
    "revoke_token",
    "revoke_user",
    "score_relationship",
    "sign_snapshot",
    "snooze_commitment",
    "snooze_entry",
]
SubjectKind = Literal[
    "brief",
    "channel",
    "commitment",
    "document",
    "events",
    "inbox",
    "journal",
    "relationship",
    "session",
    "token",
    "user",
]
Facts = msgspec.Struct | Mapping[str, str | int | float | bool | None]

_MAX_FACTS = 2_000  # characters of what holds before or after
_MAX_CHANNELS = 1_000
_MAX_GOING_ON = 1_000
_PAGES_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Act:
    """One act. `channel` is the one that it is done on, or that its subject was derived from ("": none).

    `items`: the single things that it adds, each as JSON, where they are more than `after` holds. `versions`: of the
    documents in `channels`, in their order; like a channel's name, each is for those alone who may see that channel.
    """

    verb: Verb
    subject_kind: SubjectKind
    subject: str
    channel: str = ""
    channels: tuple[str, ...] = ()
    before: Facts | None = None
    after: Facts | None = None
    items: tuple[str, ...] = ()
    versions: tuple[int, ...] = ()
    text: CallText = field(default_factory=CallText)
    withholds_reason: bool = False
    """True where its subject is classified above its channels: the reason stands with the subject alone."""

    def detail(self, actor: Initiator) -> Detail:
        """Return the act as the detail of its entry, without empty fields."""
        told: Detail = {
            "verb": self.verb,
            "subject_kind": self.subject_kind,
            "subject": self.subject,
            "name": actor.name,
            "token": actor.token_id,
            "address": actor.address,
            "channels": list(self.channels[:_MAX_CHANNELS]),
            "before": _json(self.before),
            "after": _json(self.after),
            "items": list(self.items),
            "versions": [f"{name} {version}" for name, version in zip(self.channels, self.versions, strict=False)],
            **self.text.detail(),
        }
        return {name: value for name, value in told.items() if value not in ("", [])}


RecordAct = Callable[[Act], Awaitable[None]]
"""Records an act durably. It raises where that cannot be: then the act must not be done."""


class ActRecord:
    """The acts of a node. `level_of` says a channel's classification now, "" for what names no channel."""

    def __init__(self, journal: Journal, level_of: Callable[[str], str]) -> None:
        self._journal = journal
        self._level_of = level_of
        self._going_on: dict[tuple[str, str], float] = {}

    async def begin(self, actor: Initiator, act: Act) -> int:
        """Return the act's seq once it is durable. Raises ActNotRecorded: then it must not be done."""
        return await self._journal.record_act(
            act.detail(actor),
            session=actor.via.removeprefix("session:") if actor.via.startswith("session:") else "",
            user=actor.user_id,
            channel=act.channel,
            level=self._level_of(act.channel),
            via=actor.via,
        )

    def goes_on(self, actor: Initiator, what: str, steady: float) -> bool:
        """Return True for the next page of a listing that the same token `began` in the last minute.

        Such a page is no act of its own. `steady` is seconds on the steady clock; each page prolongs the minute.
        """
        key = (f"{actor.user_id} {actor.via}", what)
        if steady - self._going_on.get(key, -_PAGES_SECONDS) >= _PAGES_SECONDS:
            return False
        self._going_on[key] = steady
        return True

    def began(self, actor: Initiator, what: str, steady: float) -> None:
        """Remember an act that may go on page by page."""
        if len(self._going_on) >= _MAX_GOING_ON:
            del self._going_on[next(iter(self._going_on))]
        self._going_on[f"{actor.user_id} {actor.via}", what] = steady

    def end(self, entry: Waiting | int, actor: Initiator, act: Act, outcome: Outcome, status: int = 0) -> None:
        """Record what became of an act, given by its entry or its seq; `status` is the HTTP status of its answer."""
        detail: Detail = {"outcome": outcome, "verb": act.verb}
        if status:
            detail["status"] = status
        self._journal.record(
            "outcome",
            user=actor.user_id,
            channel=act.channel,
            level=self._level_of(act.channel),
            via=actor.via,
            cause=entry,
            detail=detail,
            lane="acts",
        )


def _json(facts: Facts | None) -> str:
    return "" if facts is None else msgspec.json.encode(facts).decode()[:_MAX_FACTS]
