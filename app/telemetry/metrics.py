"""Counters as plain integers, shown to Prometheus when it asks: counting costs nothing worth measuring.

Labels are words of the protocol (message types, rules, close codes), never names of users or channels, so their
number is bounded whatever clients send.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from dossier_realtime.protocol.inbound import InboundMessage, event_type

from .latency import LastMinute

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Gauge:
    """A number that goes up and down."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0.0

    def set(self, value: float) -> None:
        self.value = value


class Histogram:
    """How long something took, in seconds, since the start."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(_BUCKETS) + 1)
        self.total = 0.0

    def observe(self, seconds: float, count: int = 1) -> None:
        """Count `count` durations of so many seconds."""
        self.total += seconds * count
        self.counts[bisect_left(_BUCKETS, seconds)] += count

    def family(self, name: str, text: str) -> HistogramMetricFamily:
        """Return it as Prometheus reads it."""
        total, buckets = 0, []
        for bound, count in zip((*map(str, _BUCKETS), "+Inf"), self.counts, strict=True):
            total += count
            buckets.append((bound, total))
        return HistogramMetricFamily(name, text, buckets=buckets, sum_value=self.total)


class Metrics(Collector):
    """What a node counts."""

    def __init__(self) -> None:
        self.connections = Gauge()
        self.loop_lag = Gauge()
        self.messages: Counter[tuple[str, str]] = Counter()
        self.refusals: Counter[str] = Counter()
        self.closes: Counter[int] = Counter()
        self.requests: Counter[tuple[str, int]] = Counter()
        self.totals: Counter[str] = Counter()
        self.publish_seconds = Histogram()
        self.delivery_seconds = Histogram()
        self.delivery_minute = LastMinute()
        self._gauges: dict[str, tuple[str, Callable[[], float]]] = {}
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def gauge(self, name: str, text: str, read: Callable[[], float]) -> None:
        """A number that somebody else knows."""
        self._gauges[name] = (text, read)

    def received(self, command: object | None, rule: str) -> None:
        """A message came in."""
        self.messages[message_name(command), "refused" if rule else "accepted"] += 1
        if rule:
            self.refusals[rule] += 1

    def sent(self) -> None:
        self.totals["sent"] += 1

    def delivered(self, receivers: int) -> None:
        self.totals["publications"] += 1
        self.totals["deliveries"] += receivers

    def opened(self) -> None:
        self.totals["opened"] += 1

    def closed(self, code: int) -> None:
        self.closes[code if code in _KNOWN_CODES or 4000 <= code <= 4999 else 0] += 1

    def conflated(self, count: int) -> None:
        self.totals["conflated"] += count

    def text(self) -> bytes:
        """The Prometheus exposition."""
        return bytes(generate_latest(self._registry))

    def collect(self) -> Iterable[Any]:
        yield _gauge("dossier_connections", "Open connections", self.connections.value)
        yield _gauge("dossier_loop_lag_seconds", "By how much the last tick came late", self.loop_lag.value)
        for name, (text, read) in self._gauges.items():
            yield _gauge(name, text, read())
        for name, (text, key) in _TOTALS.items():
            yield CounterMetricFamily(name, text, value=self.totals[key])
        yield _counter("dossier_messages_received", "Messages", ("type", "outcome"), self.messages)
        yield _counter("dossier_refusals", "Refused messages by the rule that refused", ("rule",), self.refusals)
        yield _counter("dossier_connections_closed", "Closed connections by code", ("code",), self.closes)
        yield _counter("dossier_http_requests", "HTTP requests", ("method", "status"), self.requests)
        text = "From accepting a publish to its being durable and queued for its receivers"
        yield self.publish_seconds.family("dossier_publish_seconds", text)
        text = "From accepting a published event or an edit to the kernel taking it for a receiver"
        yield self.delivery_seconds.family("dossier_delivery_seconds", text)


_TOTALS = {
    "dossier_sessions_opened": ("Authenticated sessions, resumed ones included", "opened"),
    "dossier_messages_sent": ("Messages to one connection alone", "sent"),
    "dossier_events_published": ("Events accepted and made durable, from the socket and over HTTP", "published"),
    "dossier_edits": ("Edits of documents that were acknowledged", "edits"),
    "dossier_publications": ("Fan-outs: published events and changes of presence", "publications"),
    "dossier_deliveries": ("Frames that fan-outs queued for connections", "deliveries"),
    "dossier_messages_conflated": ("Queued messages that gave way to a later one", "conflated"),
    "dossier_tokens_refused": ("Tokens that were not good", "tokens_refused"),
}
_KNOWN_CODES = frozenset({1000, 1001, 1002, 1003, 1005, 1006, 1007, 1009, 1011, 1012, 1013})
_names: dict[type, str] = {}


def message_name(command: object | None) -> str:
    """The wire type of a decoded command; `unknown` for what could not be decoded."""
    if command is None:
        return "unknown"
    struct: Any = event_type(command.event) if isinstance(command, InboundMessage) else type(command)
    name = _names.get(struct)
    if name is None:
        name = _names[struct] = str(struct.__struct_config__.tag)
    return name


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)


def _counter(name: str, text: str, labels: tuple[str, ...], counts: Counter[Any]) -> CounterMetricFamily:
    family = CounterMetricFamily(name, text, labels=labels)
    for key, count in counts.items():
        values = key if isinstance(key, tuple) else (key,)
        family.add_metric([str(value) for value in values], count)
    return family
