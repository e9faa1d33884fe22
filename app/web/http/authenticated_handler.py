"""Calls with a token, and the record of them: an act before it is done, its outcome, and an entry for each call."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar
from urllib.parse import unquote

import tornado.iostream
import tornado.web

from app.core.origin import Origin, origin_now
from app.journal.calls import Call, CallAnswer, Read
from app.journal.initiator import CallText, Initiator
from app.journal.lanes import ActNotRecorded
from dossier_realtime.protocol.plain_text import one_line, without_tokens

from .caller_handler import CallerHandler

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from app.journal.acts import Act, Outcome, Verb
    from app.services.publisher import PublishResult


T = TypeVar("T")

_JSON = "application/json; charset=utf-8"
_SLICE_BYTES = 1 << 16  # of a long answer, written before the client must have taken them
_MAX_REASON = 500  # characters of X-Reason (percent-encoded UTF-8), and of the query
_MAX_KEY = 64  # characters of an Idempotency-Key


_CHANGING = ("post", "put", "patch", "delete")


class AuthenticatedHandler(CallerHandler):
    """A handler whose caller is authenticated, and whose calls are in the journal.

    A method that changes or exports something has its verbs in `acts`, and calls `act` before it does anything.
    """

    acts: ClassVar[Mapping[str, tuple[Verb, ...]]] = {}
    """The acts that a method may be, by its name in lower case."""
    polled: ClassVar[bool] = False
    """True where dashboards poll the GET: each is counted, and one a minute is kept in the journal."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for method in _CHANGING:
            if method in cls.__dict__ and not cls.acts.get(method):
                raise TypeError(f"{cls.__name__}.{method} changes something: name its verbs in `acts`, and call `act`")

    level = ""
    """The classification of the subject in the path, for the journal, where that is no channel; HIGHEST until known."""

    def initialize(self) -> None:
        """Set the state of one call."""
        super().initialize()
        self.unchanged = False
        """Set to True by a method that had nothing to change: the outcome of its act."""
        self._act: Act | None = None
        self._act_seq = 0
        self.read_of: Read | None = None
        """Set by a method that answers with events or the text of a channel."""
        self.also_read: tuple[Read, ...] = ()
        """Set by a method that answers with the texts of several documents: those beside `read_of`."""

    def record_published(self, results: Sequence[PublishResult], started: float) -> None:
        """Count events that the call published; `started` is the steady clock when it began."""
        self.context.records.recorder.record_published(results, self.now() - started)

    async def act(self, act: Act) -> None:
        """Record an act durably before it is done.

        Raises tornado.web.Finish, after an answer, where it must not be done: the journal took no entry, or the right
        to it was lost meanwhile.
        """
        record = self.context.records.acts
        assert self.actor is not None  # noqa: S101  who calls is known before what is asked is looked at
        assert self._identity is not None  # noqa: S101  likewise
        accepted = self.now()
        text = self._call_text()
        act = replace(act, text=replace(text, reason="") if act.withholds_reason else text)
        try:
            self._act_seq = await record.begin(self.actor, act)
        except ActNotRecorded as failed:
            if failed.entry is not None:
                record.end(failed.entry, self.actor, act, "failed", 503)
            self.unavailable()
            raise tornado.web.Finish from failed
        self._act = act
        origin_now.set(Origin(self.actor.user_id, self.actor.via, self._act_seq, accepted))
        if not self.recheck():  # recording it took a moment
            raise tornado.web.Finish

    def answer(self, body: Any, status: int = 200) -> None:
        """Answer; 401 or 403 instead, if this is a read and the right to it was lost. An act is done already.

        Raises RuntimeError where an act is answered that was not recorded: a defect of the method.
        """
        method = (self.request.method or "").lower()
        if status < 400 and method in self.acts and self._act is None:
            raise RuntimeError(f"{type(self).__name__}.{method} did something without calling `act` first")
        if self._identity is None or method not in ("get", "head") or self.recheck():
            super().answer(body, status)

    async def answer_parts(self, parts: Sequence[bytes], media: str = _JSON) -> None:
        """Answer a read with a body in parts that several answers may share: they are not copied.

        A client that takes no bytes for `Bounds.stall_seconds` is cut off.
        """
        if self._identity is not None and not self.recheck():
            return
        self.set_header("Content-Type", media)
        self.set_header("Content-Length", str(sum(map(len, parts))))
        if self.check_etag_header():
            self.clear_header("Content-Length")
            self.read_of = None
            self.set_status(304)
            self.finish()
            return
        if sum(map(len, parts)) <= _SLICE_BYTES:
            parts = (b"".join(parts),)
        try:
            for part in parts:
                for start in range(0, len(part), _SLICE_BYTES):
                    self.write(part[start : start + _SLICE_BYTES])
                    async with asyncio.timeout(self.context.bounds.stall_seconds):
                        await self.flush()
        except (tornado.iostream.StreamClosedError, TimeoutError):
            self._break_off()
            return
        self.finish()

    def _break_off(self) -> None:
        """End the connection in the middle of an answer, and record the call like any other."""
        assert self.request.connection is not None  # noqa: S101  it has begun to answer
        self._finished = True
        stream: tornado.iostream.IOStream = self.request.connection.stream  # type: ignore[attr-defined]  # of HTTP/1
        stream.close()
        self.on_finish()

    def on_finish(self) -> None:
        """Count the call, keep it in the journal if its caller is known, and record the outcome of its act."""
        status = self.get_status()
        method, path = self.request.method or "", without_tokens(self.request.path)
        initiator = self.actor or Initiator("", address=self.request.remote_ip or "")
        read = self.read_of if status < 400 else None
        if read is not None:
            read = replace(read, clearance=self._clearance)
        also = tuple(replace(each, clearance=self._clearance) for each in self.also_read if read is not None)
        answer = CallAnswer(status, self._act_seq, read, also)
        call = Call(method, path, answer, initiator, self._call_text(), self.level, self.is_polled)
        self.context.records.recorder.record_call(call)
        if self._act is not None and self.actor is not None:
            outcome: Outcome = "failed" if status >= 400 else "unchanged" if self.unchanged else "done"
            self.context.records.acts.end(self._act_seq, self.actor, self._act, outcome, status)
        super().on_finish()

    @property
    def is_polled(self) -> bool:
        """Return whether this call is one that dashboards poll: no other method of a polled path is."""
        return self.polled and self.request.method == "GET"

    @property
    def reason(self) -> str:
        """The reason that the caller gives in X-Reason, on one line and without tokens; "" where there is none."""
        return self._call_text().reason

    def _call_text(self) -> CallText:
        """Return the text of the call beside its path, without tokens and on one line."""
        headers = self.request.headers
        return CallText(
            without_tokens(self.request.query)[:_MAX_REASON],
            without_tokens(one_line(unquote(headers.get("X-Reason", ""))))[:_MAX_REASON],
            without_tokens(one_line(headers.get("Idempotency-Key", "")))[:_MAX_KEY],
        )
