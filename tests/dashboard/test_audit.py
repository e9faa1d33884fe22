"""The audit against a real service: it follows the chain, sees what was done to it, and reads only while asked to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from itertools import cycle
from pathlib import Path
from typing import Any, Self

import msgspec
import pytest

from dashboard.live import audit as auditing
from dashboard.live.audit import Audit
from dashboard.live.service_api import ServiceApi
from dashboard.state.audit_events import GONE, REPLACED
from dashboard.state.store import DashboardState
from dossier_realtime.archive.folder import read_head, read_lines, segment_paths
from dossier_realtime.recording.entry import Head, decode_entry, encode_entry, encode_head
from dossier_realtime.recording.export import DAMAGED, MISSING
from tests.harness import tokens
from tests.harness.connections.dialling import serving
from tests.harness.eventually import eventually_async
from tests.harness.service import Service

NODE = "test"


@pytest.fixture(autouse=True)
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks follow each other at once."""
    monkeypatch.setattr(auditing, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(auditing, "_IDLE_POLL_SECONDS", 0.01)
    monkeypatch.setattr(auditing, "_CALL_INTERVAL_SECONDS", 0.0)


class Audited:
    """An audit that runs beside a test; somebody looks while `looking`."""

    def __init__(self, service: Service, token: str = "", *, address: str = "") -> None:
        self.state = DashboardState()
        self.looking = True
        self._service = service
        self._address = address or service.http
        self._token = token or tokens.operator("auditor")

    async def __aenter__(self) -> Self:
        self._api = ServiceApi(self._address)
        audit = Audit(self._api, self._token, self.state, lambda: self.looking)
        self._run = asyncio.create_task(audit.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await self._run
        await self._api.close()

    async def until(self, condition: Callable[[], bool]) -> None:
        def holds() -> bool:
            assert not self._run.done(), self._run.exception()
            return condition()

        await eventually_async(holds, lambda: self.state.chain)

    async def caught_up(self) -> int:
        """Verify what is there; the last entry of it."""
        head = read_head(self._service.data / "journal", NODE)
        assert head is not None
        await self.until(lambda: self.state.chain.seq >= head.seq)
        return self.state.chain.seq

    async def call(self, method: str, path: str, body: object = None, reason: str = "") -> None:
        answer = await self._api.call(method, path, tokens.operator(), body, reason=reason)
        assert answer.ok, answer


async def busy(audited: Audited, service: Service, count: int = 30) -> None:
    """So many acts, all of them on the disk with their outcomes."""

    def ended() -> int:
        # Of these acts alone: to read the journal, as the audit does meanwhile, is an act too.
        headers = [entry.header for entry in service.journal()]
        return sum(header.kind == "outcome" and header.detail["verb"] == "disconnect_user" for header in headers)

    before = ended()
    for number in range(count):
        await audited.call("POST", f"/v1/users/u{number}/disconnect", {}, reason=f"act {number}")
    folder, head = service.data / "journal", Head(0, "")
    while ended() < before + count or head.seq < len(service.journal()):
        await asyncio.sleep(0.05)
        head = read_head(folder, NODE) or head


def lines(service: Service) -> tuple[Path, list[bytes]]:
    (path,) = segment_paths(service.data / "journal", NODE)
    return path, list(read_lines(path))


def test_the_chain_is_followed_and_who_did_what_is_kept(tmp_path: Path) -> None:
    async def scene(service: Service) -> None:
        async with Audited(service) as audited:
            await audited.caught_up()
            await audited.call("PUT", "/v1/channels/global", {"classification": "internal"}, reason="طارئ")
            await audited.call("POST", "/v1/users/nora/disconnect", {}, reason="left the laptop open")
            await audited.until(lambda: len(audited.state.audit_events) >= 3)
            chain = audited.state.chain
            assert (chain.fault, chain.trouble, chain.node, chain.first, chain.writable) == (None, "", NODE, 1, True)
            assert lines(service)[1][chain.seq][:64].decode() == chain.link
            told = {(act.what, act.user, act.of, act.reason) for act in audited.state.audit_events.values()}
            assert ("channel", "operator", "global", "طارئ") in told
            assert ("disconnect_user", "operator", "nora", "left the laptop open") in told
            assert ("settings", "operator", "global", "") in told

    with Service(tmp_path / "data") as service:
        asyncio.run(scene(service))
    service.assert_log_clean()


def test_it_goes_on_over_restarts_segments_and_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditing, "MAX_ENTRIES_PER_CALL", 7)

    async def scene(service: Service) -> None:
        async with Audited(service) as audited:
            await audited.caught_up()
            for hard in (False, True):
                await busy(audited, service)
                await audited.caught_up()
                await asyncio.to_thread(service.kill if hard else service.stop)
                await audited.until(lambda: audited.state.chain.trouble == "unreached")
                await asyncio.to_thread(service.start)
            await busy(audited, service)
            seq = await audited.caught_up()
            await audited.until(lambda: audited.state.chain.trouble == "")
            assert audited.state.chain.fault is None
            assert audited.state.chain.first == 1
            assert seq > 100
            assert sum(act.what == "disconnect_user" for act in audited.state.audit_events.values()) == 90

    with Service(tmp_path / "data") as service:
        asyncio.run(scene(service))


def test_nothing_is_read_while_nobody_looks(tmp_path: Path) -> None:
    def reads(service: Service) -> int:
        return sum(header.detail.get("path") == "/v1/journal" for header, _, _ in service.journal())

    async def scene(service: Service) -> None:
        async with Audited(service) as audited:
            seq = await audited.caught_up()
            audited.looking = False
            await busy(audited, service, 3)
            before = reads(service)
            await busy(audited, service, 20)
            assert reads(service) == before
            audited.looking = True
            assert await audited.caught_up() > seq + 20
            assert audited.state.chain.fault is None

    with Service(tmp_path / "data") as service:
        asyncio.run(scene(service))


def test_it_begins_with_the_last_minutes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(service: Service) -> None:
        async with Audited(service) as past:
            await busy(past, service, 20)
            begun = len(service.journal())
        await asyncio.sleep(1.0)  # the window is a second
        monkeypatch.setattr(auditing, "WINDOW_SECONDS", 1.0)
        async with Audited(service) as audited:
            await audited.until(lambda: audited.state.chain.seq > 0)
            assert audited.state.chain.first > begun - 5

    with Service(tmp_path / "data") as service:
        asyncio.run(scene(service))


def test_it_does_not_read_for_ever_what_nobody_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditing, "MAX_ENTRIES_BEHIND", 10)

    async def scene(service: Service) -> None:
        async with Audited(service) as audited:
            seq = await audited.caught_up()
            audited.looking = False
            await busy(audited, service, 20)
            monkeypatch.setattr(auditing, "WINDOW_SECONDS", 0.0)
            audited.looking = True
            await audited.until(lambda: audited.state.chain.first > seq + 10)
            assert audited.state.chain.fault is None

    with Service(tmp_path / "data") as service:
        asyncio.run(scene(service))


def changed(service: Service, seq: int) -> None:
    """Another time in an entry: Unix seconds begin with 1."""
    path, found = lines(service)
    entry = found[seq]
    offset = sum(map(len, found[:seq])) + entry.index(b'"at":') + len('"at":')  # every entry says when
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(b"2")


def rewritten(service: Service, seq: int) -> None:
    """Another word in an entry, and every link behind it made anew: a journal that is good in itself."""
    path, found = lines(service)
    place, previous = sum(map(len, found[:seq])), bytes.fromhex(found[seq - 1][:64].decode())
    forged, count = b"", 0
    for line in found[seq:]:
        header, frame, _ = decode_entry(line)
        if header.seq == seq:
            header = msgspec.structs.replace(header, user="0perator")
        entry, previous = encode_entry(header, frame, line.split(b"\t")[2], previous)
        forged, count = forged + entry, header.seq
    with path.open("r+b") as file:
        file.seek(place)
        file.write(forged)
    (service.data / "journal" / f"{NODE}.head").write_bytes(encode_head(Head(count, previous.hex())))


def removed(service: Service, seq: int) -> None:
    path, found = lines(service)
    path.write_bytes(b"".join(found[:seq] + found[seq + 1 :]))


def cut(service: Service, seq: int) -> None:
    path, found = lines(service)
    path.write_bytes(b"".join(found[:seq]))


def _unreadable(audited: Audited, tamper: Callable[[Service, int], None]) -> bool:
    """Nobody reads over the hole that a cut leaves, once the service has written behind it; this is said."""
    return tamper is cut and audited.state.chain.trouble == "unreadable"


@pytest.mark.parametrize(
    ("tamper", "behind", "what", "where"),
    [
        (changed, 20, DAMAGED, 20),
        (removed, 20, DAMAGED, 20),
        (rewritten, -5, REPLACED, 0),
        (rewritten, 20, DAMAGED, None),
        (cut, -5, GONE, 0),
        (cut, 5, (MISSING, DAMAGED), 5),
    ],
    ids=["changed", "removed", "rewritten before", "rewritten behind", "cut before", "cut behind"],
)
def test_what_is_done_to_the_journal_is_seen(
    tmp_path: Path, tamper: Callable[[Service, int], None], behind: int, what: str | tuple[str, ...], where: int | None
) -> None:
    """`behind`, `where`: how far behind the last verified entry something is done, and seen; None: with the next one
    that the service writes, which knows the links that it wrote itself. `what`: one of these, by whether it has written
    on by then."""

    async def scene(service: Service) -> None:
        async with Audited(service) as audited:
            await busy(audited, service)
            seq = await audited.caught_up()
            audited.looking = False
            await busy(audited, service)
            tamper(service, seq + behind)
            audited.looking = True
            await audited.until(lambda: audited.state.chain.fault is not None or _unreadable(audited, tamper))
            if audited.state.chain.fault is None:  # the service wrote behind the hole before anybody looked
                assert audited.state.chain.seq <= seq + max(0, behind)
                return
            fault: Any = audited.state.chain.fault
            assert fault.what in what
            assert fault.seq == seq + where if where is not None else fault.seq > seq + behind
            if tamper is not cut:  # after a cut the service writes on behind a hole, over which nobody reads
                await audited.until(lambda: audited.state.chain.seq > fault.seq)
                assert audited.state.chain.fault == fault

    with Service(tmp_path / "data") as service:
        asyncio.run(scene(service))


def test_a_damaged_line_is_a_fault_of_its_entry(tmp_path: Path) -> None:
    async def scene(service: Service) -> None:
        async with Audited(service) as audited:
            await busy(audited, service)
            seq = await audited.caught_up()
            audited.looking = False
            await busy(audited, service)
            path, found = lines(service)
            found[seq + 20] = found[seq + 20].replace(b"\t", b" ")
            path.write_bytes(b"".join(found))
            audited.looking = True
            await audited.until(lambda: audited.state.chain.fault is not None)
            fault: Any = audited.state.chain.fault
            assert (fault.seq, fault.what) == (seq + 20, DAMAGED)
            await audited.until(lambda: audited.state.chain.seq > fault.seq)

    with Service(tmp_path / "data") as service:
        asyncio.run(scene(service))


@pytest.mark.parametrize(
    "token",
    [
        tokens.token("a", "admin:*", clearance="confidential"),
        tokens.token("a", "admin:global", clearance="secret"),
        "nothing",
    ],
    ids=["clearance", "permission", "none"],
)
def test_a_token_that_may_not_read_all_is_said_to_be_so(tmp_path: Path, token: str) -> None:
    async def scene(service: Service) -> None:
        async with Audited(service, token) as audited:
            await audited.until(lambda: audited.state.chain.trouble == "rights")
            assert audited.state.chain.seq == 0

    with Service(tmp_path / "data") as service:
        asyncio.run(scene(service))


def test_behind_a_balancer_the_journal_of_one_node_is_followed(tmp_path: Path) -> None:
    """Each call reaches another node; the page names the one whose journal it is about."""

    async def scene(first: Service, second: Service) -> None:
        ports = cycle([first.port, second.port])

        async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            answers, requests = await asyncio.open_connection("127.0.0.1", next(ports))
            try:
                await asyncio.gather(_copied(reader, requests), _copied(answers, writer))
            finally:
                requests.close()

        async with serving(served) as port:
            address = f"http://127.0.0.1:{port}"
            async with Audited(first, address=address) as audited:
                await audited.until(lambda: audited.state.chain.seq > 0)
                name = audited.state.chain.node
                followed = first if name == "n1" else second
                api = ServiceApi(followed.http)
                for number in range(5):
                    answer = await api.call("POST", f"/v1/users/u{number}/disconnect", tokens.operator(), {})
                    assert answer.ok
                await api.close()
                await audited.until(lambda: len(audited.state.audit_events) >= 5)
                chain = audited.state.chain
                assert (chain.node, chain.fault, chain.writable) == (name, None, None)
                await audited.until(lambda: not audited.state.chain.trouble)
                await asyncio.to_thread(followed.stop)
                await audited.until(lambda: audited.state.chain.trouble in ("other_node", "unreached"))
                assert audited.state.chain.fault is None

    with Service(tmp_path / "one", {"node.id": "n1"}) as first, Service(tmp_path / "two", {"node.id": "n2"}) as second:
        asyncio.run(scene(first, second))


async def _copied(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
        writer.close()
