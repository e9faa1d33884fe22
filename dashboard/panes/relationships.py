"""Relationships: score and status, and how they came there."""

from __future__ import annotations

from dashboard.blocks import Block, Tone, badge, line, moment, table
from dashboard.store import DashboardState
from dashboard.viewer import Viewer
from dossier_realtime.protocol import channels

_TONES: dict[str, Tone] = {"healthy": "good", "monitor": "info", "at_risk": "warn", "critical": "bad"}


def relationships(state: DashboardState, viewer: Viewer, at: float) -> list[Block]:
    seen = [
        (name, known)
        for name, known in sorted(state.relationships.items(), key=lambda item: (item[1].score, item[0]))
        if viewer.sees(state, channels.relationship(name))
    ]
    return [
        *viewer.note(),
        table(
            "relationships",
            viewer.say("table.relationships"),
            viewer.columns("relationship", "status", "score", "change", "history", "trigger", "last"),
            [
                (
                    name,
                    [
                        name,
                        badge(viewer.word("health", known.status), _TONES.get(known.status, "info")),
                        known.score,
                        f"{known.change:+d}",
                        line([score for _, score in known.scores], f"{known.scores[0][1]} → {known.score}"),
                        known.trigger.replace("_", " "),
                        moment(known.at),
                    ],
                )
                for name, known in seen
            ],
            viewer.nothing("empty.relationships"),
            wide=True,
        ),
    ]
