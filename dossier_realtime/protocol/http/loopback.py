"""The addresses of this machine itself, and the origins of pages that are served there."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv6Address, ip_address

LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "[::1]")
"""The names under which programs call this machine, as they stand in a Host header and in an origin."""


def is_loopback(host: str) -> bool:
    """Return True for a loopback name or address, with or without brackets."""
    try:
        address = ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return host.lower() == "localhost"
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback


def loopback_origins(ports: Iterable[int], scheme: str = "http") -> tuple[str, ...]:
    """Return the origins of pages that this machine serves at these ports; port 0 is none."""
    return tuple(f"{scheme}://{host}:{port}" for port in dict.fromkeys(ports) if port for host in LOOPBACK_HOSTS)
