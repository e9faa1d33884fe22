"""P31: a recording shows what each client saw and said, frame for frame, over reconnects, recoveries and overload."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from app.core.ratelimit import Limits, RateLimiter
from app.core.reevaluate import Reevaluation
from app.core.sessions.deadlines import SessionLimits
from app.journal.exports.export import Archive
from app.journal.exports.selection import Selection
from app.journal.signatures.signing import Signer
from dossier_realtime.archive import open_export, open_journal
from dossier_realtime.protocol import codec
from dossier_realtime.protocol.classification import ChannelPolicy
from dossier_realtime.protocol.inbound import encode_inbound
from dossier_realtime.recording.reading import cut
from dossier_realtime.recording.recording import Recording
from dossier_realtime.recording.replay.transcript import Frame
from tests.harness.eventually import HANG_SECONDS
from tests.harness.service import Service
from tests.harness.wire import (
    Client,
    Message,
    Raw,
)
from tests.harness.wire import Frame as Wire
from tests.node.rfc6455_cases import TEXT
from tests.promises.conftest import Report, Sized

BUSY = {
    **{f"limits.{name}": 100_000 for name in ("general", "edit", "cursor", "ping", "read")},
    "limits.connections_per_user": 1_000,
    "limits.handshakes_per_second": 10_000,
    "outbox.max_messages": 60,
}
LIMITS = Limits(*[100_000] * 5)
CLASSIFICATION = [("dossier:secret:*", "secret"), ("global", "public")]
DOSSIERS = [f"dossier:country:{name}" for name in ("SA", "EG", "MA")]
DOCUMENTS = ["document:strategy", "document:minutes"]
RIGHTS = ("write:dossier:*", "write:document:*", "write:workspace:*", "write:user:*", "write:relationship:*")
SMALL = 65_536  # bytes that a slow reader's kernel takes


class _Kept(Raw):
    """A connection that keeps each text frame it reads."""

    frames_kept: list[bytes]

    async def frame(self, timeout_seconds: float = HANG_SECONDS) -> Wire | None:
        one = await super().frame(timeout_seconds)
        if one is not None and one.opcode == TEXT:
            self.frames_kept.append(one.payload)
        return one


class Life(NamedTuple):
    """One connection of a client: what it received and sent, and whether it ended with every byte read."""

    session: str
    received: list[bytes]
    sent: list[bytes]
    whole: bool


class Keeper(Client):
    """A client that keeps what it received and sent."""

    sent: list[bytes]

    @classmethod
    async def enter(cls, service: Service, user: str, session: str | None = None, *, receive_buffer: int = 0) -> Keeper:
        raw = await _Kept.upgraded(service)
        if receive_buffer:
            sock = raw._writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        raw.frames_kept = []
        client = cls(raw)
        client.sent = []
        await client.authenticate(service.token(user, *RIGHTS), session)
        return client

    async def send(self, *messages: Message | str | bytes) -> None:
        for message in messages:
            frame = msgspec.json.encode(message) if isinstance(message, dict) else message
            self.sent.append(frame.encode() if isinstance(frame, str) else frame)
        await super().send(*messages)

    def life(self, *, whole: bool) -> Life:
        assert isinstance(self.raw, _Kept)
        return Life(self.login["session_id"], self.raw.frames_kept, [*map(kept, self.sent[1:])], whole)  # no token


def kept(frame: bytes) -> bytes:
    """Return the part of a frame that the journal keeps: the decoded message, of a malformed one its digest."""
    try:
        return encode_inbound(codec.decode_command(frame))
    except codec.InvalidMessage:
        return cut(frame)


def update(channel: str, padding: int = 0) -> Message:
    changed = ["f" * 60] * (padding // 62)
    payload = {"entity_type": "country", "entity_id": "SA", "operation": "update", "fields_changed": changed}
    return {"type": "dossier_update", "channel": channel, "payload": payload}


async def acts(client: Keeper, rng: random.Random) -> None:
    """The acts of people, some of them wrong."""
    document = rng.choice(DOCUMENTS)
    places: dict[str, Any] = {}
    version = (await client.subscribe(document, include_presence=rng.random() < 0.5))["document"]["version"]
    for channel in rng.sample(DOSSIERS, 2):
        places[channel] = (await client.subscribe(channel, include_presence=rng.random() < 0.7))["position"]
    for _ in range(rng.randrange(6, 14)):
        channel = rng.choice(DOSSIERS)
        messages: list[Message | str] = [
            update(channel),
            {
                "type": "edit_operation",
                "channel": document,
                "payload": {"operation_type": "insert", "position": 0, "version": version, "content": "ab"},
            },
            {"type": "cursor_position", "channel": document, "payload": {"position": 0}},
            {"type": "presence_update", "channel": document, "payload": {"activity": "editing", "field": "title"}},
            {"type": "ping"},
            '{"type":"nonsense"}',
            {"type": "subscribe", "channel": "dossier:secret:X"},
            {"type": "unsubscribe", "channel": channel},
            {"type": "subscribe", "channel": channel, "params": {"include_presence": rng.random() < 0.5}},
        ]
        await client.send(*rng.choices(messages, k=rng.randrange(1, 4)))
        await asyncio.sleep(rng.random() * 0.02)
    for channel, place in places.items():
        await client.send({"type": "subscribe", "channel": channel, "params": {"since": place}})


async def person(service: Service, number: int, lives: list[Life]) -> None:
    """A session over one to three connections, ended in every way there is."""
    rng = random.Random(number)  # noqa: S311  a scene, no secret
    session = None
    for _ in range(rng.randrange(1, 4)):
        client = await Keeper.enter(service, f"u{number % 30}", session)
        session = client.login["session_id"]
        await acts(client, rng)
        whole = rng.random() < 0.7
        if whole:
            await client.close()
        else:
            await client.drop()
        lives.append(client.life(whole=whole))


def judge(recording: Recording, lives: list[Life]) -> tuple[int, int]:
    """Compare each life with its transcript; how many frames were received, and how many lives were compared."""
    frames = 0
    for session in {life.session for life in lives}:
        by_connection: dict[str, list[Frame]] = {}
        for frame in recording.transcript(session):
            by_connection.setdefault(frame.connection, []).append(frame)
        mine = [life for life in lives if life.session == session]
        assert len(by_connection) == len(mine), (session, list(by_connection))
        for life, told in zip(mine, by_connection.values(), strict=True):
            received = [frame.frame for frame in told if frame.direction == "received"]
            sent = [frame.frame for frame in told if frame.direction == "sent"]
            assert sent[0] is None, "the token is kept"
            if life.whole:
                assert received == life.received
                assert sent[1:] == life.sent
            else:  # what was in the network's hands when the client let go, only the network knows
                assert received[: len(life.received)] == life.received
                assert sent[1:] == life.sent[: len(sent) - 1]
            frames += len(life.received)
    return frames, len(lives)


def played(service: Service, play: Callable[[list[Life]], Coroutine[Any, Any, None]]) -> tuple[Recording, list[Life]]:
    lives: list[Life] = []
    with service:
        asyncio.run(play(lives))
    service.assert_log_clean()
    recording = open_journal(service.data / "journal", clearance="secret")
    assert recording.verify().ok
    return recording, lives


def test_a_transcript_equals_what_the_client_itself_kept(tmp_path: Path, report: Report, sized: Sized) -> None:
    service = Service(tmp_path / "data", BUSY)
    people = sized(100, 1_000)

    async def play(lives: list[Life]) -> None:
        for wave in range(0, people, 25):
            async with asyncio.TaskGroup() as group:
                for number in range(wave, wave + 25):
                    group.create_task(person(service, number, lives))

    recording, lives = played(service, play)
    frames, connections = judge(recording, lives)
    run = Reevaluation(ChannelPolicy(CLASSIFICATION), lambda: RateLimiter(LIMITS), SessionLimits())
    assert [difference for entry in recording.entries() for difference in run.take(entry)] == []
    assert sum(life.whole for life in lives) > people
    assert frames > 10 * people
    report(f"{people} sessions, {connections} connections, {frames} frames received: equal; {run.judged} judged again")


def progress(number: int) -> Message:
    payload = {"stage": "generating", "progress": number % 100, "message": {"en": "x" * 490, "ar": "م" * 490}}
    return {
        "type": "brief_generation_progress",
        "channel": "user:slow",
        "request_id": f"r{number % 3}",
        "payload": payload,
    }


def partial(service: Service, hidden: str) -> Recording:
    """The view of an analyst without rights to one channel."""
    lines = Archive(service.data / "journal", "test", Signer(service.data)).export(
        Selection(),
        made_at=0.0,
        made_by="analyst",
        clearance="internal",
        level_of=lambda name: "secret" if name == hidden else "internal",
    )
    file = service.data / "partial.ndjson"
    with file.open("wb") as target:
        target.writelines(lines)
    return open_export(file)


def _is_open(service: Service, client: Keeper) -> bool:
    """Return whether the service has not decided to close the client's session."""
    rows = msgspec.json.decode(service.get("/v1/sessions", service.token("operator", "admin:*"))[1])["sessions"]
    return client.login["session_id"] in [row["session_id"] for row in rows]


def test_what_gave_way_and_what_never_left_is_not_in_the_transcript(tmp_path: Path, report: Report) -> None:
    service = Service(tmp_path / "data", BUSY)

    async def play(lives: list[Life]) -> None:
        reader = await Keeper.enter(service, "slow", receive_buffer=SMALL)
        await reader.subscribe(DOSSIERS[0], include_presence=True)
        await reader.settle()
        writer = await Client.connect(service, service.token("writer", *RIGHTS))
        for _ in range(2):
            reader.pause()
            for number in range(1_000):  # each gives way to the next of its kind
                await writer.send(progress(number))
                if number % 50 == 0:
                    await writer.ask(update(DOSSIERS[0]))
            reader.resume()
            await reader.settle()
        reader.pause()
        while _is_open(service, reader):
            for _ in range(10):  # these do not
                await writer.ask(update(DOSSIERS[0], 6_000))
        reader.resume()
        await reader.expect_close(4000, 1006)  # the close frame waits 3 s for whoever does not read
        await reader.close()
        lives.append(reader.life(whole=reader.closed is not None and reader.closed[0] == 4000))
        await writer.close()

    recording, lives = played(service, play)
    frames, _ = judge(recording, lives)
    session = lives[0].session
    conflated = recording.entries(kind="conflated", session=session)
    gave_way = [len(str(entry.header.detail["places"]).split()) for entry in conflated]
    (close,) = [entry.header.detail for entry in recording.entries(kind="close", session=session)]
    assert sum(gave_way) > 100
    assert close["unsent"]
    hidden = DOSSIERS[0]
    analyst = [frame.frame for frame in partial(service, hidden).transcript(session) if frame.frame]
    told = [frame.frame for frame in recording.transcript(session) if frame.frame and frame.channel != hidden]
    assert hidden.encode() not in b"".join(analyst)
    assert analyst == told
    report(f"{frames} frames received, {sum(gave_way)} gave way, {close['unsent']} never left: equal")
