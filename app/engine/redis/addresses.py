"""Addresses of Redis: one server, a service that sentinels watch, or a cluster."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import unquote

SCHEMES: Final = tuple(f"redis{tls}{kind}://" for tls in ("", "s") for kind in ("", "+sentinel", "+cluster"))
_PORT: Final = 6_379
_SENTINEL_PORT: Final = 26_379


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """The parts of an address. `service` is the name by which sentinels know the master."""

    kind: Literal["server", "sentinel", "cluster"]
    tls: bool
    hosts: tuple[tuple[str, int], ...]
    user: str = ""
    password: str = field(default="", repr=False)
    service: str = ""
    database: int = 0

    @property
    def shown(self) -> str:
        """The address as it may be shown: without its password."""
        kind = "" if self.kind == "server" else f"+{self.kind}"
        hosts = ",".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.hosts)
        path = f"/{self.service}" if self.service else ""
        return f"redis{'s' if self.tls else ''}{kind}://{hosts}{path}/{self.database}"


def parsed_address(url: str) -> RedisAddress:
    """Return the parts of an address. Raises ValueError, whose text holds no password."""
    scheme, _, rest = url.partition("://")
    if f"{scheme}://" not in SCHEMES:
        raise ValueError("it begins with no scheme of Redis")
    kind: Literal["server", "sentinel", "cluster"] = "server"
    if scheme.endswith("+sentinel"):
        kind = "sentinel"
    elif scheme.endswith("+cluster"):
        kind = "cluster"
    places, _, path = rest.partition("/")
    login, _, places = places.rpartition("@")
    user, _, password = login.partition(":")
    service, database = "", path
    if kind == "sentinel":
        service, _, database = path.partition("/")
        if not service:
            raise ValueError("the name of the service that the sentinels watch is missing, as in host:26379/mymaster")
    if database and not database.isdecimal():
        raise ValueError("the database is no number")
    if kind == "cluster" and database not in ("", "0"):
        raise ValueError("a cluster has only database 0")
    hosts = tuple(_host(place, _SENTINEL_PORT if kind == "sentinel" else _PORT) for place in places.split(","))
    if kind == "server" and len(hosts) > 1:
        raise ValueError("it names several servers: say redis+sentinel:// or redis+cluster://")
    tls = scheme.startswith("rediss")
    return RedisAddress(kind, tls, hosts, unquote(user), unquote(password), service, int(database or 0))


def _host(place: str, port: int) -> tuple[str, int]:
    host, colon, number = place.rpartition(":")
    if not colon or place.endswith("]"):
        host, number = place, str(port)
    if not host or not number.isdecimal() or not 0 < int(number) < 65_536:
        raise ValueError("a host or its port is missing or out of range")
    return host.strip("[]"), int(number)
