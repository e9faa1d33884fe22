"""Many people on bad networks, as one deterministic program: a seed is a schedule, and a failing seed replays.

Chance decides whose message moves next, so every latency and every crossing of messages occurs. A connection that
breaks loses what was under way to the client, so acknowledgements are lost; what was under way to the server may
still arrive there, long after the client came back on another connection. Operations are resent, logs are
compacted, clients work offline and join late. In the end everybody connects and everything is delivered.

Every second schedule only inserts, each character once in the world: what is lost or doubled is then seen in the
text itself.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field

from msgspec import Struct

from dossier_realtime.ot import collab
from dossier_realtime.ot.cursor import transform_position
from dossier_realtime.ot.document import Document, apply
from dossier_realtime.ot.flat import write_remote
from dossier_realtime.ot.operations import Insert, Operation, Retain
from dossier_realtime.ot.undo.history import History
from dossier_realtime.ot.units import splits_pair, to_units
from dossier_realtime.protocol.commands import EditPayload
from dossier_realtime.protocol.events import RemoteOperationPayload
from dossier_realtime.protocol.responses import OperationAckPayload
from tests.ot.random_operations import Chance, operation_of

BEGINNING = "aé😀\nم b"


class Subscribe(Struct):
    """To the server. `since`: the version that the client has; None asks for the whole text."""

    since: int | None


class Whole(Struct):
    """To the client: the text, and nothing before it counts."""

    version: int
    document: Document


class CaughtUp(Struct):
    """To the client: what it missed follows."""


class Conflict(Struct):
    """To the client: VERSION_CONFLICT for an operation."""

    op_id: str


ToServer = Subscribe | EditPayload
ToClient = Whole | CaughtUp | Conflict | RemoteOperationPayload | OperationAckPayload


@dataclass(eq=False)
class Connection:
    """Messages under way, in order on each side."""

    up: deque[ToServer] = field(default_factory=deque)
    down: deque[ToClient] = field(default_factory=deque)
    open: bool = True
    subscribed: bool = False


class Server:
    """The server half on a document in memory. `forgets`: op ids live no longer than the log."""

    def __init__(self, world: World, keep: int, *, forgets: bool) -> None:
        self.world = world
        self.keep = keep
        self.forgets = forgets
        self.document = Document.of(BEGINNING)
        self.log = collab.Log()
        self.committed: list[tuple[str, Operation]] = []
        self.settled: dict[str, int] = {}
        self.connections: list[Connection] = []

    def receive(self, connection: Connection, message: ToServer) -> None:
        if isinstance(message, Subscribe):
            self._subscribe(connection, message.since)
        else:
            self._edit(connection, message)

    def known(self, op_id: str) -> int | None:
        """Return the version as which an operation was settled before."""
        return self.settled.get(op_id)

    def compact(self) -> None:
        self.log.compact(self.keep)
        if self.forgets:
            self.settled = {op_id: version for op_id, version in self.settled.items() if version > self.log.start}

    def _subscribe(self, connection: Connection, since: int | None) -> None:
        connection.subscribed = True
        try:
            missed = self.log.since(-1 if since is None else since)
        except collab.VersionConflict:
            connection.down.append(Whole(self.log.tip, self.document))
            return
        connection.down.append(CaughtUp())
        for version, part in enumerate(missed, self.log.tip - len(missed) + 1):
            connection.down.append(self._remote(version, part))

    def _edit(self, connection: Connection, payload: EditPayload) -> None:
        op_id = payload.op_id or ""
        version = self.known(op_id)
        self.world.met["sent twice"] += version is not None
        if version is None:
            try:
                made, self.document = collab.receive(payload, self.document, self.log)
            except collab.VersionConflict:
                connection.down.append(Conflict(op_id))
                return
            self.world.met[f"{min(len(made), 2)} parts"] += 1
            for part in made:
                self.log.append(part)
                self.committed.append((op_id, part))
                for other in self.connections:
                    if other is not connection and other.subscribed:
                        other.down.append(self._remote(self.log.tip, part))
            version = self.settled[op_id] = self.log.tip
        connection.down.append(OperationAckPayload(version=version, op_id=op_id))

    def _remote(self, version: int, part: Operation) -> RemoteOperationPayload:
        return write_remote(part, version, "u1", "Ann", self.committed[version - 1][0])


class Client:
    """The client half, as an SDK drives it."""

    def __init__(self, name: str, world: World) -> None:
        self.name = name
        self.world = world
        self.pending: collab.Pending | None = None
        self.history = History()
        self.caret = 0
        self.connection: Connection | None = None
        self.ready = False  # the answer to the subscription has come
        self.doubtful = False  # loaded anew while an operation was in flight
        self.acknowledged: dict[str, int] = {}
        self._sent = 0

    def connect(self) -> None:
        self.connection = Connection()
        self.world.server.connections.append(self.connection)
        whole = self.pending is None or self.world.chance.happens(0.1)
        self._subscribe(None if whole or self.pending is None else self.pending.version)

    def lose_connection(self) -> None:
        assert self.connection is not None
        self.connection.open = False
        self.connection.down.clear()
        for _ in range(self.world.chance.below(len(self.connection.up) + 1)):
            self.connection.up.pop()
        self.connection, self.ready = None, False

    def receive(self, message: ToClient) -> None:
        if isinstance(message, Whole):
            self._load(message)
        elif isinstance(message, CaughtUp):
            self._begin()
        elif self.ready and self.pending is not None:
            try:
                self._follow(self.pending, message)
            except collab.OutOfStep as wrong:
                if not self.doubtful:
                    raise AssertionError(f"{self.name} is out of step: {wrong}") from wrong
                self.world.met["out of step after loading"] += 1
                self._subscribe(None)
                return
        self.send()

    def send(self) -> None:
        if self.ready and self.connection is not None and self.pending is not None:
            payload = self.pending.send(f"{self.name}.{self._sent}")
            if payload is not None:
                self._sent += 1
                self.doubtful = False
                self.connection.up.append(payload)

    def edit(self, operation: Operation) -> None:
        assert self.pending is not None
        self.history.edited(operation, self.pending.local)
        self.make(operation)

    def undo(self) -> None:
        assert self.pending is not None
        step = self.history.undo(self.pending.local)
        if step is not None:
            self.world.met["undone"] += 1
            self.make(step.operation)
            step.done()

    def make(self, operation: Operation) -> None:
        assert self.pending is not None
        self.pending.edit(operation)
        self.caret = transform_position(self.caret, operation, own=True)
        self.send()

    def _load(self, message: Whole) -> None:
        if self.pending is None:
            self.pending = collab.Pending(message.document, message.version)
        else:
            self.doubtful = self.pending.in_flight is not None
            self.world.met["loaded anew in flight" if self.doubtful else "loaded anew"] += 1
            self._changed(self.pending.reload(message.document, message.version))
        self._begin()

    def _begin(self) -> None:
        """Take the answer to a subscription, and send again the operation that was in flight."""
        self.ready = True
        if self.connection is not None and self.pending is not None and self.pending.in_flight is not None:
            self.connection.up.append(self.pending.in_flight)
            self.world.met["resent"] += 1

    def _follow(self, pending: collab.Pending, message: ToClient) -> None:
        if isinstance(message, RemoteOperationPayload):
            own = pending.in_flight is not None and message.op_id == pending.in_flight.op_id
            self.world.met["own came back"] += own
            self._changed(pending.remote(message))
        elif isinstance(message, OperationAckPayload):
            change = pending.acknowledged(message.op_id, message.version)
            self.world.met["copy taken out"] += change.changes
            self._changed(change)
            self.acknowledged[message.op_id or ""] = message.version
        elif isinstance(message, Conflict):
            self.world.met["conflict"] += 1
            if self.doubtful:
                self.world.forgotten.add(message.op_id)
            if pending.conflict(message.op_id):
                self._subscribe(None)

    def _changed(self, change: Operation) -> None:
        assert self.pending is not None
        self.history.changed(change)
        self.caret = transform_position(self.caret, change)
        assert not splits_pair(self.pending.local.text, self.caret)

    def _subscribe(self, since: int | None) -> None:
        assert self.connection is not None
        self.ready = False
        self.connection.up.append(Subscribe(since))


class World:
    """One schedule."""

    def __init__(self, seed: int) -> None:
        self.chance = Chance(seed)
        self.server = Server(self, keep=1 + self.chance.below(12), forgets=self.chance.happens(0.5))
        self.clients: list[Client] = []
        self.inserts_only = seed % 2 == 1
        self.inserted: list[str] = []
        self.met: Counter[str] = Counter()
        self.forgotten: set[str] = set()
        """Operations of which nobody knows any more whether a text that was loaded had them: a server that forgets
        their ids may have them twice, once never acknowledged."""
        for _ in range(2 + self.chance.below(4)):
            self._join()

    def run(self, steps: int = 100) -> None:
        """Play the schedule to its end; AssertionError where something does not hold."""
        for _ in range(steps):
            self._step()
        self._settle()
        self._check()

    def _step(self) -> None:
        client = self.chance.pick(self.clients)
        what = self.chance.below(100)
        if what < 35:
            self._edit(client)
        elif what < 80:
            self._deliver(1 + self.chance.below(5))
        elif what < 86 and client.connection is not None:
            client.lose_connection()
        elif what < 92 and client.connection is None:
            client.connect()
        elif what == 92 and len(self.clients) < 8:
            self._join()
        elif what == 93:  # the server's process is killed; what is committed stays
            for each in self.clients:
                if each.connection is not None:
                    each.lose_connection()
        elif what > 93:
            self.server.compact()

    def _join(self) -> None:
        client = Client(f"c{len(self.clients)}", self)
        self.clients.append(client)
        client.connect()

    def _edit(self, client: Client) -> None:
        if client.pending is None:
            return
        local = client.pending.local
        if self.inserts_only:
            client.edit(self._unheard_of(client, local))
        elif self.chance.happens(0.1):
            client.undo()
        else:
            client.edit(operation_of(self.chance.steps(3), local))

    def _unheard_of(self, client: Client, local: Document) -> Operation:
        """Return an insert of characters that nobody else inserts, at the caret or anywhere."""
        code = len(self.inserted)
        text = chr(0x4E00 + code) + chr(0x20000 + code)
        self.inserted.append(text)
        at = client.caret if self.chance.happens(0.5) else self.chance.below(local.length + 1)
        at -= splits_pair(local.text, at)
        return Operation.of(Retain(at), Insert(to_units(text)), Retain(local.length - at))

    def _deliver(self, most: int) -> bool:
        """Move up to `most` messages of one queue; False where nothing is under way."""
        queues: list[tuple[Connection, Client | None]] = [(c, None) for c in self.server.connections if c.up]
        queues += [(c.connection, c) for c in self.clients if c.connection is not None and c.connection.down]
        if not queues:
            return False
        connection, client = self.chance.pick(queues)
        for _ in range(most):
            if client is None:
                if connection.up:
                    self.server.receive(connection, connection.up.popleft())
                if not connection.open and not connection.up:
                    self.server.connections.remove(connection)
                    break
            elif connection.down:
                client.receive(connection.down.popleft())
        return True

    def _settle(self) -> None:
        for client in self.clients:
            if client.connection is None:
                client.connect()
        for _ in range(20_000):
            if not self._deliver(8):
                return
        raise AssertionError("Messages go round without end")

    def _check(self) -> None:
        """Everybody has the server's text; each acknowledged operation is in it once; nothing is lost."""
        server = self.server
        for client in self.clients:
            assert client.pending is not None
            assert client.pending.synced, f"{client.name} still has something to send"
            assert client.pending.version == server.log.tip, client.name
            assert client.pending.server == server.document, client.name
            assert client.pending.local == server.document, client.name
            for op_id, version in client.acknowledged.items():
                self._is_committed_once(op_id, version)
        text = Document.of(BEGINNING)
        for _, part in server.committed:
            text = apply(part, text)
        assert text == server.document, "the log does not make the text"
        self._nothing_is_lost_or_doubled(text.content)

    def _is_committed_once(self, op_id: str, version: int) -> None:
        at = [number for number, (name, _) in enumerate(self.server.committed, 1) if name == op_id]
        if at:
            assert at == list(range(version - len(at) + 1, version + 1)), f"{op_id} is not there once and whole"

    def _nothing_is_lost_or_doubled(self, content: str) -> None:
        most = 1 + len(self.forgotten) if self.server.forgets else 1
        if self.inserts_only:
            for text in self.inserted:
                for character in text:
                    count = content.count(character)
                    assert 1 <= count <= most, f"{character} is there {count} times"
