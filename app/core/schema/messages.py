"""Every message type of the protocol in one direction, with its names."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from dossier_realtime.protocol import codec, commands, events
from dossier_realtime.protocol.inbound import INBOUND

if TYPE_CHECKING:
    from msgspec import Struct

CONTRACT_VERSION = "1.0.0"
HOST = "realtime.intl-dossier.gastat.gov.sa"


@dataclass(frozen=True, slots=True)
class Message:
    """One message type in one direction: `client` sends it, or `server` does."""

    direction: Literal["client", "server"]
    struct: type[Struct]

    @property
    def type(self) -> str:
        """Return the `type` on the wire."""
        return codec.message_type(self.struct)

    @property
    def name(self) -> str:
        """Return the name in AsyncAPI and of examples, such as `server.error`."""
        return f"{self.direction}.{self.type}"

    @property
    def title(self) -> str:
        """Return the name of its schema, such as `ServerError`.

        Generators make a class of it, so it is no `Error`, `Event` or `Notification`, which languages and browsers have
        already.
        """
        return camel_case(f"{self.direction}_{self.type}")

    @property
    def summary(self) -> str:
        """Return when it is sent, from the docstring."""
        return inspect.getdoc(self.struct) or ""

    @property
    def names_channel(self) -> bool:
        """Return whether it has a field `channel`."""
        return "channel" in self.struct.__struct_fields__


def messages() -> list[Message]:
    """Return every message, in the order of the contract: first the client's, then the server's."""
    sent = (*get_args(commands.Command), *INBOUND.values())
    return [
        *(Message("client", struct) for struct in sent),
        *(Message("server", struct) for struct in get_args(events.Event)),
    ]


def camel_case(words: str) -> str:
    """Return `snake_case` words as `CamelCase`."""
    return "".join(word.capitalize() for word in words.split("_"))
