"""Labels of the metrics: closed sets of words, so that every series is there, at 0, before its first event.

`rate()` over a series that appears with its first event misses that event. What no set holds counts as `other`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, get_args

from app.core.rules import RULES
from dossier_realtime.protocol import codec
from dossier_realtime.protocol.commands import Command
from dossier_realtime.protocol.errors import CloseCode, ErrorCode
from dossier_realtime.protocol.inbound import INBOUND, InboundMessage, event_type

if TYPE_CHECKING:
    from collections.abc import Iterable

OTHER: Final = "other"
UNKNOWN: Final = "unknown"
"""The type of a message that could not be decoded."""

_STATUSES = (
    200,
    201,
    202,
    204,
    304,
    400,
    401,
    403,
    404,
    405,
    409,
    410,
    412,
    413,
    415,
    421,
    426,
    428,
    429,
    431,
    500,
    503,
)
_PEERS_CODES = (1005, 1006)  # no code, and no close frame


def message_name(command: Command | InboundMessage | None) -> str:
    """Return the wire type of a decoded message; `unknown` for what could not be decoded."""
    if command is None:
        return UNKNOWN
    return codec.message_type(event_type(command.event) if isinstance(command, InboundMessage) else command)


MESSAGE_TYPES: Final = (*map(codec.message_type, (*get_args(Command), *INBOUND)), UNKNOWN, OTHER)
METHODS: Final = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", OTHER)
STATUSES: Final = (*map(str, _STATUSES), OTHER)
CLOSE_CODES: Final = (*(str(int(code)) for code in CloseCode), *map(str, _PEERS_CODES), OTHER)
REFUSAL_RULES: Final = (*sorted(RULES), OTHER)
ERROR_CODES: Final = tuple(code.value for code in ErrorCode)
OUTCOMES: Final = ("accepted", "refused")


class Series:
    """A counter with labels. Each label has a closed set of values, the last of which stands for all others."""

    __slots__ = ("_counts", "_labels", "_values")

    def __init__(self, **labels: Iterable[str]) -> None:
        self._labels = tuple(labels)
        self._values = tuple(tuple(values) for values in labels.values())
        rows: list[tuple[str, ...]] = [()]
        for values in self._values:
            rows = [(*row, value) for row in rows for value in values]
        self._counts: dict[tuple[str, ...], int] = dict.fromkeys(rows, 0)

    def count(self, *values: str, by: int = 1) -> None:
        """Count an occurrence under these values, in the order of the labels."""
        if values not in self._counts:
            values = tuple(
                value if value in known else known[-1] for value, known in zip(values, self._values, strict=True)
            )
        self._counts[values] += by

    @property
    def labels(self) -> tuple[str, ...]:
        """Return the names of the labels."""
        return self._labels

    def items(self) -> Iterable[tuple[tuple[str, ...], int]]:
        """Return the values of the labels and the count of every series."""
        return self._counts.items()
