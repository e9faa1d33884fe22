"""Counters as plain integers, shown to Prometheus when it asks: counting costs nothing worth measuring.

Labels are words of the protocol (message types, rules, close codes), never names of users or channels: closed sets, and
each series is there from the start (`series.py`).
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from app.telemetry.latency import LastMinute
from app.telemetry.series import (
    CLOSE_CODES,
    ERROR_CODES,
    MESSAGE_TYPES,
    METHODS,
    OUTCOMES,
    REFUSAL_RULES,
    STATUSES,
    Series,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from dossier_realtime.protocol.errors import ErrorCode

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Gauge:
    """A number that goes up and down."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0.0

    def set(self, value: float) -> None:
        """Set the number."""
        self.value = value


class Histogram:
    """The durations of something, in seconds, since the start."""

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
    """The counters of a node."""

    def __init__(self) -> None:
        self.connections = Gauge()
        self.loop_lag = Gauge()
        self._messages = Series(type=MESSAGE_TYPES, outcome=OUTCOMES)
        self._refusals = Series(rule=REFUSAL_RULES)
        self._failures = Series(code=ERROR_CODES)
        self._closes = Series(code=CLOSE_CODES)
        self._requests = Series(method=METHODS, status=STATUSES)
        self.totals: Counter[str] = Counter()
        self.publish_seconds = Histogram()
        self.delivery_seconds = Histogram()
        self.delivery_minute = LastMinute()
        self._gauges: dict[str, tuple[str, Callable[[], float]]] = {}
        self._states: list[GaugeMetricFamily] = []
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def gauge(self, name: str, text: str, read: Callable[[], float]) -> None:
        """Register a number that `read` returns whenever metrics are asked for."""
        self._gauges[name] = (text, read)

    def state(self, name: str, text: str, label: str, words: Sequence[str], current: str) -> None:
        """Register a state that is one of a few words: a number for each, 1 for that of now and 0 for the others."""
        family = GaugeMetricFamily(name, text, labels=[label])
        for word in words:
            family.add_metric([word], float(word == current))
        self._states.append(family)

    def judged(self, name: str, rule: str) -> None:
        """Count a message whose outcome is known as soon as it was judged."""
        self._messages.count(name, "refused" if rule else "accepted")
        if rule:
            self.refused(rule)

    def settled(self, name: str, refused: ErrorCode | None) -> None:
        """Count a message whose outcome was known only when it was carried out; None: it was accepted."""
        self._messages.count(name, "accepted" if refused is None else "refused")
        if refused is not None:
            self._failures.count(refused)

    def refused(self, rule: str) -> None:
        """Count a refusal, or the end of a connection, by its rule."""
        self._refusals.count(rule)

    def requested(self, method: str, status: int) -> None:
        """Count an HTTP request that was answered."""
        self._requests.count(method, str(status))

    def sent(self) -> None:
        """Count a message that was sent."""
        self.totals["sent"] += 1

    def delivered(self, receivers: int) -> None:
        """Count a publication and its receivers."""
        self.totals["publications"] += 1
        self.totals["deliveries"] += receivers

    def opened(self) -> None:
        """Count a connection that was opened."""
        self.totals["opened"] += 1

    def closed(self, code: int) -> None:
        """Count a connection that was closed, by its code."""
        self._closes.count(str(code))

    def conflated(self, count: int) -> None:
        """Count frames that were replaced by later ones before they were sent."""
        self.totals["conflated"] += count

    def text(self) -> bytes:
        """Return the Prometheus exposition."""
        return bytes(generate_latest(self._registry))

    def collect(self) -> Iterable[Any]:
        """Yield every metric for Prometheus."""
        yield _gauge("dossier_connections", "Open connections", self.connections.value)
        yield _gauge("dossier_loop_lag_seconds", "By how much the last tick came late", self.loop_lag.value)
        yield from self._states
        for name, (text, read) in self._gauges.items():
            yield _gauge(name, text, read())
        for name, (text, key) in _TOTALS.items():
            yield CounterMetricFamily(name, text, value=self.totals[key])
        text = "Messages of clients by outcome: of those that take time, once they were carried out"
        yield _counter("dossier_messages_received", text, self._messages)
        yield _counter("dossier_refusals", "Refused messages by the rule that refused", self._refusals)
        text = "Messages that were judged good and refused when they were carried out, by the error code of the answer"
        yield _counter("dossier_refusals_later", text, self._failures)
        yield _counter("dossier_connections_closed", "Closed connections by code", self._closes)
        yield _counter("dossier_http_requests", "HTTP requests", self._requests)
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
    "dossier_pauses": ("Pauses of clients that were refused often: not read, or answered later", "pauses"),
    "dossier_tokens_refused": ("Tokens that were not good", "tokens_refused"),
}


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)


def _counter(name: str, text: str, series: Series) -> CounterMetricFamily:
    family = CounterMetricFamily(name, text, labels=series.labels)
    for values, count in series.items():
        family.add_metric(values, count)
    return family
