"""The explanation of a decision about rights: its rule, the deciding claim or setting, and the remedies. Pure.

It discloses nothing that its reader may not read. For a channel that the reader may not read, an explanation follows
from the reader's own claims and the channel's name alone: it does not depend on the channel's level, settings or
existence (docs/protocol.md#explanations).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from .. import channels
from ..authorization import EVERYTHING, AccessDecision, Grant, Identity, Remedy, Right, decide
from ..classification import ChannelSettings, Clearance
from ..fields import Localized
from .texts import ACCEPTED, REMEDIES, RULES, STATUSES, UNKNOWN, Sentence

ACTIONS: Final[dict[str, Right]] = {
    "read": Right.READ,
    "subscribe": Right.READ,
    "presence": Right.READ,
    "acknowledge": Right.READ,
    "cancel": Right.READ,
    "write": Right.WRITE,
    "publish": Right.WRITE,
    "edit": Right.WRITE,
    "admin": Right.ADMIN,
}
"""The actions that can be asked about, and the right that each needs on the channel. To acknowledge an alert or to
cancel a brief, its user needs to read it: on the user's own channel."""


class ExplainedChange(msgspec.Struct, frozen=True):
    """A claim or setting, as the explanation names it. `value` is empty where the reader may not know it."""

    kind: str
    name: str
    value: str


class Explanation(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer and its reasons. `at` is Unix seconds; `sentence` says it all in both languages.

    `remedies`: every one of them is needed for the other answer; none where it is allowed, and none for
    `document.closed`, where a remedy would show whether the document exists.
    """

    action: str
    channel: str
    allowed: bool
    rule: str
    at: float
    sentence: Localized
    user: str = ""
    basis: ExplainedChange | None = None
    remedies: tuple[ExplainedChange, ...] = ()


def explain(
    identity: Identity, action: str, channel: str, settings: ChannelSettings, at: float, *, to_themselves: bool
) -> Explanation:
    """Explain the decision about an action on a well-formed channel name.

    `to_themselves`: the reader is the identity itself and knows of the channel no more than it may; else the reader
    administers the channel. Raises KeyError for an action that is not in ACTIONS.
    """
    right = ACTIONS[action]
    decision = decide(identity, right, channel, settings)
    blind = to_themselves and not decide(identity, Right.READ, channel, settings).allowed
    remedies = _blinded(decision) if blind else decision.remedies
    basis = decision.basis
    return Explanation(
        action,
        channel,
        decision.allowed,
        decision.rule,
        round(at, 3),
        _sentence(decision, remedies, channel),
        identity.user_id,
        ExplainedChange(basis.kind, basis.name, basis.value),
        tuple(ExplainedChange(remedy.kind, remedy.name, remedy.value) for remedy in remedies),
    )


def explain_closed(identity: Identity, action: str, channel: str, at: float) -> Explanation:
    """Explain to a user that they may not read a document, the same for an absent one and one above the clearance."""
    rule = "document.closed"
    return Explanation(
        action,
        channel,
        False,
        rule,
        round(at, 3),
        _filled(RULES[rule], channel, ""),
        identity.user_id,
        ExplainedChange("claim", "clearance", identity.clearance.label),
    )


def explain_rule(rule: str, channel: str = "") -> Localized:
    """Return the sentence of a rule as a journal's entry has it, in both languages; "" is an accepted message."""
    if not rule:
        return _filled(ACCEPTED, channel, "")
    name, _, rest = rule.partition(".")
    if name == "rate":
        return _filled(RULES["rate"], channel, rest)
    return _filled(RULES.get(rule, UNKNOWN), channel or "—", rule)


def needed(rule: str, channel: str, level: str = "") -> Localized:
    """Return the remedies of a refusal in both languages, as far as they follow from its rule and channel name.

    Empty where none follows. `level`: the channel's classification, where the reader knows it, else "". The refused
    token's claims are not known here, so the clearance is always named beside a missing permission.
    """
    everything = f"{Right.ADMIN.label}:{EVERYTHING}"
    remedies: list[tuple[str, str]] = []
    match rule:
        case "grant.read" | "grant.write" | "ops" if channels.is_in(channel, "ops"):
            remedies.append(("permissions", f"{Right.ADMIN.label}:{channel}"))
        case "grant.read" | "grant.write" | "grant.admin" if channel:
            remedies.append(("permissions", f"{rule.partition('.')[2]}:{channel}"))
        case "grant.all" | "personal":
            return _filled(REMEDIES["permissions"], channel, everything)
        case "clearance":
            remedies.append(("clearance", level) if level else ("higher", ""))
        case "frozen" | "identity" | "not_subscribed":
            remedies.append((rule, ""))
        case _:
            pass
    if level and remedies and remedies[0][0] == "permissions" and Clearance.strict(level) > Clearance.PUBLIC:
        remedies.append(("level", level))
    found = [_filled(REMEDIES[name], channel, value) for name, value in remedies]
    return Localized(" ".join(one.en for one in found), " ".join(one.ar for one in found))


def explain_status(status: int) -> Localized:
    """Return the sentence of an HTTP status that refused a call, in both languages."""
    return _filled(STATUSES.get(status, STATUSES[0]), "", str(status))


def supposed(user: str, permissions: Sequence[str], clearance: str = "") -> Identity:
    """Return a user with these claims. Raises ValueError for a permission or a clearance that is none."""
    grants = []
    for text in permissions:
        grant = Grant.parse(text)
        if grant is None:
            raise ValueError(f"{text[:64]!r} is no permission; write read:dossier:country:* or admin:*")
        grants.append(grant)
    return Identity(user, user, "", None, tuple(grants), Clearance.parse(clearance or Clearance.INTERNAL.label), 0)


def _blinded(decision: AccessDecision) -> tuple[Remedy, ...]:
    """Return the remedy without the level of the channel.

    It is a permission where one is missing, else a higher clearance.
    """
    if decision.rule == "clearance":
        return (Remedy("claim", "clearance", ""),)
    return tuple(remedy for remedy in decision.remedies if remedy.name != "clearance")


def _sentence(decision: AccessDecision, remedies: tuple[Remedy, ...], channel: str) -> Localized:
    sentence = _filled(RULES.get(decision.rule, UNKNOWN), channel, decision.basis.value or decision.rule)
    for remedy in remedies:
        name = remedy.name if remedy.value else "higher"
        more = _filled(REMEDIES[name], channel, remedy.value)
        sentence = Localized(f"{sentence.en} {more.en}", f"{sentence.ar} {more.ar}")
    return sentence


def _filled(sentence: Sentence, channel: str, value: str) -> Localized:
    english, arabic = (text.format(channel=channel, value=value) for text in sentence)
    return Localized(english, arabic)
