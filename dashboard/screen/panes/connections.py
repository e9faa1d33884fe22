"""The page of connections: open sessions and known channels, with their actions."""

from __future__ import annotations

from typing import Any

from dashboard.screen.blocks import Block, Cell, actions, badge, moment, row, table
from dashboard.screen.listing import Rows
from dashboard.screen.viewer import Viewer
from dashboard.state.store import MAX_LISTED, DashboardState


def connections(state: DashboardState, viewer: Viewer, at: float) -> list[Block]:
    """Return the sessions and the channels that the viewer may see."""
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
            Rows(sessions, lambda one: row(str(one["session_id"]), _session(one, state, viewer))),
            viewer.nothing("empty.sessions"),
            wide=True,
            kept=viewer.bounded(MAX_LISTED, state.lists_longer),
        ),
        table(
            "channels",
            say("table.channels"),
            viewer.columns("channel", "level", "people", "subscribers", "offset", "followed", "actions"),
            Rows(
                [one for one in channels if viewer.sees(state, one["channel"])],
                lambda one: row(one["channel"], _channel(one, state, viewer)),
            ),
            viewer.nothing("empty.presence"),
            wide=True,
            kept=viewer.bounded(MAX_LISTED, state.lists_longer),
        ),
    ]


def _channel(row: dict[str, Any], state: DashboardState, viewer: Viewer) -> list[Cell]:
    channel = row["channel"]
    return [
        channel,
        viewer.level(row["settings"]["classification"]),
        int(row.get("users", 0)),
        int(row.get("subscribers", 0)),
        row.get("position", {}).get("offset"),
        badge(viewer.say("yes"), "good") if state.follows(channel) else badge(viewer.say("no"), "muted"),
        actions(viewer.action("raise", channel, ask="level")),
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
        actions(
            viewer.action("disconnect_session", session),
            viewer.action("disconnect_user", user),
            viewer.action("revoke", user),
        ),
    ]
