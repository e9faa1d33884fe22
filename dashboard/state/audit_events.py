"""The results of the audit of the journal: the state of its chain, and the actions in its entries. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from dossier_realtime.protocol import channels
from dossier_realtime.protocol.classification import HIGHEST
from dossier_realtime.recording.entry import Header
from dossier_realtime.recording.proof.verify import ChainFault

MAX_REASON_CHARS: Final = 500
HEAD: Final = "the head says another link for this entry"
GONE: Final = "this entry was verified and is not in the journal any more"
REPLACED: Final = "this entry was verified and another stands in its place"
_CHANGES: Final = frozenset({"POST", "PUT", "DELETE"})
_PERSON, _CHANNEL, _FACT = "person", "channel", "fact"
_CALLS: Final = (
    ("POST /v1/users/{}/disconnect", "disconnect_user", _PERSON),
    ("POST /v1/users/{}/limits/lift", "lift", _PERSON),
    ("DELETE /v1/users/{}/limits/lift", "restore", _PERSON),
    ("DELETE /v1/sessions/{}", "disconnect_session", _PERSON),
    ("POST /v1/tokens/revoke", "revoke", ""),
    ("PUT /v1/channels/{}", "channel", _CHANNEL),
    ("PUT /v1/documents/{document}", "document", _CHANNEL),
    ("DELETE /v1/documents/{document}", "delete_document", _CHANNEL),
    ("PUT /v1/documents/{document}/versions/{}", "version", _CHANNEL),
    ("POST /v1/documents/{document}/restore", "restore_document", _CHANNEL),
    ("PUT /v1/documents/{document}/pair", "pair", _CHANNEL),
    ("DELETE /v1/documents/{document}/pair", "unpair", _CHANNEL),
    ("POST /v1/documents/{document}/pair/translated", "translated", _CHANNEL),
    ("POST /v1/documents/{document}/snapshots", "snapshot", _CHANNEL),
    ("POST /v1/documents/{document}/comments", "comment", _CHANNEL),
    ("DELETE /v1/documents/{document}/comments/{}", "remove_comment", _CHANNEL),
    ("POST /v1/documents/{document}/comments/{}/replies", "reply", _CHANNEL),
    ("POST /v1/documents/{document}/comments/{}/{}", "step_comment", _CHANNEL),
    ("POST /v1/relationships/{relationship}/score", "score", _CHANNEL),
    ("POST /v1/relationships/{relationship}/facts", "facts", _CHANNEL),
    ("PUT /v1/commitments/{}", "register", _FACT),
    ("DELETE /v1/commitments/{}", "remove_commitment", _FACT),
    ("POST /v1/commitments/{}/ack", "acknowledge", _FACT),
    ("POST /v1/commitments/{}/complete", "complete", _FACT),
    ("POST /v1/commitments/{}/snooze", "snooze", _FACT),
    ("POST /v1/commitments/{}/delegate", "delegate", _FACT),
    ("POST /v1/briefs", "ask_brief", ""),
    ("POST /v1/briefs/claim", "claim_brief", ""),
    ("POST /v1/briefs/{}/progress", "report_brief", _FACT),
    ("POST /v1/briefs/{}/complete", "write_brief", _FACT),
    ("POST /v1/briefs/{}/failed", "give_up_brief", _FACT),
    ("POST /v1/briefs/{}/cancel", "cancel", _FACT),
    ("POST /v1/inbox/ack", "read_inbox", ""),
    ("POST /v1/inbox/snooze", "snooze_inbox", ""),
    ("POST /v1/publish", "publish", ""),
)
"""The calls that change something: what they do, and the kind of their subject, which is the first part in braces.

A channel decides by its level who may see the event; a fact by the level of what it was derived from. A part with a
name, such as `{document}`, is the id within that namespace.
"""
_NAMES: Final = {"document": channels.document, "relationship": channels.relationship}
_PART: Final = re.compile(r"\\{(\w*)\\}")
_PATTERNS: Final = tuple(
    (re.compile(_PART.sub("([^/]+)", re.escape(call))), next(iter(_PART.findall(re.escape(call))), ""), what, subject)
    for call, what, subject in _CALLS
)


@dataclass(frozen=True, slots=True)
class ChainStatus:
    """The state of the chain: verified from entry `first` to `seq`, whose link is `link`, at the time `at`.

    `head` is the last entry that the service reports; `lost` and `redacted` count in the verified ones. `trouble` is
    the reason for which no entry can be verified now, "" while there is none; `fault` the first of `faults` faults,
    and it stays. `writable`: whether the service reports that the journal can be written; None while it reports
    nothing.
    """

    node: str = ""
    first: int = 0
    seq: int = 0
    link: str = ""
    head: int = 0
    at: float = 0.0
    lost: int = 0
    redacted: int = 0
    writable: bool | None = None
    trouble: str = ""
    fault: ChainFault | None = None
    faults: int = 0

    @property
    def behind(self) -> int:
        """The number of entries that are not verified yet."""
        return max(0, self.head - self.seq)


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """An action of a user, or its denial by `rule`: the action, its subject and its reason.

    `what` is a word of a closed list, or method and path. `of` is a channel where `of_channel` says so. `status` is
    that of an HTTP call, `level` a classification that holds from here on. `times`: the number of equal denials.
    """

    seq: int
    at: float
    user: str
    what: str
    of: str = ""
    of_channel: bool = False
    reason: str = ""
    status: int = 0
    rule: str = ""
    level: str = ""
    times: int = 1
    needs: str = ""
    """The clearance needed to see an event that is on no channel: that of the facts its subject was derived from."""

    @property
    def key(self) -> str:
        """The key of the row: equal denials share one."""
        return f"{self.user} {self.rule} {self.of}" if self.rule else str(self.seq)


def audit_event(header: Header) -> AuditEvent | None:
    """Return the audit event of a journal entry; None for entries that are no action of a user."""
    seq, at, user = header.seq, header.at, header.user
    match header.kind:
        case "http":
            return _called(header)
        case "settings":
            return AuditEvent(seq, at, header.by, "settings", header.channel, of_channel=True, level=header.level)
        case "decided" if header.rule == "session.revoked":
            return AuditEvent(seq, at, header.by, "ended", user)
        case "refused" if header.rule in ("clearance", "identity", "ops") or header.rule.startswith("grant."):
            of = header.channel
            return AuditEvent(seq, at, user, header.rule, of, of_channel=bool(of), rule=header.rule)
        case _:
            return None


def _called(header: Header) -> AuditEvent | None:
    method, path = str(header.detail.get("method", "")), str(header.detail.get("path", ""))
    reason = str(header.detail.get("reason", ""))[:MAX_REASON_CHARS]
    if method not in _CHANGES or (path == "/v1/publish" and not reason):
        return None  # events of publishers are on the live tail
    status = header.detail.get("status")
    what, of, subject = _meant(method, path)
    return AuditEvent(
        header.seq,
        header.at,
        header.user,
        what,
        of,
        of_channel=subject == _CHANNEL,
        reason=reason,
        status=status if isinstance(status, int) else 0,
        needs=(header.level or HIGHEST) if subject == _FACT else header.level if not subject else "",
    )


def _meant(method: str, path: str) -> tuple[str, str, str]:
    """Return what was done, its subject, and the kind of that. A call that is not known may name any fact."""
    call = f"{method} {path}"
    for pattern, namespace, what, subject in _PATTERNS:
        found = pattern.fullmatch(call)
        if found is not None:
            of = unquote(found[1]) if subject else ""
            return what, _NAMES[namespace](of) if namespace else of, subject
    return call[:200], "", _FACT
