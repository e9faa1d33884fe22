"""Structured logs: one line an occurrence, no token, no payload.

Text that others wrote (a path, the message of an exception, a library's own line) cannot begin a line, move the cursor
or turn the text: control characters are made visible. Only a traceback has more lines, each of which begins with a bar.
"""

from __future__ import annotations

import logging
import math
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any, Literal, TextIO

import structlog

from dossier_realtime.protocol.plain_text import visible, without_tokens

if TYPE_CHECKING:
    from collections.abc import MutableMapping

_BAR = "  | "
_FORMATTERS = ("_record", "_from_structlog")  # fields that structlog hands on to its own formatter


def configure(level: str, form: Literal["console", "json"], stream: TextIO | None = None, *, worker: str = "") -> None:
    """Send every log, Tornado's and asyncio's included, to standard error (or `stream`) in one form.

    `worker`: the name of this process among several that write to one stream; each line has it.
    """
    stream = stream or sys.stderr

    def named(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        if worker:
            event["worker"] = worker
        return event

    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        named,
        safe,
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer() if form == "json" else structlog.dev.ConsoleRenderer(colors=stream.isatty())
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared[:3], structlog.stdlib.ExtraAdder(), *shared[3:]],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())


def safe(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Redact what looks like a token, and write visibly what would act, wherever it came from."""
    written: dict[str, Any] = {
        key if key in _FORMATTERS else redacted(str(key)): value if key in _FORMATTERS else _written(value)
        for key, value in event.items()
    }
    for name in ("exception", "stack"):
        if isinstance(event.get(name), str):
            written[name] = "\n".join(_BAR + redacted(line) for line in event[name].split("\n"))
    return written


def redacted(text: str) -> str:
    """Return text for a log line: without what looks like a token, and with nothing in it that acts."""
    return visible(without_tokens(text))


def _written(value: Any) -> Any:
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return redacted(value)
        case dict():
            return {redacted(str(key)): _written(each) for key, each in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_written(each) for each in value]
        case _:
            return redacted(repr(value))


class Sample:
    """At most `per_second` log lines of a kind a second."""

    __slots__ = ("_count", "_per_second", "_second")

    def __init__(self, per_second: int) -> None:
        self._per_second = per_second
        self._second = 0
        self._count = 0

    def allows(self, steady: float) -> bool:
        """Return True where one more line may be written at this time of the steady clock."""
        if int(steady) != self._second:
            self._second, self._count = int(steady), 0
        self._count += 1
        return self._count <= self._per_second


class Sampler:
    """A filter of log lines that flood: the first of each kind and address in `seconds` pass, the rest is counted.

    The seconds of a kind and address begin with its first occurrence, not with a second of the clock. It is bounded: it
    distinguishes so many addresses, and all others count as one.
    """

    _MAX_KEYS = 1_000
    _TOP = 10

    def __init__(self, each: int, seconds: float = 1.0) -> None:
        self._each, self._seconds = each, seconds
        self._told = -math.inf
        self._seen: dict[tuple[str, str], tuple[float, int]] = {}  # (begun, so many), the oldest first
        self._kinds: Counter[str] = Counter()
        self._addresses: Counter[str] = Counter()

    def allows(self, kind: str, address: str, steady: float) -> bool:
        """Return whether this occurrence is written whole; else it is counted. `steady` is a clock in seconds."""
        while self._seen and self._is_over(next(iter(self._seen.values()))[0], steady):
            del self._seen[next(iter(self._seen))]
        key = (kind, address)
        if key not in self._seen and len(self._seen) >= self._MAX_KEYS:
            key = (kind, "")
        began, seen = self._seen.get(key, (steady, 0))
        if seen >= self._each:
            self.count(kind, address)
            return False
        self._seen[key] = (began, seen + 1)
        return True

    def count(self, kind: str, address: str) -> None:
        """Count an occurrence that is not written."""
        self._kinds[kind] += 1
        self._addresses[address if address in self._addresses or len(self._addresses) < self._MAX_KEYS else ""] += 1

    def counted(self, steady: float) -> dict[str, int | list[str]]:
        """Return what was counted, at most once in `seconds`, and begin anew; empty where there is nothing to tell."""
        if not self._kinds or not self._is_over(self._told, steady):
            return {}
        self._told = steady
        told: dict[str, int | list[str]] = {
            "count": self._kinds.total(),
            "kinds": [f"{count} {kind}" for kind, count in self._kinds.most_common(self._TOP)],
            "addresses": [f"{count} {address}" for address, count in self._addresses.most_common(self._TOP)],
        }
        self._kinds.clear()
        self._addresses.clear()
        return told

    def _is_over(self, began: float, steady: float) -> bool:
        return steady - began >= self._seconds
