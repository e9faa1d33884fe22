"""The checks that operators' calls share: ids, channels' names, numbers, and bodies as Structs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar

from app.core import authorization
from app.web.http.authenticated_handler import AuthenticatedHandler
from dossier_realtime.protocol.errors import ErrorCode
from dossier_realtime.protocol.fields import SEGMENT
from dossier_realtime.protocol.http.forms import Nothing

from .pages import MAX_ROWS

if TYPE_CHECKING:
    from dossier_realtime.protocol.authorization import Identity

T = TypeVar("T")
_ID = re.compile(SEGMENT)


class OperatorHandler(AuthenticatedHandler):
    """A handler whose path or query names ids, channels and numbers, and whose body is a Struct."""

    def check_channel(self, channel: str) -> bool:
        """Return whether the name is a channel's; answer 400 or 404 where not."""
        denial = authorization.channel_denial(channel)
        if denial is not None:
            status = 404 if denial.code is ErrorCode.CHANNEL_NOT_FOUND else 400
            self.refuse(status, denial.code, denial.text)
        return denial is None

    def check_id(self, subject: str) -> bool:
        """Return whether the subject is an id; answer 400 where not."""
        if _ID.fullmatch(subject) is None:
            self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, "An id is 1 to 64 of A-Z a-z 0-9 . _ -")
            return False
        return True

    def check_empty_body(self) -> bool:
        """Return whether the body is empty, as the path says all; answer 400 where not."""
        return self.read_body(Nothing) is not None

    async def authorize_list(self) -> tuple[Identity, int] | None:
        """Return the administrator and the most rows that a page may have; answer where there is none."""
        identity = await self.authorize_administrator()
        limit = None if identity is None else self.query_number("limit", MAX_ROWS, 1, MAX_ROWS)
        return None if identity is None or limit is None else (identity, limit)

    def query_number(self, name: str, default: int, low: int, high: int) -> int | None:
        """Return a whole number of the query; answer 400 where it is none, or out of bounds."""
        text = self.get_query_argument(name, str(default))
        if re.fullmatch(r"[0-9]{1,16}", text) is None or not low <= int(text) <= high:
            self.refuse(400, ErrorCode.INVALID_MESSAGE_FORMAT, f"{name} is a whole number from {low} to {high}")
            return None
        return int(text)
