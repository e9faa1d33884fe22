"""The names of all keys in Redis.

What is committed together lies in one slot of a cluster: the keys of the log all carry the hash tag `{prefix}`. Live
state (presence, sessions, rates) carries a tag of its own for each channel or user, and so is spread over the cluster.
"""

from __future__ import annotations

from hashlib import blake2b


class RedisKeys:
    """The names that begin with one prefix. Two services with different prefixes share a server and nothing else."""

    def __init__(self, prefix: str) -> None:
        if not prefix or set(prefix) & set("{}"):
            raise ValueError(f"storage.redis_prefix is {prefix!r}: give it a name without braces")
        self.prefix = prefix
        self.log = f"{{{prefix}}}:"
        """The beginning of each key of the log; scripts that touch many of them get it as an argument."""

    # The log: one slot

    @property
    def meta(self) -> str:
        """A hash: `store`, the id from which epochs are derived; `commit`, the number of the last commit; `schema`."""
        return f"{self.log}meta"

    @property
    def channels(self) -> str:
        """A set: the channels whose present epoch has events."""
        return f"{self.log}channels"

    @property
    def begun(self) -> str:
        """A sorted set: the channels that ever had an event, by the number of the commit that began their epoch."""
        return f"{self.log}begun"

    @property
    def touched(self) -> str:
        """A sorted set: the channels that were changed in the last minutes, by the number of their last commit."""
        return f"{self.log}touched"

    def channel(self, channel: str) -> str:
        """Return the hash of a channel's head: `generation`, `offset`, `oldest`."""
        return f"{self.log}channel:{channel}"

    def events(self, channel: str, generation: int) -> str:
        """Return the stream of a channel's events in one epoch, each under the id `<offset>-0`."""
        return f"{self.log}events:{channel}:{generation}"

    def commits(self, node: str) -> str:
        """Return the stream of the places of a node's own commits, for its journal: ids `<number>-0`."""
        return f"{self.log}commits:{node}"

    def lane(self, lane: str) -> str:
        """Return the hash of a lane's answers that its node may not have received."""
        return f"{self.log}lane:{lane}"

    def idempotency(self, user_id: str, key: str) -> str:
        """Return the key of a user's idempotency key. A user id has no NUL: no two pairs are written alike."""
        named = blake2b(f"{user_id}\0{key}".encode(), digest_size=16).hexdigest()
        return f"{self.log}key:{named}"

    def operations(self, channel: str, generation: int) -> str:
        """Return the hash of the ids of edits of a document, by operation key."""
        return f"{self.log}ops:{channel}:{generation}"

    @property
    def operation_log(self) -> str:
        """A stream: the ids of edits of all documents in the order of their commits, the oldest of which go first."""
        return f"{self.log}ops"

    def snapshots(self, channel: str, generation: int) -> str:
        """Return the hash of a document's snapshots by version."""
        return f"{self.log}snapshots:{channel}:{generation}"

    def segments(self, channel: str, generation: int) -> str:
        """Return the hash of a document's packed versions, each pack by `<first>:<last>`."""
        return f"{self.log}segments:{channel}:{generation}"

    def named(self, channel: str, generation: int) -> str:
        """Return the hash of a document's named versions, by name."""
        return f"{self.log}named:{channel}:{generation}"

    @property
    def retired(self) -> str:
        """A hash: epochs that were replaced, `<channel>:<generation>`, and the last commit number of each."""
        return f"{self.log}retired"

    def record(self, kind: str, key: str) -> str:
        """Return the hash of a record: `body`, `revision`, `labels`, `order`, `due`, `expires`."""
        return f"{self.log}record:{kind}:{key}"

    def listed(self, kind: str, label: str) -> str:
        """Return the sorted set of a label's records: members `order NUL key`, all with score 0."""
        return f"{self.log}list:{kind}:{label}"

    def due(self, kind: str) -> str:
        """Return the sorted set of a kind's records by the time at which they are due."""
        return f"{self.log}due:{kind}"

    @property
    def expiry(self) -> str:
        """A sorted set: members `kind NUL key` of records by the time at which they may go."""
        return f"{self.log}expiry"

    # Hints: channels of pub/sub, in the slot of the log

    def hint(self, channel: str) -> str:
        """Return the pub/sub channel that says what was published on a channel."""
        return f"{self.log}hint:{channel}"

    def beat(self, lane: str) -> str:
        """Return the pub/sub channel on which a node hears its own beats."""
        return f"{self.log}beat:{lane}"

    # Live state: a slot for each channel or user

    def of_channel(self, channel: str, what: str) -> str:
        """Return a key of live state of a channel."""
        return f"{{{self.prefix}:c:{channel}}}:{what}"

    def of_user(self, user_id: str, what: str) -> str:
        """Return a key of live state of a user."""
        return f"{{{self.prefix}:u:{user_id}}}:{what}"

    def of_home(self, home: str, what: str) -> str:
        """Return a key of live state of one run of a node."""
        return f"{{{self.prefix}:h:{home}}}:{what}"

    def live(self, what: str) -> str:
        """Return a key of live state that is of no single channel or user."""
        return f"{{{self.prefix}:live}}:{what}"
