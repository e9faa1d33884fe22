"""Can people work? The banner, the figures, the errors, the nodes."""

from __future__ import annotations

from dashboard.blocks import Block, badge, moment, table
from dashboard.store import DashboardState
from dashboard.viewer import Viewer

_BUCKET = "dossier_publish_seconds_bucket"


def overview(state: DashboardState, viewer: Viewer, at: float) -> list[Block]:
    say = viewer.say
    p95 = publish_quantile(state, 0.95)
    figures = [
        {"label": say("figure.people"), "value": state.people},
        {"label": say("figure.sessions"), "value": state.sum_of_nodes("sessions", at)},
        {"label": say("figure.events_second"), "value": round(state.rate("events"), 1)},
        {"label": say("figure.events_total"), "value": state.sum_of_nodes("events_total", at)},
        {"label": say("figure.deliveries_total"), "value": state.sum_of_nodes("deliveries_total", at)},
        {"label": say("figure.publish_p95"), "value": None if p95 is None else 1000 * p95, "unit": "ms"},
        {"label": say("figure.warned"), "value": state.totals["limits"]["warnings"]},
        {"label": say("figure.refused"), "value": state.totals["limits"]["refused"]},
        {"label": say("figure.errors"), "value": state.totals["errors"].total()},
    ]
    return [
        banner(state, viewer, at),
        {"id": "figures", "kind": "figures", "items": figures},
        {"id": "actions", "kind": "actions", "acts": [viewer.act("announce", "global", ask="announcement")]},
        table(
            "codes",
            say("table.codes"),
            viewer.columns("code", "count"),
            [(code, [code, count]) for code, count in state.totals["codes"].most_common(50)],
            say("empty.errors"),
        ),
        table(
            "errors",
            say("table.errors"),
            viewer.columns("rule", "count"),
            [(rule, [rule, count]) for rule, count in state.totals["errors"].most_common(50)],
            say("empty.errors"),
        ),
        table(
            "nodes",
            say("table.nodes"),
            viewer.columns("node", "ready", "connections", "sessions", "subscriptions", "lag", "last"),
            [
                (
                    name,
                    [
                        name,
                        badge(say("yes"), "good") if node.values.get("ready") else badge(say("no"), "bad"),
                        *(node.values.get(figure, 0) for figure in ("connections", "sessions", "subscriptions")),
                        f"{node.values.get('loop_lag_ms', 0):.1f} ms",
                        moment(node.at),
                    ],
                )
                for name, node in sorted(state.nodes.items())
            ],
            say("empty.nodes"),
        ),
    ]


def banner(state: DashboardState, viewer: Viewer, at: float) -> Block:
    """The one line that says whether something must be done now."""
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


def publish_quantile(state: DashboardState, share: float) -> float | None:
    """Within how many seconds that share of publishes was durable and delivered: the upper bound of its bucket."""
    buckets = sorted(
        (float(sample.partition('le="')[2].rstrip('"}')), count)
        for sample, count in state.measures.items()
        if sample.startswith(_BUCKET)
    )
    total = buckets[-1][1] if buckets else 0
    if not total:
        return None
    bound = next(bound for bound, count in buckets if count >= share * total)
    return bound if bound != float("inf") else buckets[-2][0]
