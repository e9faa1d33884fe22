"""The audit of the journal's chain while it grows, by a client that trusts its own reading only.

It reads while its page is viewed. At each poll the last verified entry must still stand with its link, and the new
entries must continue the chain from there. The first poll begins with the last minutes.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from typing import NamedTuple
from urllib.parse import quote

from dashboard.live.service_api import ServiceApi
from dashboard.state.audit_events import GONE, HEAD, REPLACED, AuditEvent, ChainStatus, audit_event
from dashboard.state.store import DashboardState
from dossier_realtime.client import RealtimeError, TokenSource
from dossier_realtime.recording.entry import Header
from dossier_realtime.recording.export import MISSING, Links, Manifest, journal_line, read_trailer, verify_export
from dossier_realtime.recording.joined import headers_of
from dossier_realtime.recording.proof.verify import ChainFault

_log = logging.getLogger("dashboard")

POLL_SECONDS = 3.0  # while the page is viewed
WINDOW_SECONDS = 900.0  # before the first poll, with which the audit begins
MAX_ENTRIES_PER_CALL = 5_000
MAX_ENTRIES_BEHIND = 2_000_000  # beyond which it starts anew at the last minutes
_IDLE_POLL_SECONDS = 0.3  # between two checks that the page is viewed
_CALL_INTERVAL_SECONDS = 0.1  # between two calls, which leaves the service to others
_NODE_TRIES = 20  # calls in which one node of several is to be reached
_NOT_THERE = 404


class _UnverifiableError(Exception):
    """Raised when no further entry can be verified now; the message is the word of the reason."""


class _Page(NamedTuple):
    """The entries of one call."""

    lines: list[bytes]
    manifest: Manifest

    @property
    def first(self) -> tuple[Header, str] | None:
        """The header of the last entry in the first line, and the line's link."""
        line = journal_line(self.lines[0])
        return None if line is None else (headers_of(line.split(b"\t", 2)[1])[-1], line[:64].decode())


class Audit:
    """The audit of one node's journal, while `is_viewed()` returns true for its page."""

    def __init__(
        self,
        api: ServiceApi,
        token: TokenSource,
        state: DashboardState,
        is_viewed: Callable[[], bool],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._api = api
        self._token = token
        self._state = state
        self._is_viewed = is_viewed
        self._clock = clock
        self._links: Links | None = None
        self._limit = MAX_ENTRIES_PER_CALL
        self._chain = ChainStatus()
        self._audit_events: list[AuditEvent] = []
        self._lost = 0
        self._is_one_of_many = False  # whether a node answered that has not this journal

    async def run(self) -> None:
        """Poll until cancelled; a failed poll is reported to the state, and the next one follows."""
        while True:
            if self._is_viewed():
                await self._poll()
                await asyncio.sleep(POLL_SECONDS)
            await asyncio.sleep(_IDLE_POLL_SECONDS)

    async def _poll(self) -> None:
        trouble = ""
        try:
            await self._ask_whether_writable()
            links = await self._begin() if self._links is None else await self._resume(self._links)
            until = self._chain.head
            while links.seq < until and self._is_viewed():
                links = await self._read_on(links, until)
                self._publish("")
                await asyncio.sleep(_CALL_INTERVAL_SECONDS)
        except _UnverifiableError as why:
            trouble = str(why)
        except ValueError as wrong:
            trouble = "unreadable"
            _log.warning("the service's export is no journal: %s", wrong)
        except (RealtimeError, OSError) as wrong:
            trouble = "rights"
            _log.warning("no token for the audit: %s", wrong)
        self._publish(trouble)

    def _publish(self, trouble: str) -> None:
        self._chain = replace(self._chain, trouble=trouble, lost=self._lost)
        audit_events, self._audit_events = self._audit_events, []
        self._state.audited(self._chain, audit_events)

    async def _ask_whether_writable(self) -> None:
        answer = await self._api.call("GET", "/readyz")
        checks = answer.body.get("checks", {}) if isinstance(answer.body, dict) else {}
        writable = checks.get("journal")
        known = isinstance(writable, bool) and not self._is_one_of_many  # else it may be said of another node's journal
        self._chain = replace(self._chain, writable=writable if known else None)

    # --- start and resume -------------------------------------------------------------------------------------

    async def _begin(self) -> Links:
        """Start at the first entry of the last minutes, by bisection: `since` would read the whole journal."""
        first = (await self._page(0, 1)).first
        low, high, since = 1 if first is None else first[0].seq, self._chain.head, self._clock() - WINDOW_SECONDS
        while low < high:
            middle = (low + high) // 2
            found = (await self._page(middle - 1, 1)).first
            if found is not None and found[0].at < since:
                low = middle + 1
            else:
                high = middle
        return self._restart(low - 1)

    async def _resume(self, links: Links) -> Links:
        """Check that the last verified entry still stands with its link. Return the chain to go on with."""
        page = await self._page(max(0, links.seq - 1), 1)
        if not links.count:
            return links
        report, _ = await asyncio.to_thread(verify_export, page.lines)
        if report.fault is not None:
            return self._report_fault(links.seq, report.fault.what)
        if page.first is None:
            return self._report_fault(links.seq, GONE, self._chain.head)
        header, link = page.first
        if header.seq == links.seq and link != links.link.hex():
            return self._report_fault(links.seq, REPLACED)
        if header.seq > links.seq or self._chain.head - links.seq > MAX_ENTRIES_BEHIND:
            # Retention removed the entry (`verify` checks that against the signed anchor), or the audit lags too far.
            return await self._begin()
        self._chain = replace(self._chain, at=self._clock())
        return links

    def _restart(self, after: int) -> Links:
        self._links = Links(gapless=True, see=self._collect)
        self._links.seq = after
        return self._links

    # --- new entries -----------------------------------------------------------------------------------------

    async def _read_on(self, links: Links, until: int) -> Links:
        page = await self._page(links.seq, min(self._limit, until - links.seq))
        before = links.count
        report, _ = await asyncio.to_thread(verify_export, page.lines, links)
        if links.count > before:
            self._chain = replace(
                self._chain,
                first=self._chain.first if before else links.seq - links.count + 1,
                seq=links.seq,
                link=links.link.hex(),
                redacted=self._chain.redacted + report.redacted,
                at=self._clock(),
            )
        if report.fault is not None:
            return self._report_fault(report.fault.seq or links.seq, report.fault.what)
        if not report.entries:
            return self._report_fault(links.seq + 1, MISSING, until)
        if links.seq == page.manifest.head_seq and links.link.hex() != page.manifest.head_link:
            return self._report_fault(links.seq, HEAD)
        self._limit = min(MAX_ENTRIES_PER_CALL, self._limit * 2)
        return links

    def _collect(self, header: Header) -> None:
        """Collect audit events of a verified entry. Called in a thread while the event loop waits for it."""
        if header.kind == "gap":
            lost = header.detail.get("lost")
            self._lost += lost if isinstance(lost, int) else 0
        done = audit_event(header)
        if done is not None:
            self._audit_events.append(done)

    def _report_fault(self, seq: int, what: str, go_on: int = 0) -> Links:
        """Report a fault, which stays on the page, and go on behind it."""
        _log.error("the journal is not what it was: entry %s: %s", seq, what)
        known = self._chain
        self._chain = replace(known, fault=known.fault or ChainFault(seq, "", 0, what), faults=known.faults + 1)
        return self._restart(go_on or seq)

    # --- the service ------------------------------------------------------------------------------------------

    async def _page(self, after: int, limit: int) -> _Page:
        """Return entries after a number, and note the journal's head. Raises _UnverifiableError."""
        status, body = await self._read(f"/v1/journal?after={after}&limit={limit}")
        match status:
            case 200:
                pass
            case 404:
                raise _UnverifiableError("other_node")
            case 400 | 401 | 403:
                raise _UnverifiableError("rights")
            case 429:
                raise _UnverifiableError("busy")
            case 0:
                self._shrink(limit)
                raise _UnverifiableError("unreached")
            case _:
                self._shrink(limit)
                raise _UnverifiableError("unreadable")
        lines = await asyncio.to_thread(_lines_of, body)
        trailer = read_trailer(lines[-1]) if lines else None
        if trailer is None:  # the export ends at the first unreadable line, without its trailer
            self._shrink(limit)
            raise _UnverifiableError("unreadable")
        manifest = trailer.manifest
        if self._chain.node not in ("", manifest.node):
            raise _UnverifiableError("other_node")
        self._chain = replace(self._chain, node=manifest.node, head=manifest.head_seq)
        return _Page(lines, manifest)

    async def _read(self, path: str) -> tuple[int, bytes]:
        """Read of the node that the audit began with: behind a balancer, calls reach one node after the other."""
        token = self._token if isinstance(self._token, str) else await self._token()
        if not self._chain.node:
            return await self._api.read(path, token)
        status, body = _NOT_THERE, b""
        for _ in range(_NODE_TRIES):
            status, body = await self._api.read(f"{path}&node={quote(self._chain.node)}", token)
            if status != _NOT_THERE:
                break
            self._is_one_of_many = True
            await asyncio.sleep(_CALL_INTERVAL_SECONDS)
        return status, body

    def _shrink(self, limit: int) -> None:
        """Ask for fewer entries in the next call, so that those before an unreadable line are still verified."""
        self._limit = max(1, limit // 8)


def _lines_of(body: bytes) -> list[bytes]:
    """Return the body as lines, each byte as it was received: the verifier judges lines that are no entries."""
    return BytesIO(body).readlines()
