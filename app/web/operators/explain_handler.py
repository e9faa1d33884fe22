"""`GET /v1/explain?user=&action=&channel=`: explain a decision about a user's rights (docs/protocol.md#explanations).

A user asks about themselves with their own token. An administrator of the channel, or of all, asks about others: by the
claims of a session that is open, or by those that `permission` (may repeat) and `clearance` suppose.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.services.errors import Unavailable
from dossier_realtime.protocol.authorization import Right, access, decide_operator
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.explanations.explanation import ACTIONS, explain, explain_closed, supposed

from .operator_handler import OperatorHandler

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dossier_realtime.protocol.authorization import Identity


class ExplainHandler(OperatorHandler):
    """Explanation of the decision that is in force now."""

    async def get(self) -> None:
        """Answer with the decision, its rule and its reasons."""
        caller = await self.authenticate()
        if caller is None:
            return
        action, channel = self.get_query_argument("action", ""), self.get_query_argument("channel", "")
        user = self.get_query_argument("user", caller.user_id)
        if action not in ACTIONS:
            text = f"Ask with user, channel and an action: {', '.join(ACTIONS)}"
            self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, text)
            return
        if not self.check_channel(channel) or not self.check_id(user):
            return
        try:
            asked = self._supposed(user)
        except ValueError as wrong:
            self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, str(wrong))
            return
        if user == caller.user_id and asked is None:
            await self._tell_themselves(caller, action, channel)
            return
        if not self.require(lambda: access(caller, Right.ADMIN, channel, self.policy).allowed):
            self.forbid()
            return
        identity = asked or next(self._open(caller, user, channel), None)
        if identity is None:
            text = "No session of this user is open here: suppose claims with permission and clearance"
            self.refuse(404, ErrorCode.NOT_FOUND, text)
            return
        self._tell(identity, action, channel, to_themselves=False)

    async def _tell_themselves(self, caller: Identity, action: str, channel: str) -> None:
        """Answer a user about themselves, as of a document that is absent where one is above their clearance."""
        documents = self.context.domain.document_access
        try:
            is_closed = ACTIONS[action] is Right.READ and await documents.is_closed(caller, channel)
        except Unavailable:
            self.unavailable()
            return
        if is_closed:
            self.answer(explain_closed(caller, action, channel, self.context.access.clock().wall))
            return
        self._tell(caller, action, channel, to_themselves=True)

    def _tell(self, identity: Identity, action: str, channel: str, *, to_themselves: bool) -> None:
        settings, at = self.policy.settings(channel), self.context.access.clock().wall
        self.answer(explain(identity, action, channel, settings, at, to_themselves=to_themselves))

    def _supposed(self, user: str) -> Identity | None:
        """Return a user with the claims that the query supposes; None where it supposes none.

        Raises ValueError for an invalid claim.
        """
        if not {"permission", "clearance"} & self.request.query_arguments.keys():
            return None
        return supposed(user, self.get_query_arguments("permission"), self.get_query_argument("clearance", ""))

    def _open(self, caller: Identity, user: str, channel: str) -> Iterator[Identity]:
        """Return the identities of the user's sessions, newest first.

        A caller who does not administer all channels learns only of sessions that receive this one: other sessions are
        not to be disclosed to them.
        """
        everywhere = decide_operator(caller).allowed
        return self.context.operations.connections.identities(user, None if everywhere else channel)
