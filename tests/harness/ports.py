"""Ports for services that are started again on the port they had.

A port that the kernel chose may be taken by any other socket of the machine while its service is away, and a client
that dials it meanwhile may even be connected to itself. The ports here lie outside of the kernel's range and stay
reserved until the run ends, so that runs and workers beside one another never meet on one.
"""

from __future__ import annotations

import os
import socket
from functools import cache
from itertools import count
from pathlib import Path

LOWEST = 10_000  # below are well-known services
_SPREAD = 7_919  # a prime: processes that began one after the other look in different places


def reserve(host: str = "127.0.0.1") -> int:
    """Reserve a free port until this process ends, and return it; only a listener with SO_REUSEADDR gets it.

    Raises:
        OSError: every port is taken.
    """
    ports = _range()
    for _ in ports:
        port = ports[next(_places()) % len(ports)]
        sock = socket.socket()
        try:
            sock.bind((host, port))
        except OSError:
            sock.close()
            continue
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # after bind: it is exclusive among reservations
        _reserved.append(sock)
        return port
    raise OSError(f"no port of {ports[0]} to {ports[-1]} is free: end what listens there")


_reserved: list[socket.socket] = []


@cache
def _places() -> count[int]:
    return count(os.getpid() * _SPREAD)


@cache
def _range() -> range:
    """Ports that the kernel gives to nobody of itself."""
    told = Path("/proc/sys/net/ipv4/ip_local_port_range")
    end = int(told.read_text().split()[0]) if told.exists() else 32_768
    return range(LOWEST, max(end, LOWEST + 1_000))
