"""Calls of the room's page: a link's key becomes a token, a token is renewed, a guest makes a link for another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from msgspec import Struct

from app.web.http.answering_handler import STANDARD
from app.web.http.guarded_handler import GuardedHandler
from dossier_realtime.protocol.errors import ErrorCode

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.services.room.guests import Guests, OperatorLogin

S = TypeVar("S")
T = TypeVar("T")


class LinkKey(Struct, forbid_unknown_fields=True):
    """The key of a one-time link."""

    key: str


class PassKey(Struct, forbid_unknown_fields=True):
    """The pass key of a guest."""

    pass_key: str


class AdmissionAnswer(Struct):
    """A guest who came in, the first token, and the pass key for the next."""

    user_id: str
    name: str
    token: str
    pass_key: str


class TokenAnswer(Struct):
    """A guest's next token."""

    token: str


_USED: Final = "This link was used or is too old: take one from a guest in the room, or start the service again"
_UNKNOWN: Final = "The service was started again since: come in by the link that it printed"


class _KeyHandler(GuardedHandler):
    max_body = 1024

    def serve(self, by: S | None, form: type[T], call: Callable[[S, T], Struct | None], refusal: str) -> None:
        """Answer 201 with what the call returns; 410 with the refusal for None, 404 where the address has no room."""
        if by is None:
            self.refuse(404, *STANDARD[404])
            return
        body = self.read_body(form)
        if body is None:
            return
        answer = call(by, body)
        if answer is None:
            self.refuse(410, ErrorCode.NOT_FOUND, refusal)
        else:
            self.answer(answer, 201)


class AdmissionHandler(_KeyHandler):
    """`POST /room/guests`: admit a guest by the key of a link, once."""

    def post(self) -> None:
        """Answer with the guest's token."""
        self.serve(self.site.guests, LinkKey, _admit, _USED)


class GuestTokenHandler(_KeyHandler):
    """`POST /room/tokens`: renew a guest's token."""

    def post(self) -> None:
        """Answer with the next token."""
        self.serve(self.site.guests, PassKey, _renew, _UNKNOWN)


class LinkHandler(_KeyHandler):
    """`POST /room/links`: make a link for another guest."""

    def post(self) -> None:
        """Answer with the key of a new link."""
        self.serve(self.site.guests, PassKey, _link, _UNKNOWN)


class OperatorTokenHandler(_KeyHandler):
    """`POST /room/operators`: the operator's token for the key of a link into the dashboard, which passes it on."""

    def post(self) -> None:
        """Answer with the token."""
        self.serve(self.site.operator, LinkKey, _operator, _USED)


def _admit(guests: Guests, body: LinkKey) -> AdmissionAnswer | None:
    entry = guests.admit(body.key)
    if entry is None:
        return None
    return AdmissionAnswer(entry.guest.user_id, entry.guest.name, entry.token, entry.pass_key)


def _operator(login: OperatorLogin, body: LinkKey) -> TokenAnswer | None:
    token = login.token(body.key)
    return None if token is None else TokenAnswer(token)


def _renew(guests: Guests, body: PassKey) -> TokenAnswer | None:
    token = guests.renew(body.pass_key)
    return None if token is None else TokenAnswer(token)


def _link(guests: Guests, body: PassKey) -> LinkKey | None:
    key = guests.link_by(body.pass_key)
    return None if key is None else LinkKey(key)
