"""The port that workers share, kept by their parent."""

from __future__ import annotations

import socket


def reserved_port(host: str, port: int) -> list[socket.socket]:
    """Return sockets that keep a port for the workers and accept nothing; port 0 takes a free one. Raises OSError."""
    found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    kept: list[socket.socket] = []
    try:
        for family, _, _, _, address in found:
            place = (address[0], kept[0].getsockname()[1] if kept else port, *address[2:])
            # Without the option first: another service on the port, which has the option too, must be noticed.
            with _bound(family, place, socket.SO_REUSEADDR) as alone:
                place = (place[0], alone.getsockname()[1], *place[2:])
            kept.append(_bound(family, place, socket.SO_REUSEADDR, socket.SO_REUSEPORT))
    except BaseException:
        for each in kept:
            each.close()
        raise
    return kept


def _bound(family: int, place: tuple[object, ...], *options: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        for option in options:
            sock.setsockopt(socket.SOL_SOCKET, option, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(place)
    except BaseException:
        sock.close()
        raise
    return sock
