"""The user's own channel: received from the login on, without a subscription, while the user may read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dossier_realtime.protocol import channels

if TYPE_CHECKING:
    from dossier_realtime.protocol.authorization import Identity


class OwnChannel:
    """The state of `user:{id}` on one connection. It is not received while withheld, or after an `unsubscribe`."""

    def __init__(self) -> None:
        self.received = False
        self._declined = False

    @staticmethod
    def of(identity: Identity) -> str:
        """Return the name of the user's own channel."""
        return channels.user(identity.user_id)

    def follow(self, channel: str, identity: Identity, *, wanted: bool) -> None:
        """Follow a `subscribe` to any channel, or an `unsubscribe` from it."""
        if channel == self.of(identity):
            self.received, self._declined = wanted, not wanted

    @property
    def withheld(self) -> bool:
        """Return whether it is to be received again as soon as that is allowed."""
        return not self.received and not self._declined
