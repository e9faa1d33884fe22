"""Who is near a limit, and who is past it."""

from __future__ import annotations

from dashboard.blocks import Block, badge, moment, table
from dashboard.store import DashboardState
from dashboard.viewer import Viewer


def limits(state: DashboardState, viewer: Viewer, at: float) -> list[Block]:
    say = viewer.say
    totals = state.totals["limits"]
    talkers = sorted(state.limits.items(), key=lambda item: (-item[1].refusals, -item[1].warnings, item[0]))
    return [
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
            viewer.columns("name", "user", "class", "status", "rate", "warnings", "refusals", "last", "actions"),
            [
                (
                    key,
                    [
                        who.name,
                        who.user_id,
                        who.rate_class,
                        badge(viewer.word("limit", who.state), "bad" if who.state == "exceeded" else "warn"),
                        who.rate,
                        who.warnings,
                        who.refusals,
                        moment(who.at),
                        {"acts": [viewer.act("disconnect_user", who.user_id)]},
                    ],
                )
                for key, who in talkers[:200]
            ],
            say("empty.limits"),
            wide=True,
        ),
    ]
