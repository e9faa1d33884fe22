"""A state with a thousand of everything, through the fold's own ways in."""

from __future__ import annotations

from typing import Any

import msgspec

from dashboard.state.audit_events import AuditEvent
from dashboard.state.inboxes import InboxView
from dashboard.state.store import DashboardState
from dossier_realtime.client.state.presence import PresenceState
from dossier_realtime.protocol.authorization import reader
from dossier_realtime.protocol.classification import Clearance
from dossier_realtime.protocol.http.inbox_forms import InboxRow
from dossier_realtime.protocol.responses import PresentUser, Roster
from tests.dashboard.samples import (
    NOW,
    alert,
    busy,
    edit,
    health,
    listed,
    ops,
    session,
    task_assigned,
    task_update,
    update,
)

MANY = 1_000


def crowd() -> DashboardState:
    """Return a state with a thousand sessions, people, channels of each kind, alerts, briefs, limits, acts, errors."""
    state = busy()
    numbers = range(MANY)
    places = ["workspace:w-1"] + [
        f"{kind}-{number:04}" for kind in ("document:d", "relationship:r", "dossier:country:X") for number in numbers
    ]
    sessions = [session(f"person-{number:04}") for number in numbers]
    state.listed(sessions, [listed(place, users=1) for place in places], NOW)
    users = [
        PresentUser(user_id=f"person-{number:04}", name=f"Person {number:04}", role="editor") for number in numbers
    ]
    for number in numbers:
        at = NOW + number
        state.present(
            f"document:d-{number:04}", PresenceState.of(Roster(count=1, users=users[number : number + 1])), at
        )
        state.heard(f"document:d-{number:04}", edit(3, document=f"d-{number:04}"), at)
        state.heard(f"relationship:r-{number:04}", health(64, -20, f"r-{number:04}"), at)
        state.heard("dossier:country:X-0000", update(), at)
        for third in (f"{number:04}-a", f"{number:04}-b", f"{number:04}-c"):
            state.heard("workspace:w-1", task_update(f"t-{third}"), at)
        state.heard("ops:nodes", ops("nodes", {"ready": 1}, at=at), at)
        warned = {"user_id": f"person-{number:04}", "name": "P", "class": "general", "state": "warned", "rate": 95}
        state.heard("ops:limits", ops("limits", {}, {"key": f"person-{number:04} general", **warned}), at)
        state.heard("ops:alerts", ops("alerts", {}, alert(f"c-{number:04}", 1 + number % 3)), at)
        state.heard("ops:briefs", ops("briefs", {}, {"key": f"brief-{number:04}", "state": "started"}, at=at), at)
        state.heard("ops:errors", ops("errors", {f"rule_{number}": 1, f"CODE_{number}": 1}), at)
    state.present("dossier:country:X-0000", PresenceState.of(Roster(count=MANY, users=users)), NOW)
    for number in range(100):
        said = ops("nodes", {"ready": 1})
        said.payload.node = f"node-{number:03}"
        state.heard("ops:nodes", said, NOW)
    state.audited(
        state.chain, [AuditEvent(n, NOW, f"person-{n:04}", "disconnect_user", f"p-{n}", status=200) for n in numbers]
    )
    entries = [
        InboxRow(id=f"task.t-{number:04}", offset=1 + number, received=NOW, read=False, event=_assigned(number))
        for number in numbers
    ]
    for clearance in Clearance:
        state.inbox_read(reader(clearance), InboxView(tuple(entries), unread=2 * MANY))
    return state


def _assigned(number: int) -> dict[str, Any]:
    event: dict[str, Any] = msgspec.to_builtins(task_assigned(f"t-{number:04}", title=f"Report-{number:04}"))
    return event
