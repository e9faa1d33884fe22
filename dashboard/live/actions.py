"""Actions of operators, through the service's public interface and with the operator's own token."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import msgspec

from dashboard.live.service_api import ServiceApi
from dashboard.screen.blocks import Tone
from dashboard.screen.viewer import ACTIONS_BY_ROLE, OPTIONAL_REASON, OWN_ACTIONS, Viewer
from dashboard.state.store import DashboardState
from dossier_realtime.protocol.classification import LEVELS
from dossier_realtime.protocol.fields import SEGMENT

_log = logging.getLogger("dashboard")
_MIN_REASON_CHARS = 3
LIFT_SECONDS = 900  # for which a user's limits are lifted
HOURS = ("1", "4", "24", "72", "168", "720")  # for which a commitment may be snoozed or delegated
_ID = re.compile(SEGMENT)
_OFFSET = re.compile(r"[0-9]{1,16}")


class ActionRequest(msgspec.Struct, forbid_unknown_fields=True):
    """An action that the browser asks for. `given` holds the fields of the form, the reason among them."""

    act: str
    of: str
    given: dict[str, str]


class Actions:
    """The actions of one user, with that user's token."""

    def __init__(
        self,
        api: ServiceApi,
        state: DashboardState,
        viewer: Viewer,
        token: str,
        user_id: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._api = api
        self._state = state
        self._viewer = viewer
        self._token = token
        self._user_id = user_id

    async def perform(self, asked: ActionRequest) -> tuple[str, Tone]:
        """Carry an action out. Return the sentence for the user, and its tone."""
        say, reason = self._viewer.say, asked.given.get("reason", "").strip()
        if asked.act not in ACTIONS_BY_ROLE[self._viewer.role]:
            return say("act.role"), "bad"
        if asked.act not in OWN_ACTIONS | OPTIONAL_REASON and len(reason) < _MIN_REASON_CHARS:
            return say("act.reason_missing"), "warn"
        call = self._call(asked)
        if call is None:
            return say("act.lower" if asked.act == "raise" else "act.unfit"), "warn"
        method, path, body = call
        answer = await self._api.call(method, path, self._token, body, reason=reason)
        _log.info("%s by %s on %s: %s (%s)", asked.act, self._user_id, asked.of, answer.status, reason)
        if not answer.status:
            return say("act.unreached"), "bad"
        if not answer.ok:
            return say("act.refused", status=answer.status, why=answer.why), "bad"
        if asked.act in OPTIONAL_REASON:
            self._state.doubt_lists()
        return say("act.done", what=say(f"act.{asked.act}")), "good"

    def _call(self, asked: ActionRequest) -> tuple[str, str, Any] | None:
        """Return method, path and body of an action's call; None where what was given does not fit it."""
        of = quote(asked.of, safe="")
        match asked.act:
            case "disconnect_user":
                return "POST", f"/v1/users/{of}/disconnect", {}
            case "disconnect_session":
                return "DELETE", f"/v1/sessions/{of}", None
            case "revoke":
                return "POST", "/v1/tokens/revoke", {"user": asked.of}
            case "acknowledge":
                return "POST", f"/v1/commitments/{of}/ack", {}
            case "complete" | "snooze" | "delegate":
                body = self._of_commitment(asked)
                return None if body is None else ("POST", f"/v1/commitments/{of}/{asked.act}", body)
            case "read_entry" | "read_all" | "snooze_entry":
                return self._of_inbox(asked)
            case "cancel":
                return "POST", f"/v1/briefs/{of}/cancel", {}
            case "lift":
                return "POST", f"/v1/users/{of}/limits/lift", {"seconds": LIFT_SECONDS}
            case "restore":
                return "DELETE", f"/v1/users/{of}/limits/lift", None
            case "raise":
                level = asked.given.get("level", "")
                return ("PUT", f"/v1/channels/{of}", {"classification": level}) if self._raises(asked, level) else None
            case _:
                return "POST", "/v1/publish", {"events": [_announcement(asked.given)]}

    def _raises(self, asked: ActionRequest, level: str) -> bool:
        return level in LEVELS and LEVELS.index(level) > LEVELS.index(self._state.level(asked.of))

    def _of_inbox(self, asked: ActionRequest) -> tuple[str, str, Any] | None:
        """Return the call about the user's own inbox; None where the time or the place is none."""
        if asked.act == "read_entry":
            return "POST", "/v1/inbox/ack", {"ids": [asked.of]}
        if asked.act == "read_all":
            return ("POST", "/v1/inbox/ack", {"up_to": int(asked.of)}) if _OFFSET.fullmatch(asked.of) else None
        until = self._until(asked)
        return None if until is None else ("POST", "/v1/inbox/snooze", {"id": asked.of, "until": until})

    def _of_commitment(self, asked: ActionRequest) -> dict[str, str | int] | None:
        """Return the body of a call about a commitment; None where the time or the user is none."""
        if asked.act == "complete":
            return {}
        until, to = self._until(asked), asked.given.get("to", "").strip()
        if until is None:
            return None
        if asked.act == "snooze":
            return {"until": until}
        return None if _ID.fullmatch(to) is None else {"to": to, "until": until}

    def _until(self, asked: ActionRequest) -> int | None:
        """Return the time after the hours of a form; None where they are none of the list."""
        hours = asked.given.get("hours", "")
        return round(self._clock()) + 3600 * int(hours) if hours in HOURS else None


def _announcement(given: dict[str, str]) -> dict[str, Any]:
    payload = {
        "id": str(uuid4()),
        "title": {"en": given.get("title_en", ""), "ar": given.get("title_ar", "")},
        "message": {"en": given.get("text_en", ""), "ar": given.get("text_ar", "")},
    }
    return {"type": "notification", "channel": "global", "priority": "high", "payload": payload}
