"""The page of relationships: score, status and their history."""

from __future__ import annotations

from dashboard.screen.blocks import Block, Cell, Tone, actions, badge, line, moment, row, table
from dashboard.screen.listing import Rows
from dashboard.screen.viewer import Viewer
from dashboard.state.facts import RelationshipView
from dashboard.state.store import DashboardState
from dossier_realtime.protocol import channels

HEALTH_TONES: dict[str, Tone] = {"healthy": "good", "monitor": "info", "at_risk": "warn", "critical": "bad"}


def relationships(state: DashboardState, viewer: Viewer, at: float) -> list[Block]:
    """Return the relationships, the lowest score first."""
    seen = [
        (name, known)
        for name, known in sorted(state.relationships.items(), key=lambda item: (item[1].score, item[0]))
        if viewer.sees(state, channels.relationship(name))
    ]
    return [
        *viewer.note(),
        *viewer.unfollowed(state),
        table(
            "relationships",
            viewer.say("table.relationships"),
            viewer.columns("relationship", "status", "score", "change", "history", "trigger", "last", "actions"),
            Rows(seen, lambda one: row(one[0], _cells(*one, viewer))),
            viewer.nothing("empty.relationships"),
            wide=True,
            kept=viewer.kept(state.relationships),
        ),
        *viewer.heard(state, "relationships"),
    ]


def _cells(name: str, known: RelationshipView, viewer: Viewer) -> list[Cell]:
    return [
        name,
        badge(viewer.word("health", known.status), HEALTH_TONES.get(known.status, "info")),
        known.score,
        f"{known.change:+d}",
        line([score for _, score in known.scores], f"{known.scores[0][1]} → {known.score}"),
        viewer.word("trigger", known.trigger),
        moment(known.at),
        actions(viewer.look("relationship", name)),
    ]
