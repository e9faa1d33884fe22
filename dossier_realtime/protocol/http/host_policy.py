"""The check of Host and Origin that every listener makes first, of the service and of the dashboard alike.

Tornado skips its own Origin check when Origin equals Host, which a rebound name makes true: so this check
comes before anything else (docs/protocol.md#hosts-and-origins). A browser hides the reason of a refusal from its page;
so the log names the header that was sent and the setting that would allow it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from ..plain_text import visible, without_tokens
from .host_header import HostHeader, is_allowed_host, parse_host, parse_hosts
from .loopback import LOOPBACK_HOSTS

STRICT_TRANSPORT = f"max-age={365 * 86_400}"
"""The value of Strict-Transport-Security (RFC 6797) where browsers come over TLS."""

OWN = "own"
"""The word in a list of hosts or origins for those that follow from a server's own addresses."""

_EVERY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104  compared, not listened on
_MAX_SHOWN_CHARACTERS = 200  # of a header's value, in a log line
_FOREIGN_ORIGIN = "This origin is not allowed here; an administrator can add it to {}.allowed_origins"
_DEFAULT_PORTS = {"http": "80", "https": "443"}
_ORIGIN = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<host>\[[^\]]*\]|[^:/]*)(:(?P<port>\d+))?")


class HeaderDenial(NamedTuple):
    """A refusal by Host or Origin.

    `status` and `message` are for the answer; `header`, its value in `sent`, the `setting` and the `remedy` are for the
    log. `sent` is free of control characters and tokens.
    """

    status: Literal[400, 403, 421]
    message: str
    header: Literal["Host", "Origin"]
    sent: str
    setting: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.header} {self.sent or '(none)'} was refused with {self.status}: {self.remedy}"


@dataclass(frozen=True, slots=True)
class HostPolicy:
    """The hosts that a listener answers to, and the origins whose pages may call it.

    Hosts without a port match any port; origins match exactly (scheme, host, port). `section` is the table of the
    configuration that holds both lists. `strict_transport`: the answers ask browsers for TLS only (HSTS).
    """

    section: Literal["server", "dashboard"]
    hosts: frozenset[HostHeader]
    origins: tuple[str, ...]
    require_origin: bool = False
    strict_transport: bool = False

    def allowed_origin(self, origins: Sequence[str]) -> str:
        """Return the one allowed origin that Origin headers name; "" where they name none, several or another."""
        return origins[0] if len(origins) == 1 and origins[0].lower() in self.origins else ""

    def judge(self, hosts: Sequence[str], origins: Sequence[str], *, needs_origin: bool) -> HeaderDenial | None:
        """Return the denial of a request with these Host and Origin headers; None where it is allowed."""
        if len(hosts) != 1:
            return self._denial(400, "A request has one Host header", hosts)
        if not is_allowed_host(hosts[0], self.hosts):
            return self._denial(421, "This server is not called so; check the address", hosts)
        if not origins and needs_origin:
            return self._denial(403, "A browser sends an Origin, and this needs one; use a browser", origins)
        if origins and not self.allowed_origin(origins):
            return self._denial(403, _FOREIGN_ORIGIN.format(self.section), origins)
        return None

    def _denial(self, status: Literal[400, 403, 421], message: str, sent: Sequence[str]) -> HeaderDenial:
        text = visible(without_tokens(", ".join(sent)[: 4 * _MAX_SHOWN_CHARACTERS]))[:_MAX_SHOWN_CHARACTERS]
        if status != 403:
            setting = f"{self.section}.allowed_hosts"
            remedy = f"if clients are to call it so, add the name to {setting} ({_variable(setting)})"
            return HeaderDenial(status, message, "Host", text, setting, remedy)
        setting = f"{self.section}.allowed_origins"
        if not sent:
            setting = f"{self.section}.require_origin" if self.section == "server" else ""
            remedy = f"{setting} asks for one" if setting else "only browsers use the dashboard"
        elif text.lower() in ("null", "file://"):
            remedy = (
                "pages from a file or a sandboxed frame have no origin of their own; serve them over HTTP, "
                f"and add their origin to {setting} ({_variable(setting)})"
            )
        else:
            remedy = f"if its pages may connect, add it to {setting} ({_variable(setting)}), and start again"
        return HeaderDenial(status, message, "Origin", text, setting, remedy)


def host_policy(
    section: Literal["server", "dashboard"],
    hosts: Iterable[str],
    origins: Iterable[str],
    *,
    own_hosts: Sequence[str] = (),
    own_origins: Sequence[str] = (),
    require_origin: bool = False,
    strict_transport: bool = False,
) -> HostPolicy:
    """Return the policy of two lists of the configuration. "own" in them stands for `own_hosts` and `own_origins`.

    Raises:
        ValueError: a host is none that a Host header can name.
    """
    named = (canonical_origin(origin) for origin in _filled_in(origins, own_origins))
    allowed = parse_hosts(_filled_in(hosts, own_hosts))
    return HostPolicy(section, allowed, tuple(dict.fromkeys(named)), require_origin, strict_transport)


def own_hosts(host: str) -> tuple[str, ...]:
    """Return the names in the Host headers of programs that call a listener on `host`."""
    bare = host.strip("[]").lower()
    name = f"[{bare}]" if ":" in bare else bare
    if bare in _EVERY_ADDRESS or parse_host(name) is None:
        return LOOPBACK_HOSTS
    return tuple(dict.fromkeys((*LOOPBACK_HOSTS, name)))


def _filled_in(listed: Iterable[str], own: Sequence[str]) -> Iterator[str]:
    for each in listed:
        if each == OWN:
            yield from own
        else:
            yield each


def canonical_origin(origin: str) -> str:
    """Return an origin as browsers send it: in lower case, without the port that its scheme has by default."""
    whole = _ORIGIN.fullmatch(origin.lower())
    if whole is None or whole["port"] != _DEFAULT_PORTS.get(whole["scheme"]):
        return origin.lower()
    return f"{whole['scheme']}://{whole['host']}"


@dataclass(slots=True)
class DenialSample:
    """The refusals that are worth a log line: a value of a header once in `seconds`, and at most `most` lines in them.

    The seconds of a value begin with its line. Bounded in lines and in memory for any input; refusals without a line
    are counted for the next one.
    """

    most: int = 20
    seconds: float = 60.0
    _lines: dict[tuple[str, str], float] = field(default_factory=dict)  # when each was written, the oldest first
    _left_out: int = 0

    def take(self, denial: HeaderDenial, steady: float) -> int | None:
        """Return how many refusals had no line since the last one, where this one is to have a line; else None.

        `steady` is seconds of a clock that never goes back.
        """
        while self._lines and steady - next(iter(self._lines.values())) >= self.seconds:
            del self._lines[next(iter(self._lines))]
        key = (denial.header, denial.sent)
        if key in self._lines or len(self._lines) >= self.most:
            self._left_out += 1
            return None
        self._lines[key] = steady
        left_out, self._left_out = self._left_out, 0
        return left_out


def _variable(setting: str) -> str:
    """Return the environment variable of a setting."""
    return f"DOSSIER_{setting.upper().replace('.', '__')}"
