"""Each page from a state: in both languages, masked by clearance, offered by role."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from dashboard.language.i18n import Language, say
from dashboard.screen.country_tiles import tiles
from dashboard.screen.panes import PANES
from dashboard.screen.panes.alerts import alerts
from dashboard.screen.panes.briefs import STALLED_SECONDS, briefs
from dashboard.screen.panes.limits import limits
from dashboard.screen.panes.overview import banner, overview
from dashboard.screen.panes.presence import countries
from dashboard.screen.viewer import ACTIONS_BY_ROLE, Viewer
from dashboard.state.audit_events import AuditEvent
from dashboard.state.store import DashboardState
from dossier_realtime.protocol.authorization import Grant, Identity
from dossier_realtime.protocol.classification import LEVELS, Clearance
from dossier_realtime.protocol.events import OpsStats, OpsStatsPayload
from dossier_realtime.protocol.explanations.texts import REMEDIES
from tests.dashboard.samples import NOW, alert, busy, listed, ops, session, viewer

KINDS = {"banner", "figures", "actions", "table", "board", "tiles", "opener"}


def text_of(page: str, eyes: Viewer, state: DashboardState | None = None) -> str:
    blocks = PANES[page](state or busy(), eyes, NOW)
    return msgspec.json.encode(blocks).decode()


def actions_in(thing: Any) -> list[dict[str, str]]:
    if isinstance(thing, dict):
        return [*thing.get("acts", []), *(act for value in thing.values() for act in actions_in(value))]
    return [act for value in thing for act in actions_in(value)] if isinstance(thing, list) else []


@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize("page", PANES)
@pytest.mark.parametrize("state", [DashboardState(), busy()], ids=["empty", "busy"])
def test_every_page_is_plain_json_of_known_blocks(page: str, language: str, state: DashboardState) -> None:
    blocks = json.loads(text_of(page, viewer(language), state))
    assert blocks
    assert {block["kind"] for block in blocks} <= KINDS
    assert len({block["id"] for block in blocks}) == len(blocks)
    for block in blocks:
        for row in block.get("rows", []):
            assert len(row["cells"]) == len(block["columns"])
        keys = [row["key"] for row in block.get("rows", [])]
        assert len(keys) == len(set(keys))


@pytest.mark.parametrize("page", PANES)
@pytest.mark.parametrize("clearance", LEVELS[:-1])
def test_what_is_above_the_clearance_is_on_no_page(page: str, clearance: str) -> None:
    assert "Spy" not in text_of(page, viewer(clearance=clearance))
    assert "secret:x" not in text_of(page, viewer(clearance=clearance))


def test_those_who_are_cleared_see_it() -> None:
    assert "Spy" in text_of("presence", viewer(clearance="secret"))
    assert "Spy" in text_of("tail", viewer(clearance="secret"))


def test_a_channel_of_unknown_classification_is_masked() -> None:
    state = busy()
    state.listed([], [])
    assert "u-1" not in text_of("tail", viewer(clearance="confidential"), state)


@pytest.mark.parametrize("role", ACTIONS_BY_ROLE)
def test_actions_beyond_the_role_say_why_they_are_off(role: Any) -> None:
    for page in PANES:
        blocks = json.loads(text_of(page, viewer(role=role, clearance="secret")))
        for action in actions_in(blocks):
            allowed = action["act"] == "look" or action["act"] in ACTIONS_BY_ROLE[role]
            assert bool(action["off"]) != allowed


def test_the_overview_counts_what_the_service_counted() -> None:
    (figures,) = (block for block in overview(busy(), viewer(clearance="secret"), NOW) if block["kind"] == "figures")
    shown = {item["label"]: item["value"] for item in figures["items"]}
    assert shown["People online"] == 2
    assert shown["Sessions"] == 3
    assert shown["Events published"] == 40
    assert shown["Limit warnings"] == 1
    assert shown["Refused by limits"] == 7
    assert shown["Errors"] == 3


@pytest.mark.parametrize(
    ("change", "tone", "words"),
    [
        (lambda state: None, "warn", "Commitments escalated to level 3: 1"),
        (lambda state: state.linked(False, NOW), "bad", "figures are stale"),
        (lambda state: state.heard("ops:nodes", ops("nodes", {"ready": 0}), NOW), "bad", "not ready"),
        (lambda state: state.alerts.drop("c-1"), "good", "All nodes are ready"),
    ],
)
def test_the_banner_says_what_is_most_urgent(change: Any, tone: str, words: str) -> None:
    state = busy()
    change(state)
    shown = banner(state, viewer(clearance="secret"), NOW)
    assert shown["tone"] == tone
    assert words in shown["text"]


def card(state: DashboardState, commitment: str) -> dict[str, Any]:
    cards = [
        card for column in alerts(state, viewer(clearance="secret"), NOW)[0]["columns"] for card in column["cards"]
    ]
    return next(card for card in cards if card["key"] == commitment)


def test_an_open_alert_counts_down_and_one_in_hand_says_in_whose() -> None:
    state = busy()
    climbs = {**alert("c-2", 1), "next_level_at": NOW + 90, "state": "open", "acknowledged_by": None}
    state.heard("ops:alerts", ops("alerts", {}, climbs), NOW)
    shown = card(state, "c-2")
    assert shown["clock"] == {"label": "Next level:", "cell": {"until": NOW + 90}}
    assert [act["act"] for act in shown["acts"]] == ["look", "acknowledge"]
    taken = {"key": "c-2", "state": "acknowledged", "acknowledged_by": "omar", "alert_level": 1}
    state.heard("ops:alerts", ops("alerts", {}, taken), NOW)
    shown = card(state, "c-2")
    assert (shown["title"], shown["clock"]) == ("Report due", None)
    assert [act["act"] for act in shown["acts"]] == ["look"]
    assert "acknowledged by omar" in shown["lines"]
    state.heard("ops:alerts", ops("alerts", {}, climbs | {"alert_level": 2}), NOW)
    assert (card(state, "c-2")["clock"] is None, "acknowledged by omar" in card(state, "c-2")["lines"]) == (
        False,
        False,
    )


@pytest.mark.parametrize("facts", [{}, {"next_level_at": None}, {"next_level_at": NOW + 9, "alert_level": 3}])
def test_what_climbs_no_further_or_nobody_knows_when_has_no_clock(facts: dict[str, Any]) -> None:
    state = busy()
    state.heard("ops:alerts", ops("alerts", {}, {**alert("c-2", 1), **facts}), NOW)
    assert card(state, "c-2")["clock"] is None


def test_a_lifted_user_is_shown_first_until_it_ends() -> None:
    state = busy()
    lifted = {"key": "omar *", "user_id": "omar", "name": "Omar", "class": "*", "state": "lifted", "until": NOW + 900}
    state.heard("ops:limits", ops("limits", {}, lifted), NOW)

    def shown(at: float) -> list[Any]:
        return [
            [row["cells"][index] for index in (1, 2, 3, 8)]
            for row in limits(state, viewer(clearance="secret"), at)[1]["rows"]
        ]

    nora = ["nora", "messages", {"badge": "warned", "tone": "warn"}, None]
    assert shown(NOW) == [["omar", "every class", {"badge": "lifted", "tone": "info"}, {"until": NOW + 900}], nora]
    assert shown(NOW + 900) == [nora]
    state.heard("ops:limits", ops("limits", {}, {**lifted, "state": "restored"}), NOW)
    assert shown(NOW) == [nora]


def test_a_stalled_brief_comes_first() -> None:
    state = busy()
    later = NOW + STALLED_SECONDS + 1
    state.heard("ops:briefs", ops("briefs", {}, {"key": "r-2", "state": "started"}, at=later), later)
    block, *_ = briefs(state, viewer(clearance="secret"), later)
    assert [row["key"] for row in block["rows"]] == ["r-1", "r-2"]
    assert block["rows"][0]["cells"][3] == {"badge": "stalled", "tone": "bad"}


def test_countries_are_those_of_the_dossier_that_may_be_seen() -> None:
    state = busy()
    rows = [listed("dossier:country:FR", users=4), listed("dossier:country:XX", "secret", users=9)]
    state.listed([], [*state.channels.values(), *rows])
    assert countries(state, viewer()) == {"SA": 2, "FR": 4}


def test_a_country_that_the_map_does_not_know_has_a_place_below_it() -> None:
    drawn = {tile["code"]: tile for tile in tiles({"SA": 6, "XK": 1, "ZZ": 12})}
    assert (drawn["SA"]["count"], drawn["SA"]["step"], drawn["FR"]["step"], drawn["ZZ"]["step"]) == (6, 3, 0, 4)
    below = max(tile["row"] for code, tile in drawn.items() if code not in ("XK", "ZZ")) + 1
    assert [(drawn[code]["column"], drawn[code]["row"]) for code in ("XK", "ZZ")] == [(0, below), (1, below)]
    assert len({(tile["column"], tile["row"]) for tile in drawn.values()}) == len(drawn)


MINUTE = {"deliveries_minute": 9.0, "delivery_p50_ms": 0.84, "delivery_p95_ms": 31.26, "delivery_max_ms": 44.0}


def heard_of(*minutes: dict[str, float], age: int = 0) -> DashboardState:
    """Return a state in which each of these nodes said this of its last minute, so many seconds ago."""
    state = DashboardState()
    for number, values in enumerate(minutes):
        payload = OpsStatsPayload(f"node-{number}", NOW - age, {"ready": 1, **values}, [])
        state.heard("ops:nodes", OpsStats(channel="ops:nodes", payload=payload), NOW)
    return state


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        (heard_of(MINUTE), {"value": 31.3, "unit": "ms"}),
        (heard_of({"deliveries_minute": 0}, MINUTE), {"value": 31.3, "unit": "ms"}),
        (heard_of(MINUTE | {"delivery_p95_ms": 4}, MINUTE), {"value": 31.3, "unit": "ms"}),
        (heard_of({"deliveries_minute": 0}), {"value": None, "note": say("en", "delivery.none")}),
        (heard_of({}), {"value": None, "note": say("en", "delivery.unknown")}),
        (heard_of(MINUTE, age=11), {"value": None, "note": say("en", "delivery.unknown")}),
        (heard_of(), {"value": None, "note": say("en", "delivery.unknown")}),
    ],
    ids=["one", "one was quiet", "the slowest", "a quiet minute", "not measured", "not heard of lately", "no node"],
)
def test_the_delivery_time_is_that_of_the_slowest_node_in_the_last_minute(
    state: DashboardState, shown: dict[str, object]
) -> None:
    figures = next(block for block in overview(state, viewer(), NOW) if block["id"] == "figures")
    figure = next(item for item in figures["items"] if item["label"] == say("en", "figure.delivery_p95"))
    assert {key: value for key, value in figure.items() if key != "label"} == shown


@pytest.mark.parametrize(
    ("minute", "shown"),
    [
        (MINUTE, "0.8 / 31.3 / 44.0 ms"),
        ({"deliveries_minute": 0.0}, say("en", "delivery.none")),
        ({}, say("en", "delivery.unknown")),
    ],
)
def test_each_node_says_how_long_deliveries_took(minute: dict[str, float], shown: str) -> None:
    nodes = next(block for block in overview(heard_of(minute), viewer(), NOW) if block["id"] == "nodes")
    place = next(index for index, (key, _) in enumerate(nodes["columns"]) if key == "delivery")
    assert nodes["rows"][0]["cells"][place] == shown


def stranger(*permissions: str, clearance: Clearance = Clearance.PUBLIC) -> Viewer:
    return Viewer(
        "en", "observer", Identity("eve", "Eve", "observer", None, Grant.parse_all(permissions), clearance, 0)
    )


def marked_state() -> DashboardState:
    """A state in which the secret facts say `planted`."""
    state = busy()
    rows = [*state.channels.values(), listed("user:ali", "secret"), listed("user:bea")]
    state.listed([session("planted")], rows)
    fact = {"channels": "user:ali", "level": "secret"}
    alert = {"key": "planted-c", "alert_level": 3, "title": "planted", "mou_id": "planted"}
    state.heard("ops:alerts", ops("alerts", {}, {**alert, **fact}), NOW)
    brief = {"key": "planted-b", "state": "started", "entity_id": "planted"}
    state.heard("ops:briefs", ops("briefs", {}, {**brief, **fact}), NOW)
    limited = {"key": "planted general", "user_id": "planted", "name": "planted", "class": "general", "state": "warned"}
    state.heard("ops:limits", ops("limits", {}, {**limited, "personal": True}), NOW)
    state.audited(state.chain, [AuditEvent(99, NOW, "planted", "acknowledge", "planted-c", needs="secret")])
    return state


@pytest.mark.parametrize("page", PANES)
@pytest.mark.parametrize(
    "who",
    [stranger(), stranger("read:*"), stranger("admin:dossier:*", clearance=Clearance.SECRET)],
    ids=["no permission", "reads all that is public", "administers dossiers"],
)
def test_no_name_address_or_secret_is_on_a_page_of_who_may_not_see_it(page: str, who: Viewer) -> None:
    text = text_of(page, who, marked_state())
    assert "planted" not in text
    assert "127.0.0.1" not in text


@pytest.mark.parametrize("page", ["alerts", "briefs", "tail", "documents", "presence"])
def test_an_administrator_below_the_level_sees_nothing_of_it_and_is_told_that_rows_are_hidden(page: str) -> None:
    who = stranger("admin:*", clearance=Clearance.INTERNAL)
    text = text_of(page, who, marked_state())
    assert "planted" not in text
    assert say("en", "hidden") in text
    assert say("en", "hidden") not in text_of(page, viewer(clearance="secret"), marked_state())


def test_whether_anything_is_hidden_is_not_told() -> None:
    """The sentence is there for whoever could have something hidden from them, also where nothing is."""
    assert say("en", "hidden") in text_of("alerts", stranger(), DashboardState())


@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize("page", PANES)
def test_an_empty_list_says_no_more_than_its_viewer_may_know(page: str, language: Language) -> None:
    for eyes in (viewer(language, clearance="internal"), viewer(language, clearance="secret")):
        blocks = json.loads(text_of(page, eyes, DashboardState()))
        may_hide = any(block["id"] == "hidden" for block in blocks)
        assert not (may_hide and eyes.sees_everything)
        for block in blocks:
            if "empty" in block and block["id"] != "chain":  # the chain itself is hidden from nobody
                assert (block["empty"] == say(language, "empty.hidden")) == may_hide, block["id"]


@pytest.mark.parametrize("language", ["en", "ar"])
def test_a_refusal_says_what_would_have_to_change(language: str) -> None:
    state, secret = busy(), "dossier:secret:x"
    acts = [
        AuditEvent(20, NOW, "nora", "clearance", secret, of_channel=True, rule="clearance"),
        AuditEvent(21, NOW, "nora", "grant.read", secret, of_channel=True, rule="grant.read"),
        AuditEvent(22, NOW, "nora", "grant.write", "dossier:country:never", of_channel=True, rule="grant.write"),
        AuditEvent(23, NOW, "nora", "disconnect_user", "omar", status=403),
        AuditEvent(24, NOW, "nora", "document", "document:d-1", of_channel=True, status=403),
    ]
    state.audited(state.chain, acts)
    told = text_of("audit", viewer(language, clearance="secret"), state)
    permission, clearance, level = (REMEDIES[name][language == "ar"] for name in ("permissions", "clearance", "level"))
    assert clearance.format(value="secret") in told
    for needs in ("read:dossier:secret:x", "write:dossier:country:never", "admin:*", "write:document:d-1"):
        assert permission.format(value=needs) in told
    assert level.format(channel=secret, value="secret") in told
    assert "secret:x" not in text_of("audit", viewer(language, clearance="confidential"), state)
