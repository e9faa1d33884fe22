"""Who is where, by country, by channel and by person."""

from __future__ import annotations

from dashboard.blocks import Block, Cell, badge, moment, names, table
from dashboard.countries import COLUMNS, tiles
from dashboard.store import DashboardState
from dashboard.viewer import Viewer

COUNTRY = "dossier:country:"
_TONES = {"online": "good", "away": "muted", "busy": "warn"}


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
    by_channel: list[tuple[str, list[Cell]]] = []
    by_person: list[tuple[str, list[Cell]]] = []
    for channel, there in sorted(state.presence.items(), key=lambda item: (-item[1].count, item[0])):
        if not there.count or not viewer.sees(state, channel):
            continue
        who = names(user.name for user in list(there.users.values())[:12])
        by_channel.append((channel, [channel, there.count, who]))
        for user in there.users.values():
            since = state.came.get(f"{channel} {user.user_id}")
            by_person.append(
                (
                    f"{channel} {user.user_id}",
                    [
                        user.name,
                        user.user_id,
                        channel,
                        badge(viewer.word("status", user.status), _TONES.get(user.status, "info")),  # type: ignore[arg-type]  # the values are tones
                        viewer.word("activity", user.activity),
                        user.field or "",
                        moment(since if since is not None else at),
                    ],
                )
            )
    by_person.sort(key=lambda row: str(row[1][0]))
    found = countries(state, viewer)
    return [
        *viewer.note(),
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
            by_channel,
            viewer.nothing("empty.presence"),
        ),
        table(
            "by_person",
            say("table.by_person"),
            viewer.columns("name", "user", "channel", "status", "activity", "field", "since"),
            by_person[:300],
            viewer.nothing("empty.presence"),
            wide=True,
        ),
    ]
