"""Open sessions and known channels, and what can be done about them."""

from __future__ import annotations

from typing import Any

from dashboard.blocks import Block, Cell, acts, moment, table
from dashboard.store import DashboardState
from dashboard.viewer import Viewer

_SHOWN = 300


def connections(state: DashboardState, viewer: Viewer, at: float) -> list[Block]:
    say = viewer.say
    known = state.sessions if viewer.operates else []
    sessions = sorted(known, key=lambda row: (-int(row.get("waiting_bytes") or 0), row["started_at"]))
    channels = sorted(state.channels.values(), key=lambda row: (-int(row.get("users", 0)), row["channel"]))
    return [
        *viewer.note(),
        table(
            "sessions",
            say("table.sessions"),
            viewer.columns(
                "name", "user", "role", "address", "node", "since", "channels", "queue", "returns", "actions"
            ),
            [(str(row["session_id"]), _session(row, state, viewer)) for row in sessions[:_SHOWN]],
            viewer.nothing("empty.sessions"),
            wide=True,
        ),
        table(
            "channels",
            say("table.channels"),
            viewer.columns("channel", "level", "people", "subscribers", "offset", "actions"),
            [
                (
                    row["channel"],
                    [
                        row["channel"],
                        viewer.level(row["settings"]["classification"]),
                        int(row.get("users", 0)),
                        int(row.get("subscribers", 0)),
                        row.get("position", {}).get("offset"),
                        acts(viewer.act("raise", row["channel"], ask="level")),
                    ],
                )
                for row in channels
                if viewer.sees(state, row["channel"])
            ][:_SHOWN],
            viewer.nothing("empty.presence"),
            wide=True,
        ),
    ]


def _session(row: dict[str, Any], state: DashboardState, viewer: Viewer) -> list[Cell]:
    waiting = row.get("waiting_bytes")
    followed = row.get("channels")
    user, session = str(row["user_id"]), str(row["session_id"])
    return [
        str(row["name"]),
        user,
        str(row["role"]),
        str(row["address"]),
        str(row["node"]),
        moment(row["started_at"]),
        None if followed is None else sum(viewer.sees(state, channel) for channel in followed),
        None if waiting is None else f"{int(waiting) / 1024:.1f} KiB",
        int(row["reconnect_count"]),
        acts(
            viewer.act("disconnect_session", session),
            viewer.act("disconnect_user", user),
            viewer.act("revoke", user),
        ),
    ]
