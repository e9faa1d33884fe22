"""Parts that the handlers of effects share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.engine.ports.engine import Engine
    from app.node.effects.author_rights import AuthorRights
    from app.node.effects.outcomes import Outcomes
    from app.node.parts import Services
    from app.node.recorder import Recorder
    from app.node.sockets.background import Background


@dataclass(frozen=True, slots=True)
class EffectContext:
    """The node's side of every effect: services to call, tasks to start, outcomes to count."""

    engine: Engine
    services: Services
    recorder: Recorder
    background: Background
    outcomes: Outcomes
    rights: AuthorRights
