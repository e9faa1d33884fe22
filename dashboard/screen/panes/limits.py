"""The page of limits: users near a limit, and users past it."""

from __future__ import annotations

from dashboard.screen.blocks import Block, Cell, Tone, badge, moment, row, table, until
from dashboard.screen.listing import Rows
from dashboard.screen.viewer import Viewer
from dashboard.state.facts import LimitView
from dashboard.state.store import DashboardState

_TONES: dict[str, Tone] = {"exceeded": "bad", "lifted": "info"}


def limits(state: DashboardState, viewer: Viewer, at: float) -> list[Block]:
    """Return the users with warnings or refusals, lifted limits first."""
    say = viewer.say
    totals = state.totals["limits"]
    known = state.limits.items() if viewer.operates else ()
    talkers = sorted(known, key=lambda item: (-item[1].refusals, -item[1].warnings, item[0]))
    lifted = [(key, who) for key, who in talkers if (who.until or 0) > at]
    talkers = lifted + [(key, who) for key, who in talkers if who.until is None]
    return [
        *viewer.note(),
        {
            "id": "figures",
            "kind": "figures",
            "items": [
                {"label": say("figure.warned"), "value": totals["warnings"]},
                {"label": say("figure.refused"), "value": totals["refused"]},
            ],
        },
        table(
            "limits",
            say("table.limits"),
            viewer.columns(
                "name", "user", "class", "status", "rate", "warnings", "refusals", "last", "ends", "actions"
            ),
            Rows(talkers, lambda talker: row(talker[0], _row(talker[1], viewer))),
            viewer.nothing("empty.limits"),
            wide=True,
            kept=viewer.kept(state.limits),
        ),
        *viewer.heard(state, "limits"),
    ]


def _row(who: LimitView, viewer: Viewer) -> list[Cell]:
    lifted = who.until is not None
    return [
        who.name,
        who.user_id,
        viewer.say("limit.every") if lifted else viewer.word("class", who.rate_class),
        badge(viewer.word("limit", who.state), _TONES.get(who.state, "warn")),
        who.rate,
        None if lifted else who.warnings,
        None if lifted else who.refusals,
        moment(who.at),
        None if who.until is None else until(who.until),
        {
            "acts": [
                viewer.action("restore" if lifted else "lift", who.user_id),
                viewer.action("disconnect_user", who.user_id),
            ]
        },
    ]
