"""The table `[storage]`: the folder of a node, and the store that nodes share."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

_HOST = r"([a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])"
_PORT = r"(:\d{1,5})?"
_USER = r"([^@/\s]*@)?"
_HOSTS = rf"{_HOST}{_PORT}(,{_HOST}{_PORT}){{0,31}}"
_DATABASE = r"(/\d{1,3})?"

Engine = Annotated[
    str,
    Meta(
        pattern=rf"\A(embedded|rediss?://{_USER}{_HOST}{_PORT}{_DATABASE}|rediss?\+cluster://{_USER}{_HOSTS}"
        rf"|rediss?\+sentinel://{_USER}{_HOSTS}/[A-Za-z][A-Za-z0-9._-]{{0,63}}{_DATABASE})\Z",
        description='"embedded", redis://[user:password@]host[:port][/database], redis+sentinel://host:port,…/service '
        "or redis+cluster://host:port,…; rediss for TLS",
    ),
]
_File = Annotated[str, Meta(pattern=r"\A[^\x00]*\Z", description="the path of a file")]


class StorageSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The table `[storage]`."""

    data: Annotated[str, Meta(min_length=1, pattern=r"\A[^\x00]*\Z", description="the path of a folder")]
    engine: Engine
    durability: Literal["auto", "memory", "fsync", "replicated"]
    replicas: Annotated[int, Meta(ge=1, le=5)]
    redis_prefix: Annotated[
        str, Meta(pattern=r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z", description="up to 64 of A-Z a-z 0-9 . _ -")
    ]
    redis_user: Annotated[
        str, Meta(pattern=r"\A[!-~]{0,64}\Z", description="the name of an ACL user, without spaces, or nothing")
    ]
    redis_password_file: _File
    redis_ca_file: _File
    redis_password: str = ""
    """From the environment or `redis_password_file`, never from a TOML file: so it has no default there."""

    @property
    def shared(self) -> bool:
        """True where nodes share the store: it is a Redis."""
        return self.engine != "embedded"

    def __repr__(self) -> str:  # the generated one would print the passwords
        return f"StorageSettings(data={self.data!r}, shared={self.shared!r}, …)"


def redis_hosts(engine: str) -> tuple[tuple[str, int], ...]:
    """Return the hosts and ports that an address of a Redis names. Raises ValueError for a port out of range."""
    scheme, _, rest = engine.partition("://")
    default = 26_379 if "sentinel" in scheme else 6_379
    places = rest.partition("/")[0].rpartition("@")[2].split(",")
    return tuple(_place(place, default) for place in places)


def _place(place: str, default: int) -> tuple[str, int]:
    host, colon, port = place.rpartition(":")
    if not colon or place.endswith("]"):
        return place.strip("[]"), default
    if not 0 < int(port) <= 65_535:
        raise ValueError("storage.engine: the port is out of range; give one from 1 to 65535")
    return host.strip("[]"), int(port)
