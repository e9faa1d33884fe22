"""The page of the audit: the state of the journal's hash chain, and the actions of users."""

from __future__ import annotations

from typing import Final

from dashboard.screen.blocks import Block, Cell, Tone, badge, moment, refusal, row, short, table
from dashboard.screen.listing import Rows
from dashboard.screen.viewer import Viewer
from dashboard.state.audit_events import GONE, HEAD, REPLACED, AuditEvent, ChainStatus
from dashboard.state.store import DashboardState
from dossier_realtime.protocol.explanations.explanation import explain_rule, explain_status, needed
from dossier_realtime.recording import export

_DIGITS = 16  # of a link
_MAX_UNREPORTED_LAG = 5_000  # entries: fewer are verified by the next poll, and new ones always come
_FORBIDDEN = 403
_ASKED_BY: Final = {
    **dict.fromkeys(("disconnect_user", "disconnect_session", "revoke", "lift", "restore"), "grant.all"),
    "channel": "grant.admin",
    "document": "grant.write",
}
"""The permission that each call needs, by action, as the rule that denies it."""
_FAULTS: Final = {
    export.CHANGED: "changed",
    export.MISSING: "missing",
    export.DAMAGED: "damaged",
    export.REWRITTEN: "rewritten",
    export.OTHER_LINES: "lines",
    export.NO_LINE: "no_line",
    HEAD: "head",
    GONE: "gone",
    REPLACED: "replaced",
}


def audit(state: DashboardState, viewer: Viewer, at: float) -> list[Block]:
    """Return the state of the chain, and the audit events that the viewer may see, latest first."""
    say, chain = viewer.say, state.chain
    done = [*state.audit_events.values(), *state.denials.values()] if viewer.operates else []
    latest = sorted((event for event in done if _shown(event, state, viewer)), key=lambda event: -event.seq)
    figures = [
        {"label": say("figure.verified"), "value": chain.seq or None},
        {"label": say("figure.first"), "value": chain.first or None},
        {"label": say("figure.behind"), "value": chain.behind if chain.seq else None},
        {"label": say("figure.lost"), "value": chain.lost if chain.seq else None},
        {"label": say("figure.redacted"), "value": chain.redacted if chain.seq else None},
    ]
    return [
        _banner(chain, viewer),
        *viewer.note(),
        {"id": "figures", "kind": "figures", "items": figures},
        table(
            "chain",
            say("table.chain"),
            viewer.columns("node", "status", "link", "verified", "writable"),
            [(chain.node, _standing(chain, viewer))] if chain.seq else [],
            say("empty.chain"),
            wide=True,
        ),
        table(
            "acts",
            say("table.acts"),
            viewer.columns("time", "user", "what", "of", "reason", "outcome"),
            Rows(latest, lambda event: row(str(event.seq), _cells(event, state, viewer))),
            viewer.nothing("empty.acts"),
            wide=True,
            kept=viewer.kept(state.audit_events, state.denials),
        ),
    ]


def _banner(chain: ChainStatus, viewer: Viewer) -> Block:
    """Return the most important sentence: a fault, then an unwritable journal, then a stop, then the progress."""
    say = viewer.say
    tone: Tone = "bad"
    if chain.fault is not None:
        text = say("audit.fault", entry=_number(chain.fault.seq), what=_what(chain.fault.what, viewer))
        if chain.faults > 1:
            text = say("audit.faults", first=text, count=_number(chain.faults))
    elif chain.writable is False:
        text = say("audit.unwritable")
    elif chain.trouble:
        tone, text = "warn", _trouble(chain, viewer)
    elif not chain.seq:
        tone, text = "info", say("audit.reading")
    elif chain.behind > _MAX_UNREPORTED_LAG:
        tone, text = "info", say("audit.behind", entry=_number(chain.seq), count=_number(chain.behind))
    else:
        tone, text = "good", say("audit.intact", entry=_number(chain.seq))
    return {"id": "banner", "kind": "banner", "tone": tone, "text": text}


def _standing(chain: ChainStatus, viewer: Viewer) -> list[Cell]:
    say = viewer.say
    if chain.fault is not None:
        status = badge(say("chain.broken"), "bad")
    elif chain.trouble:
        status = badge(say("chain.stopped"), "warn")
    else:
        status = badge(say("chain.intact"), "good")
    written = {True: badge(say("yes"), "good"), False: badge(say("no"), "bad"), None: None}
    return [chain.node, status, short(chain.link, _DIGITS), moment(chain.at), written[chain.writable]]


def _shown(event: AuditEvent, state: DashboardState, viewer: Viewer) -> bool:
    """Return whether an audit event may be shown: its channel must be readable, its facts' level reached."""
    if event.of_channel:
        return viewer.sees(state, event.of)
    return viewer.cleared(event.needs) if event.needs else True


def _cells(event: AuditEvent, state: DashboardState, viewer: Viewer) -> list[Cell]:
    return [
        moment(event.at),
        event.user or None,
        viewer.word("did", event.what),
        event.of or None,
        event.reason or None,
        _outcome(event, state, viewer),
    ]


def _outcome(event: AuditEvent, state: DashboardState, viewer: Viewer) -> Cell:
    if event.level:
        return viewer.level(event.level)
    if event.rule or event.status >= 400:
        text = viewer.say("outcome.refused")
        more = f" ×{event.times}" if event.times > 1 else f" ({event.status})" if event.status else ""
        return refusal(text + more, "warn" if event.rule else "bad", _why(event, state, viewer))
    return badge(viewer.say("outcome.done"), "good")


def _why(event: AuditEvent, state: DashboardState, viewer: Viewer) -> str:
    """Return the reason of a denial, and the change that would allow it, as every explanation words them.

    The viewer of a row could read its channel, so the channel's level is named; one that is not listed has no known
    level.
    """
    level = state.level(event.of) if event.of in state.channels else ""
    if event.rule:
        parts = [explain_rule(event.rule, event.of), needed(event.rule, event.of, level)]
    else:
        rule, channel = _ASKED_BY.get(event.what, ""), event.of if event.of_channel else ""
        parts = [explain_status(event.status)]
        if event.status == _FORBIDDEN and rule:
            parts.append(needed(rule, channel, level if channel else ""))
    return " ".join(filter(None, (part.ar if viewer.language == "ar" else part.en for part in parts)))


def _trouble(chain: ChainStatus, viewer: Viewer) -> str:
    return viewer.say(f"audit.{chain.trouble}", entry=_number(chain.seq + 1), node=chain.node)


def _what(sentence: str, viewer: Viewer) -> str:
    known = _FAULTS.get(sentence)
    return viewer.word("fault", known) if known else sentence


def _number(number: int) -> str:
    return f"{number:,}"
