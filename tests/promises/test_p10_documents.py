"""P10: whoever edits a document together ends with one text; nothing acknowledged is lost or there twice.

Eight people with the SDK, on lines that break, in Arabic, English and emoji, with cursors and undo, while the service
is killed again and again. What the algorithm does in any order of messages is shown in `tests/ot` and `tests/sdk`;
here the processes, the sockets and the disk are real.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections import defaultdict
from functools import partial
from pathlib import Path

import msgspec

from dossier_realtime.client import Backoff, DocumentEditor, DossierRealtimeClient
from dossier_realtime.ot.units import splits_pair, to_units
from dossier_realtime.protocol.events import Event
from dossier_realtime.protocol.responses import OperationAck
from tests.harness.eventually import HANG_SECONDS
from tests.harness.service import Overrides, Service
from tests.harness.wire import Client, Message
from tests.promises.conftest import Report, Sized
from tests.promises.load_clients import (
    CROWD,
    run,
    until,
)
from tests.promises.proxy import Proxy
from tests.sdk.document_service import Mirror

PEOPLE = 8
AHEAD = 60  # edits that nobody has confirmed, after which a person waits: enough for a long time offline
PAPER = "document:p10"
SETTINGS: Overrides = {**CROWD, "limits.edit": 1_000_000, "limits.cursor": 1_000_000, "history.events": 1_000_000}
TRANSLATIONS = ("the ", "brief ", "مذكرة ", "تفاهم ", "😀", "🇸🇦", "é", "\n", "a", "ب")
MARK = re.compile("[\u4e00-\ua000]")
"""Each is typed once, by one person, and never deleted on purpose: what is lost or doubled shows in the text itself."""


class Author:
    """One person. The first half of them leaves marks; the others delete, format and take back what they did."""

    def __init__(self, number: int, client: DossierRealtimeClient) -> None:
        self.client = client
        self.document: DocumentEditor = client.document("p10")
        self.marks: list[str] = []
        self.acked: dict[str, int] = {}
        self.mirror = Mirror()
        self.faults: list[Exception] = []
        self.dice = random.Random(number)  # noqa: S311  the same dice each run, no secret
        self._number = number
        self.document.on_change(self.mirror.follow)
        self.document.on_error(self.faults.append)
        client.on_error(lambda error: None)  # connections fail here, on purpose
        client.subscribe(PAPER, on_message=self._told)

    def _told(self, event: Event) -> None:
        if isinstance(event, OperationAck):
            self.acked.setdefault(event.payload.op_id or "", event.payload.version)

    async def write(self, over: asyncio.Event) -> None:
        """Edit until it is over, connected or not."""
        await self.document.ready()
        ahead = 0
        while not over.is_set():
            self._act()
            ahead = 0 if self.document.synced else ahead + 1
            if ahead > AHEAD:
                await self.document.wait_synced()
            await asyncio.sleep(self.dice.expovariate(1 / 0.05))

    def _act(self) -> None:
        document, dice = self.document, self.dice
        units = to_units(document.text)
        start, end = sorted(self._edge(units, dice.randint(0, len(units))) for _ in range(2))
        end = self._edge(units, min(end, start + dice.randint(0, 12)))
        what = dice.random()
        if self._number < PEOPLE // 2 and what < 0.4:
            mark = chr(0x4E00 + self._number + PEOPLE * len(self.marks))
            self.marks.append(mark)
            document.insert(start, mark)
        elif what < 0.6:
            document.insert(start, dice.choice(TRANSLATIONS))
        elif what < 0.75 and start < end and not MARK.search(units[start:end]):
            document.delete(start, end - start)
        elif what < 0.8 and start < end:
            document.format(start, end - start, bold=dice.choice((True, None)), heading=dice.choice((1, None)))
        elif self._number >= PEOPLE // 2 and what < 0.88:
            dice.choice((document.undo, document.undo, document.redo))()
        if dice.random() < 0.3:
            document.move_cursor(self._edge(to_units(document.text), dice.randint(0, document.length)))

    @staticmethod
    def _edge(units: str, place: int) -> int:
        return place - splits_pair(units, place)


def test_p10_eight_people_end_with_one_text_over_kills_and_broken_lines(
    tmp_path: Path, report: Report, sized: Sized
) -> None:
    kills = sized(6, 200)
    with Service(tmp_path / "data", SETTINGS) as service:
        figures = run(_edit_and_kill(service, kills))
        service.assert_log_clean()
    report(figures)


async def _edit_and_kill(service: Service, kills: int) -> str:
    over, resets, dice = asyncio.Event(), 0, random.Random(10)  # noqa: S311  likewise
    async with Proxy(service, delay=0.003) as proxy:
        authors = [Author(number, _client(service, proxy, f"author{number}")) for number in range(PEOPLE)]
        try:
            await asyncio.gather(*(author.client.connect() for author in authors))
            writing = [asyncio.create_task(author.write(over)) for author in authors]
            for _ in range(kills):
                for _ in range(2):
                    await _more_versions(authors, 40)
                    await asyncio.sleep(dice.random() / 20)
                    resets += proxy.reset()
                await _more_versions(authors, 40)
                await asyncio.to_thread(service.kill)
                resets += proxy.reset()  # as the kernel does: nobody answers for a process that is gone
                await asyncio.to_thread(service.start)
            over.set()
            await asyncio.gather(*writing)
            await asyncio.gather(*(author.document.wait_synced(HANG_SECONDS) for author in authors))
            found = await _kept(service)
            await until(lambda: all(author.document.version == found["version"] for author in authors))
            _everybody_has(authors, found)
            committed = await _log(service, found["version"])
            acked = _each_once(authors, committed)
        finally:
            for author in authors:
                await author.client.close()
    marks = sum(len(author.marks) for author in authors)
    return (
        f"{PEOPLE} people, {kills} kills, {resets} lines broken, {found['version']} versions, {acked} acknowledged"
        f" operations, {marks} marks: one text everywhere, each operation once"
    )


def _client(service: Service, proxy: Proxy, user: str) -> DossierRealtimeClient:
    token = service.token(user, "write:document:*")
    return DossierRealtimeClient(token, proxy.url, backoff=Backoff(base=0.05, cap=0.3))


async def _more_versions(authors: list[Author], count: int) -> None:
    """The editing has gone on by so much, and everybody is there again."""
    wanted = max(author.document.version for author in authors) + count
    await until(partial(_all_have, authors, wanted), step=0.005)


def _all_have(authors: list[Author], version: int) -> bool:
    return all(author.document.version >= version for author in authors)


def _everybody_has(authors: list[Author], found: Message) -> None:
    for author in authors:
        document = author.document
        assert author.faults == []
        assert document.text == found["content"], f"{author.client.user_id} has another text"
        assert msgspec.to_builtins(document.formatting) == found["format"]
        assert author.mirror.document.content == document.text, "the changes do not make the text"
        for mark in author.marks:
            assert found["content"].count(mark) == 1, f"{mark} is lost or doubled"


async def _kept(service: Service) -> Message:
    """The document as HTTP shows it."""
    token = service.token("reader", "read:document:*")
    status, body = await asyncio.to_thread(service.get, "/v1/documents/p10", token)
    assert status == 200, body
    found: Message = json.loads(body)
    return found


async def _log(service: Service, version: int) -> dict[str, list[int]]:
    """The versions of each `op_id`, as a subscription from the beginning tells them."""
    reader = await Client.connect(service, service.token("reader", "read:document:*"))
    answer = await reader.subscribe(PAPER, since={"version": 0})
    assert answer["recovered"] is True
    committed: dict[str, list[int]] = defaultdict(list)
    for number in range(1, version + 1):
        payload = (await reader.receive("remote_operation"))["payload"]
        assert payload["version"] == number
        committed[payload["op_id"]].append(number)
    await reader.close()
    return committed


def _each_once(authors: list[Author], committed: dict[str, list[int]]) -> int:
    """Parts of an operation stand together, the last is what was acknowledged; how many were."""
    for op_id, versions in committed.items():
        assert versions == list(range(versions[0], versions[0] + len(versions))), f"{op_id} is there twice: {versions}"
    acked = {op_id: version for author in authors for op_id, version in author.acked.items()}
    settled = 0
    for op_id, version in acked.items():
        if op_id in committed:  # of the others nothing was left to do
            assert committed[op_id][-1] == version, f"{op_id} was acknowledged as {version}"
            settled += 1
    assert settled > len(acked) * 0.8
    return len(acked)
