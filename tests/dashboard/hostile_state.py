"""Texts that want to be markup or turn what stands beside them, and a dashboard in which every text is one of them.

    python -m tests.dashboard.hostile_state --port 0 --service http://127.0.0.1:8000 --data ignored

Its state is made by hand, so that a text stands also where the service's grammar would never let it through.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import Any

from dashboard.live.inbox_reader import InboxReader
from dashboard.site.server import DashboardConfig, DashboardServer, LoginRules, SiteAddress
from dashboard.state.audit_events import AuditEvent, ChainStatus
from dashboard.state.inboxes import InboxView
from dashboard.state.store import DashboardState
from dossier_realtime.client.state.presence import PresenceState
from dossier_realtime.protocol.authorization import reader
from dossier_realtime.protocol.classification import Clearance
from dossier_realtime.protocol.events import (
    AlertState,
    AlertStatePayload,
    OpsStats,
    OpsStatsPayload,
    RelationshipHealthChange,
    RelationshipHealthPayload,
)
from dossier_realtime.protocol.http.inbox_forms import InboxRow
from dossier_realtime.protocol.responses import PresentUser, Roster
from dossier_realtime.recording.proof.verify import ChainFault
from tests.dashboard.samples import NOW, comment, edit, held, listed, ops, task_assigned, task_update, update

PAYLOADS = (
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<img src=x onerror='alert(1)'",
    "<svg/onload=alert(1)>",
    "<svg><animate onbegin=alert(1) attributeName=x dur=1s>",
    "<svg><script>alert(1)</script></svg>",
    "<body onload=alert(1)>",
    "<iframe src=javascript:alert(1)></iframe>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<object data=javascript:alert(1)>",
    "<embed src=javascript:alert(1)>",
    "<a href=javascript:alert(1)>x</a>",
    "javascript:alert(1)",
    "[x](javascript:alert(1))",
    "![x](x 'onerror=alert(1)')",
    "<details open ontoggle=alert(1)>",
    "<input autofocus onfocus=alert(1)>",
    "<video><source onerror=alert(1)>",
    "<audio src=x onerror=alert(1)>",
    "<marquee onstart=alert(1)>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=x onerror=alert(1)&gt;'>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<template><img src=x onerror=alert(1)></template>",
    "<base href=//evil.test/>",
    "<meta http-equiv=refresh content='0;url=javascript:alert(1)'>",
    "<link rel=stylesheet href=//evil.test/x.css>",
    "<style>@import '//evil.test/x.css';</style>",
    "<form action=//evil.test><button>x</button></form>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&amp;lt;img src=x onerror=alert(1)&amp;gt;",
    "&#60;script&#62;alert(1)&#60;/script&#62;",
    "{{constructor.constructor('alert(1)')()}}",
    "{{7*7}}",
    "<%= 7*7 %>",
    "${alert(1)}",
    "`${alert(1)}`",
    "'-alert(1)-'",
    '"><script>alert(1)</script>',
    "--><script>alert(1)</script>",
    "]]><script>alert(1)</script>",
    "\u202e<script>alert(1)</script>",
    "ali\u202egnp.exe\u2069\u2069\u202e",
    "\u2067\u2067right\u202dleft",
    "\u200fone\u061ctwo\u2028three",
    "bell\x07escape\x9b[31m",
    "$$\\href{javascript:alert(1)}{x}$$",
    "\\[\\href{javascript:alert(1)}{x}\\]",
)


def hostile_state() -> DashboardState:
    """Every text of every thing that the dashboard knows, once as each payload."""
    state = DashboardState()
    state.linked(True, NOW)
    names = ("dossier:country:", "document:", "relationship:", "workspace:", "user:")
    channels = [listed(name + text, users=1) for text in PAYLOADS for name in names]
    state.listed([_all(_SESSION, text) for text in PAYLOADS], channels)
    for number, text in enumerate(PAYLOADS):
        _fill(state, text, number)
    for clearance in Clearance:
        state.inbox_read(reader(clearance), hostile_inbox())
    for text in PAYLOADS:  # last, so that it is what the live tail shows
        channel = f"dossier:country:{text}"
        state.heard(channel, update(channel, text, text), NOW)
    return state


_SESSION: dict[str, Any] = {
    **dict.fromkeys(("session_id", "user_id", "name", "role", "address", "node"), ""),
    "started_at": NOW,
    "reconnect_count": 0,
    "channels": ["global"],
    "waiting_bytes": 0,
}
_ALERT = dict.fromkeys(("key", "mou_id", "title", "responsible_department", "priority"), "")
_BRIEF = dict.fromkeys(("key", "state", "stage", "brief_type", "entity_id"), "")
_LIMITED = dict.fromkeys(("key", "user_id", "name", "class", "state"), "")


def _all(row: dict[str, Any], text: str) -> dict[str, Any]:
    return {name: text if value == "" else value for name, value in row.items()}


def _fill(state: DashboardState, text: str, number: int) -> None:
    alert = {**_all(_ALERT, text), "alert_level": 1 + number % 3, "days_until_deadline": 3}
    state.heard("ops:nodes", OpsStats(channel="ops:nodes", payload=OpsStatsPayload(text, NOW, {"ready": 1}, [])), NOW)
    state.heard("ops:errors", ops("errors", {text: 1}), NOW)
    state.heard("ops:limits", ops("limits", {"warnings": 1}, _all(_LIMITED, text)), NOW)
    state.heard("ops:alerts", ops("alerts", {}, alert), NOW)
    state.heard("ops:alerts", ops("alerts", {}, alert | {"key": f"{text}!"}), NOW)  # one that nobody has taken in hand
    said = AlertStatePayload(commitment_id=text, state="acknowledged", acknowledged_by=text, alert_level=1 + number % 3)
    state.heard("user:u", AlertState(channel="user:u", payload=said), NOW)
    state.heard("ops:briefs", ops("briefs", {}, _all(_BRIEF, text)), NOW)
    place = f"workspace:{text}"
    state.heard(place, task_update(text, user=text, channel=place, by=text), NOW)
    state.heard(f"user:{text}", task_assigned(text, user=text, title=text, by=text), NOW)
    state.heard(f"document:{text}", edit(number, user=text, document=text), NOW)
    told = RelationshipHealthPayload(
        relationship_id=text,
        previous_status="healthy",
        new_status=text,  # type: ignore[arg-type]  # no grammar here
        score_change=1,
        current_score=50,
        trigger=text,
        recommendations=[text],
    )
    state.heard(f"relationship:{text}", RelationshipHealthChange(channel=f"relationship:{text}", payload=told), NOW)
    done = AuditEvent(number, NOW, text, text, text, reason=text, status=200)
    fault = ChainFault(number, text, 0, text)
    state.audited(ChainStatus(node=text, first=1, seq=2, link=text, head=2, at=NOW, fault=fault, faults=2), [done])
    for key, more in (("comment", {}), ("suggestion", {"replacement": text})):
        thread = comment(f"{key} {number}", text, quote=text, text=text, user_name=text, **more)
        state.heard(f"document:{text}", thread, NOW)
    user = PresentUser(user_id=text, name=text, role=text, status=text, activity=text, field=text)  # type: ignore[arg-type]  # likewise
    there = Roster(count=1, users=[user], locks=[held(text, text)])
    state.present(f"dossier:country:{text}", PresenceState.of(there), NOW)


def hostile_inbox() -> InboxView:
    """Return an inbox with an entry for each text."""
    entries = tuple(_waiting(text, number) for number, text in enumerate(PAYLOADS))
    return InboxView(entries, len(entries))


def _waiting(text: str, number: int) -> InboxRow:
    """Return an entry of which every text is this one; `of` of its buttons too."""
    texts = {"en": text, "ar": text}
    payload = {"id": f"n{number}", "title": texts, "message": texts}
    event = {"type": "notification", "priority": "high", "payload": payload}
    return InboxRow(id=text, offset=1 + number, received=NOW, read=False, event=event)


async def _read_once(reader: InboxReader) -> None:
    reader._state.inbox_read(reader._login, hostile_inbox())
    await asyncio.Event().wait()


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for option in ("--port", "--service", "--data"):
        parser.add_argument(option)
    asked = parser.parse_args()
    roles: Any = {"operator": "operator"}
    address = SiteAddress("127.0.0.1", 0, ("localhost",), ("own",))
    setup = DashboardConfig(asked.service, address, LoginRules(roles, 1800))
    server = DashboardServer(setup, "no token: nothing is heard of the service")
    InboxReader.run = _read_once  # type: ignore[method-assign, assignment]  # likewise
    server._feed.run = asyncio.Event().wait  # type: ignore[method-assign, assignment]  # the state stays as it is
    vars(server.state).update(vars(hostile_state()))
    server.start()
    sys.stdout.write(f"Dossier dashboard at http://localhost:{server.port}/\n")
    sys.stdout.flush()
    await server.run()


if __name__ == "__main__":
    asyncio.run(main())
