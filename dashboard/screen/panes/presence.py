"""The page of presence: users by country, by channel and by person."""

from __future__ import annotations

from collections.abc import Set
from typing import NamedTuple

from dashboard.screen.blocks import Block, Cell, Tone, badge, moment, names, row, table
from dashboard.screen.country_tiles import COLUMNS, tiles
from dashboard.screen.listing import Rows
from dashboard.screen.viewer import Viewer
from dashboard.state.store import DashboardState
from dossier_realtime.protocol.responses import PresentUser

COUNTRY = "dossier:country:"
_TONES: dict[str, Tone] = {"online": "good", "away": "muted", "busy": "warn"}


def countries(state: DashboardState, viewer: Viewer) -> dict[str, int]:
    """Return people by ISO code, of the countries whose dossiers are known and may be seen."""
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
    """Return the map, and the users by country, by channel and by person."""
    say = viewer.say
    seen = {channel: there for channel, there in state.presence.items() if there.count and viewer.sees(state, channel)}
    people = [
        _Person(channel, user.user_id, user.name, user)
        for channel, there in seen.items()
        for user in there.users.values()
    ]
    unnamed = any(there.count > len(there.users) for there in seen.values())
    counts = {channel: there.count for channel, there in seen.items()} | _unfollowed(state, viewer)
    people += _subscribers(state, viewer, counts.keys() - seen.keys())
    people.sort(key=lambda person: (person.name, person.user_id, person.channel))
    by_channel: dict[str, list[str]] = {channel: [] for channel in counts}
    for person in people:
        by_channel[person.channel].append(person.name)
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
            Rows(
                sorted(counts, key=lambda channel: (-counts[channel], channel)),
                lambda channel: row(channel, [channel, counts[channel], names(by_channel[channel])]),
            ),
            viewer.nothing("empty.presence"),
            kept=viewer.kept(state.presence),
        ),
        table(
            "by_person",
            say("table.by_person"),
            viewer.columns("name", "user", "channel", "status", "activity", "field", "since"),
            Rows(people, lambda one: row(f"{one.channel} {one.user_id}", _cells(one, state, viewer))),
            viewer.nothing("empty.presence"),
            wide=True,
            kept=say("kept.named") if unnamed else viewer.kept(state.presence),
        ),
    ]


class _Person(NamedTuple):
    """One user on one channel. `doing` is known only on channels that are followed."""

    channel: str
    user_id: str
    name: str
    doing: PresentUser | None = None


def _unfollowed(state: DashboardState, viewer: Viewer) -> dict[str, int]:
    """Return the number of people on each channel that is not followed, from the list of channels."""
    return {
        channel: int(row["users"])
        for channel, row in state.channels.items()
        if row.get("users") and not state.follows(channel) and viewer.sees(state, channel)
    }


def _subscribers(state: DashboardState, viewer: Viewer, wanted: Set[str]) -> list[_Person]:
    """Return the users whose sessions subscribe these channels, from the list of sessions, if it may be shown."""
    if not viewer.operates:
        return []
    found = {
        (channel, str(row["user_id"])): _Person(channel, str(row["user_id"]), str(row["name"]))
        for row in state.sessions
        for channel in row.get("channels") or ()
        if channel in wanted
    }
    return list(found.values())


def _cells(person: _Person, state: DashboardState, viewer: Viewer) -> list[Cell]:
    doing, since = person.doing, state.came.get(f"{person.channel} {person.user_id}")
    named = [person.name, person.user_id, person.channel]
    if doing is None:
        return [*named, badge(viewer.say("status.unfollowed"), "muted"), None, None, None]
    return [
        *named,
        badge(viewer.word("status", doing.status), _TONES.get(doing.status, "info")),
        viewer.word("activity", doing.activity),
        doing.field or "",
        None if since is None else moment(since),
    ]
