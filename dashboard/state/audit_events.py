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
_CALLS: Final = (
    (re.compile(r"/v1/users/([^/]+)/disconnect"), "disconnect_user"),
    (re.compile(r"/v1/users/([^/]+)/limits/lift"), "lift"),
    (re.compile(r"/v1/sessions/([^/]+)"), "disconnect_session"),
    (re.compile(r"/v1/tokens/revoke()"), "revoke"),
    (re.compile(r"/v1/channels/([^/]+)"), "channel"),
    (re.compile(r"/v1/commitments/([^/]+)/ack"), "acknowledge"),
    (re.compile(r"/v1/briefs/([^/]+)/cancel"), "cancel"),
    (re.compile(r"/v1/documents/([^/]+)"), "document"),
    (re.compile(r"/v1/publish()"), "publish"),
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
    what, of = _meant(method, path)
    return AuditEvent(
        header.seq,
        header.at,
        header.user,
        what,
        of,
        of_channel=what in ("channel", "document"),
        reason=reason,
        status=status if isinstance(status, int) else 0,
        needs=(header.level or HIGHEST) if what in ("acknowledge", "cancel") else "",
    )


def _meant(method: str, path: str) -> tuple[str, str]:
    for pattern, what in _CALLS:
        found = pattern.fullmatch(path)
        if found is not None and what == "lift" and method == "DELETE":
            return "restore", unquote(found[1])
        if found is not None:
            return what, channels.document(unquote(found[1])) if what == "document" else unquote(found[1])
    return f"{method} {path}"[:200], ""
