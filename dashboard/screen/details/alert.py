"""A commitment in full: its clock, what was raised to whom, the hands that took it and why, and what can be done."""

from __future__ import annotations

from dashboard.screen.blocks import Block, Cell, badge, facts, moment, names, table, until
from dashboard.screen.viewer import Viewer
from dossier_realtime.protocol.fields import Localized
from dossier_realtime.protocol.http.commitments import CommitmentAnswer

_HIGHEST = 3
_TONES = {"open": "warn", "acknowledged": "info", "completed": "good"}


def alert_details(row: CommitmentAnswer, viewer: Viewer) -> list[Block]:
    """Return the blocks of a commitment."""
    say = viewer.say
    state: Cell = badge(viewer.word("commitment", row.state), _TONES[row.state])  # type: ignore[arg-type]  # a Tone
    items = [
        ("detail.title", _text(row.title, viewer)),
        ("col.status", state),
        ("detail.clock", None if row.next_level_at is None else until(row.next_level_at)),
        ("detail.due", row.due_date),
        ("detail.by", row.by),
        ("detail.snoozed", None if row.snoozed_until is None else moment(row.snoozed_until)),
        ("detail.owner", row.owner),
        ("detail.department", _text(row.responsible_department, viewer)),
        ("detail.mou", row.mou_id),
        ("col.level", viewer.level(row.classification)),
    ]
    raised = [
        (
            str(level.level),
            [say(f"alert.{level.level}"), moment(level.at), names(level.raised_to) if level.raised_to else None],
        )
        for level in row.levels
    ]
    handed = [(f"{one.user} {one.to} {one.until}", [one.user, one.to, moment(one.until)]) for one in row.delegations]
    hands = [
        (
            f"{place}",
            [
                moment(hand.at),
                hand.user,
                viewer.word("hand", hand.act),
                hand.to,
                None if hand.until is None else moment(hand.until),
                hand.reason,
            ],
        )
        for place, hand in reversed(list(enumerate(row.hands)))
    ]
    return [
        facts("detail-facts", [(say(key), cell) for key, cell in items if cell is not None]),
        table("detail-levels", say("detail.levels"), viewer.columns("alert_level", "time", "raised_to"), raised, ""),
        table(
            "detail-delegations",
            say("detail.delegations"),
            viewer.columns("user", "delegate", "until"),
            handed,
            say("detail.no_delegations"),
        ),
        table(
            "detail-hands",
            say("detail.history"),
            viewer.columns("time", "user", "step", "delegate", "until", "reason"),
            hands,
            say("detail.no_history"),
        ),
        {"id": "detail-actions", "kind": "actions", "acts": _hands(row, viewer)},
    ]


def _hands(row: CommitmentAnswer, viewer: Viewer) -> list[dict[str, str]]:
    """Return what can be done now: only what is raised and open can be acknowledged."""
    of = row.commitment_id
    taken = [viewer.action("acknowledge", of)] if row.state == "open" and row.alert_level else []
    if not row.registered or row.state == "completed":
        return taken
    climbs = row.state == "open" and row.alert_level < _HIGHEST  # else there is no level that could wait
    snooze = [viewer.action("snooze", of, ask="snooze")] if climbs else []
    return [*taken, *snooze, viewer.action("delegate", of, ask="delegate"), viewer.action("complete", of)]


def _text(text: str | Localized, viewer: Viewer) -> str:
    if isinstance(text, Localized):
        return text.ar if viewer.language == "ar" else text.en
    return text
