"""States and messages as a service would make them."""

from __future__ import annotations

from typing import Any

from dashboard.screen.viewer import Viewer
from dashboard.state.audit_events import AuditEvent, ChainStatus
from dashboard.state.store import DashboardState
from dossier_realtime.client.state.presence import PresenceState
from dossier_realtime.protocol.authorization import reader
from dossier_realtime.protocol.classification import Clearance
from dossier_realtime.protocol.documents.comments import DocumentComment, DocumentCommentPayload
from dossier_realtime.protocol.documents.field_locks import HeldLock
from dossier_realtime.protocol.events import (
    DossierUpdate,
    DossierUpdatePayload,
    OpsStats,
    OpsStatsPayload,
    RelationshipHealthChange,
    RelationshipHealthPayload,
    RemoteOperation,
    RemoteOperationPayload,
    TaskAssigned,
    TaskAssignedPayload,
    TaskUpdate,
    TaskUpdatePayload,
)
from dossier_realtime.protocol.fields import QUIET_FIELD, Actor, Localized
from dossier_realtime.protocol.responses import PresentUser, Roster

NOW = 1_700_000_000


def ops(topic: str, values: dict[str, float] | None = None, *rows: dict[str, Any], at: int = NOW) -> OpsStats:
    return OpsStats(channel=f"ops:{topic}", payload=OpsStatsPayload("node-1", at, values or {}, list(rows)))


def update(channel: str = "dossier:country:SA", user: str = "u-1", name: str = "Nora") -> DossierUpdate:
    payload = DossierUpdatePayload(
        entity_type="country",
        entity_id="SA",
        operation="update",
        fields_changed=["summary_en"],
        updated_by=Actor(user, name),
        timestamp=NOW,
    )
    return DossierUpdate(channel=channel, payload=payload, offset=1)


def edit(version: int, user: str = "Nora", document: str = "d-1") -> RemoteOperation:
    payload = RemoteOperationPayload(
        user_id="u-1", user_name=user, operation_type="insert", position=0, version=version, content="x"
    )
    return RemoteOperation(channel=f"document:{document}", payload=payload)


def health(score: int, change: int, relationship: str = "SA-FR") -> RelationshipHealthChange:
    payload = RelationshipHealthPayload(
        relationship_id=relationship,
        previous_status="healthy",
        new_status="monitor",
        score_change=change,
        current_score=score,
        trigger="visit",
        recommendations=[],
    )
    return RelationshipHealthChange(channel=f"relationship:{relationship}", payload=payload)


def task_update(
    task: str, status: str = "pending", user: str = "u-1", channel: str = "workspace:w-1", by: str = "u-2"
) -> TaskUpdate:
    payload = TaskUpdatePayload(
        task_id=task, previous_status=status, new_status=status, assigned_to=user, updated_by=by, timestamp=NOW
    )
    return TaskUpdate(channel=channel, payload=payload)


def task_assigned(
    task: str, due: str = "2023-11-12", user: str = "u-1", title: str = "Report", by: str = "Bea"
) -> TaskAssigned:
    texts = Localized(title, f"{title} بالعربية")
    payload = TaskAssignedPayload(
        task_id=task, title=texts, assigned_by=Actor("u-9", by), due_date=due, priority="high"
    )
    return TaskAssigned(channel=f"user:{user}", payload=payload)


def comment(key: str = "t-1", document: str = "d-1", **more: Any) -> DocumentComment:
    """Return a comment by Omar on the words of a document, or, with a `replacement`, a suggestion."""
    fields: dict[str, Any] = {"quote": "the ports", "status": "open", "text": "Which ones?", "revision": 1}
    fields |= {"timestamp": NOW - 60, "user_name": "Omar"}
    payload = DocumentCommentPayload(id=key, start=4, end=13, version=7, user_id="u-2", **(fields | more))
    return DocumentComment(channel=f"document:{document}", payload=payload)


def held(field: str, name: str, seconds: int = 30) -> HeldLock:
    return HeldLock(field=field, user_id=f"u-{name}", name=name, expires_in=seconds)


def there(*names: str) -> PresenceState:
    users = [PresentUser(user_id=f"u-{name}", name=name, role="editor") for name in names]
    return PresenceState.of(Roster(count=len(users), users=users))


def alert(commitment: str, level: int, title: str = "Report due") -> dict[str, Any]:
    return {
        "key": commitment,
        "mou_id": "mou-1",
        "title": title,
        "days_until_deadline": 30 // level,
        "responsible_department": "Agreements",
        "alert_level": level,
        "priority": "high",
    }


def listed(channel: str, level: str = "internal", **more: Any) -> dict[str, Any]:
    return {"channel": channel, "settings": {"classification": level}, "users": 0, "subscribers": 0, **more}


def session(user: str, number: int = 1) -> dict[str, Any]:
    return {
        "session_id": f"s-{user}-{number}",
        "user_id": user,
        "name": user.title(),
        "role": "editor",
        "address": "127.0.0.1",
        "node": "node-1",
        "started_at": NOW,
        "reconnect_count": 0,
        "channels": ["global"],
        "waiting_bytes": 0,
    }


def viewer(language: Any = "en", role: Any = "operator", clearance: str = "internal") -> Viewer:
    return Viewer(language, role, reader(Clearance.parse(clearance)))


def _drafting() -> PresenceState:
    """Return a document's presence: Nora holds a clause, Omar has a quiet edit."""
    users = [
        PresentUser(user_id="u-Nora", name="Nora", role="editor", activity="editing", field="clause.4"),
        PresentUser(user_id="u-Omar", name="Omar", role="editor", activity="editing", field=QUIET_FIELD),
    ]
    return PresenceState.of(Roster(count=2, users=users, locks=[held("clause.4", "Nora")]))


def busy() -> DashboardState:
    """Return a state in which every page has something to show."""
    state = DashboardState()
    state.linked(True, NOW)
    channels = ["dossier:country:SA", "document:d-1", "relationship:SA-FR", "dossier:secret:x"]
    channels += ["workspace:w-1", "user:u-1"]
    rows = [listed(name, "secret" if "secret" in name else "internal") for name in channels]
    state.listed([session("nora"), session("nora", 2), session("omar")], rows)
    state.heard("ops:nodes", ops("nodes", {"sessions": 3, "ready": 1, "events": 4, "events_total": 40}), NOW)
    state.heard("ops:errors", ops("errors", {"format": 2, "clearance": 1}), NOW)
    warned = {
        "key": "nora general",
        "user_id": "nora",
        "name": "Nora",
        "class": "general",
        "state": "warned",
        "rate": 95,
    }
    state.heard("ops:limits", ops("limits", {"warnings": 1, "refused": 7}, warned), NOW)
    state.heard("ops:alerts", ops("alerts", {"level_3": 1}, alert("c-1", 3), alert("c-2", 1)), NOW)
    brief = {"key": "r-1", "state": "started", "brief_type": "meeting", "estimated_time": 9000, "entity_id": "SA"}
    state.heard("ops:briefs", ops("briefs", {}, {**brief, "progress": 0}), NOW)
    state.heard("document:d-1", edit(7), NOW)
    state.heard("document:d-1", comment(), NOW)
    state.heard("document:d-1", comment("t-2", text="", replacement="the three ports"), NOW)
    state.present("document:d-1", _drafting(), NOW)
    state.heard("relationship:SA-FR", health(64, -20), NOW)
    state.heard("workspace:w-1", task_update("t-1", "in_progress"), NOW)
    state.heard("user:u-1", task_assigned("t-1"), NOW)
    state.heard("dossier:country:SA", update(), NOW)
    state.heard("dossier:secret:x", update("dossier:secret:x", "spy", "Spy"), NOW)
    state.present("dossier:country:SA", there("Nora", "Omar"), NOW)
    state.present("dossier:secret:x", there("Spy"), NOW)
    state.audited(
        ChainStatus("node-1", first=3, seq=40, link="ab" * 32, head=40, at=NOW, writable=True),
        [
            AuditEvent(10, NOW, "omar", "disconnect_user", "nora", reason="left the laptop open", status=200),
            AuditEvent(11, NOW, "omar", "channel", "dossier:secret:x", of_channel=True, reason="Spy seen", status=200),
            AuditEvent(12, NOW, "", "settings", "dossier:secret:x", of_channel=True, level="secret"),
            AuditEvent(13, NOW, "nora", "clearance", "dossier:secret:x", of_channel=True, rule="clearance"),
        ],
    )
    return state
