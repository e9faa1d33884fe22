"""The parts of a client that its groups of calls use (`BriefCalls`, `InboxCalls`, `LockCalls`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..state.effects import Settled
    from ..state.outbound_frames import Sendable
    from ..subscription import Subscription
    from .http_calls import HttpCalls
    from .listeners import Listeners


class ClientCalls:
    """The base of a group of calls: the parts of `DossierRealtimeClient` that they need, declared for the types."""

    if TYPE_CHECKING:
        _http: HttpCalls
        _listeners: Listeners

        @property
        def user_id(self) -> str | None:
            """The id of the user whom the token names."""

        async def connect(self) -> None:
            """Connect, as `DossierRealtimeClient` does."""

        def subscribe(self, channel: str) -> Subscription:
            """Subscribe, as `DossierRealtimeClient` does."""

        async def _command(self, make: Callable[[str], Sendable], key: str = "") -> Settled: ...

        def _still_wanted(self) -> None: ...
