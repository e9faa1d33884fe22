"""Who is where, by country, by channel and by person."""

from __future__ import annotations

from dashboard.blocks import Block, Cell, Tone, badge, moment, names, row, table
from dashboard.countries import COLUMNS, tiles
from dashboard.listing import Rows
from dashboard.store import DashboardState
from dashboard.viewer import Viewer
from dossier_realtime.client.presence import PresenceState
from dossier_realtime.protocol.responses import PresentUser

COUNTRY = "dossier:country:"
_TONES: dict[str, Tone] = {"online": "good", "away": "muted", "busy": "warn"}


def countries(state: DashboardState, viewer: Viewer) -> dict[str, int]:
    """People by ISO code, of the countries whose dossiers are known and may be seen."""
    found = {
        channel.removeprefix(COUNTRY): int(row.get("users", 0))
        for channel, row in state.channels.items()
        if channel.startswith(COUNTRY) and viewer.sees(state, channel)
    }
    for channel, presence in state.presence.items():
        if channel.startswith(COUNTRY) and viewer.sees(state, channel):
            found[channel.removeprefix(COUNTRY)] = presence.count
    return found


def presence(state: DashboardState, viewer: Viewer, at: float) -> list[Block]:
    say = viewer.say
    seen = sorted(
        ((channel, there) for channel, there in state.presence.items() if there.count and viewer.sees(state, channel)),
        key=lambda item: (-item[1].count, item[0]),
    )
    people = sorted(((channel, user) for channel, there in seen for user in there.users.values()), key=_by_name)
    unnamed = any(there.count > len(there.users) for _, there in seen)
    found = countries(state, viewer)
    return [
        *viewer.note(),
        *viewer.unfollowed(state),
        {"id": "map", "kind": "tiles", "title": say("chart.map"), "across": COLUMNS, "tiles": tiles(found)},
        table(
            "countries",
            say("table.countries"),
            viewer.columns("country", "people"),
            [
                (code, [code, count])
                for code, count in sorted(found.items(), key=lambda item: (-item[1], item[0]))
                if count
            ],
            viewer.nothing("empty.presence"),
        ),
        table(
            "by_channel",
            say("table.by_channel"),
            viewer.columns("channel", "people", "name"),
            Rows(seen, lambda one: row(one[0], _channel(*one))),
            viewer.nothing("empty.presence"),
            kept=viewer.kept(state.presence),
        ),
        table(
            "by_person",
            say("table.by_person"),
            viewer.columns("name", "user", "channel", "status", "activity", "field", "since"),
            Rows(people, lambda one: row(f"{one[0]} {one[1].user_id}", _person(*one, state, viewer))),
            viewer.nothing("empty.presence"),
            wide=True,
            kept=say("kept.named") if unnamed else viewer.kept(state.presence),
        ),
    ]


def _by_name(item: tuple[str, PresentUser]) -> tuple[str, str, str]:
    channel, user = item
    return user.name, user.user_id, channel


def _channel(channel: str, there: PresenceState) -> list[Cell]:
    return [channel, there.count, names(user.name for user in there.users.values())]


def _person(channel: str, user: PresentUser, state: DashboardState, viewer: Viewer) -> list[Cell]:
    since = state.came.get(f"{channel} {user.user_id}")
    return [
        user.name,
        user.user_id,
        channel,
        badge(viewer.word("status", user.status), _TONES.get(user.status, "info")),
        viewer.word("activity", user.activity),
        user.field or "",
        None if since is None else moment(since),
    ]
