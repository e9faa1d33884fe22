"""A strict parser of the Host header (RFC 9110 §7.2, RFC 3986 §3.2): a name or address, and a port or none.

A header that two parsers could read differently is invalid: an account before `@`, two ports, a trailing dot, a scope.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterable
from typing import NamedTuple

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")
_WHOLE = re.compile(r"(?P<host>\[[0-9a-f:.]{2,45}\]|[a-z0-9.-]{1,253})(:(?P<port>[1-9][0-9]{0,4}))?")


class HostHeader(NamedTuple):
    """A host in lower case (an IPv6 address in brackets, in its shortest form); `port` is None where none is named."""

    host: str
    port: int | None


def parse_host(text: str) -> HostHeader | None:
    """Return the host that a Host header names; None for whatever is not exactly one host with at most one port."""
    whole = _WHOLE.fullmatch(text.lower()) if text.isascii() else None
    if whole is None:
        return None
    host, port = whole["host"], whole["port"]
    if host.startswith("["):
        try:
            host = f"[{_shortest(ipaddress.IPv6Address(host[1:-1]))}]"
        except ValueError:
            return None
    elif _NAME.fullmatch(host) is None:
        return None
    if port is not None and int(port) > 65_535:
        return None
    return HostHeader(host, None if port is None else int(port))


def _shortest(address: ipaddress.IPv6Address) -> str:
    """Return the shortest form, in hexadecimal: Python 3.13 writes IPv4-mapped addresses with dots."""
    if address.ipv4_mapped is None:
        return str(address)
    high, low = divmod(int(address.ipv4_mapped), 1 << 16)
    return f"::ffff:{high:x}:{low:x}"


def parse_hosts(texts: Iterable[str]) -> frozenset[HostHeader]:
    """Return the hosts of a list of allowed ones. Raises ValueError for one that no Host header can name."""
    hosts = {text: parse_host(text) for text in texts}
    bad = [text for text, host in hosts.items() if host is None]
    if bad:
        raise ValueError(f"{bad[0]!r:.80} is no host; write it as realtime.example.org, or with a port from 1 to 65535")
    return frozenset(host for host in hosts.values() if host is not None)


def is_allowed_host(text: str, allowed: Collection[HostHeader]) -> bool:
    """Return True when a Host header is one of `allowed`: without a port any port, with a port that one only."""
    asked = parse_host(text)
    return asked is not None and (asked in allowed or HostHeader(asked.host, None) in allowed)
