"""The facts of the domain that an event states, and that the engine keeps or refuses in the same commit."""

from __future__ import annotations

from typing import TypeAlias

from app.core.domain.alerts import AlertRecipient
from app.core.domain.briefs import BriefTransition

DomainFact: TypeAlias = AlertRecipient | BriefTransition
"""A statement about an alert or a brief; a new capability adds its own here."""
