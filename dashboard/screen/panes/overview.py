"""The overview: the banner, the figures, the errors, the nodes."""

from __future__ import annotations

from typing import Any

from dashboard.screen.blocks import Block, badge, moment, table
from dashboard.screen.viewer import Viewer
from dashboard.state.facts import NodeView
from dashboard.state.store import DashboardState


def overview(state: DashboardState, viewer: Viewer, at: float) -> list[Block]:
    """Return the banner, the figures, the errors and the nodes."""
    say = viewer.say
    figures = [
        {"label": say("figure.people"), "value": state.people, "more": state.lists_unread},
        {"label": say("figure.sessions"), "value": state.sum_of_nodes("sessions", at)},
        {"label": say("figure.events_second"), "value": round(state.rate("events"), 1)},
        {"label": say("figure.events_total"), "value": state.sum_of_nodes("events_total", at)},
        {"label": say("figure.deliveries_total"), "value": state.sum_of_nodes("deliveries_total", at)},
        {"label": say("figure.delivery_p95"), **_delivery(state, viewer, at)},
        {"label": say("figure.warned"), "value": state.totals["limits"]["warnings"]},
        {"label": say("figure.refused"), "value": state.totals["limits"]["refused"]},
        {"label": say("figure.errors"), "value": state.totals["errors"].total()},
    ]
    return [
        banner(state, viewer, at),
        {"id": "figures", "kind": "figures", "items": figures},
        {"id": "actions", "kind": "actions", "acts": [viewer.action("announce", "global", ask="announcement")]},
        table(
            "codes",
            say("table.codes"),
            viewer.columns("code", "count"),
            [(code, [code, count]) for code, count in state.totals["codes"].most_common()],
            say("empty.errors"),
        ),
        table(
            "errors",
            say("table.errors"),
            viewer.columns("rule", "count"),
            [(rule, [rule, count]) for rule, count in state.totals["errors"].most_common()],
            say("empty.errors"),
        ),
        table(
            "nodes",
            say("table.nodes"),
            viewer.columns("node", "ready", "connections", "sessions", "subscriptions", "delivery", "lag", "last"),
            [
                (
                    name,
                    [
                        name,
                        badge(say("yes"), "good") if node.values.get("ready") else badge(say("no"), "bad"),
                        *(node.values.get(figure, 0) for figure in ("connections", "sessions", "subscriptions")),
                        _delivery_of(node, viewer),
                        f"{node.values.get('loop_lag_ms', 0):.1f} ms",
                        moment(node.at),
                    ],
                )
                for name, node in sorted(state.nodes.items())
            ],
            say("empty.nodes"),
            kept=viewer.kept(state.nodes),
        ),
    ]


def banner(state: DashboardState, viewer: Viewer, at: float) -> Block:
    """Return the banner: the one problem that needs attention first, or that there is none."""
    open_alerts = (alert for alert in state.alerts.values() if alert.level == 3 and alert.acknowledged_by is None)
    escalated = sum(viewer.shows(state, alert.fact) for alert in open_alerts)
    if state.link.status(at) != "alive":
        key = "banner.stale" if state.nodes else "banner.connecting"
        return {"id": "banner", "kind": "banner", "tone": "bad", "text": viewer.say(key)}
    if any(not node.values.get("ready") for node in state.nodes.values() if at - node.at <= 10):
        return {"id": "banner", "kind": "banner", "tone": "bad", "text": viewer.say("banner.unready")}
    if escalated:
        text = viewer.say("banner.alerts", count=escalated)
        return {"id": "banner", "kind": "banner", "tone": "warn", "text": text}
    return {"id": "banner", "kind": "banner", "tone": "good", "text": viewer.say("banner.live")}


def _delivery(state: DashboardState, viewer: Viewer, at: float) -> dict[str, Any]:
    """Return the delivery p95 of the slowest node in the last minute; in words where no node knows one."""
    lately = [node.values for node in state.nodes.values() if at - node.at <= 10]
    known = [values["delivery_p95_ms"] for values in lately if "delivery_p95_ms" in values]
    if known:
        return {"value": round(max(known), 1), "unit": "ms"}
    quiet = any("deliveries_minute" in values for values in lately)
    return {"value": None, "note": viewer.say("delivery.none" if quiet else "delivery.unknown")}


def _delivery_of(node: NodeView, viewer: Viewer) -> str:
    """Return a node's delivery times of the last minute: p50, p95 and the longest."""
    if "delivery_p95_ms" not in node.values:
        return viewer.say("delivery.none" if "deliveries_minute" in node.values else "delivery.unknown")
    took = (node.values[f"delivery_{name}_ms"] for name in ("p50", "p95", "max"))
    return " / ".join(f"{milliseconds:.1f}" for milliseconds in took) + " ms"
