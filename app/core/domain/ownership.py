"""The owners of commitments and briefs: ids that events name, and that not everybody may speak for. Pure.

Events about them stand on `user:{id}` channels, and `write` there alone says little: a person may hold it on one
channel. So an id is bound by the first event that names it, and to a sender with more authority by that sender's first
event (docs/decisions/0015-rights-and-facts.md).
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from dossier_realtime.protocol import channels
from dossier_realtime.protocol.authorization import Identity, Right, access, holds_on_all
from dossier_realtime.protocol.classification import ChannelPolicy


class Authority(IntEnum):
    """A sender's authority over an id. Higher authority takes an id over from lower, never the other way."""

    CHANNEL = 1
    """`write` on single `user:{id}` channels."""
    SERVICE = 2
    """`write` on every `user:{id}` channel, as programs have it that publish for everybody."""
    MOU = 3
    """`write` on `dossier:mou:{mou_id}`, the MoU that a commitment belongs to."""
    NODE = 4
    """The service itself: of a brief that it was asked for, nobody else publishes events."""


class Claim(NamedTuple):
    """The authority with which an id was named. `mou_id`: of a commitment; "" for a brief."""

    authority: Authority
    publisher: str
    mou_id: str = ""


OF_THE_SERVICE = Claim(Authority.NODE, "")
"""The claim of the service on briefs that it was asked for."""


def claim_on_brief(identity: Identity) -> Claim:
    """Return the sender's claim on a brief that an event of theirs names."""
    return Claim(_on_users(identity), identity.user_id)


def claim_on_commitment(identity: Identity, mou_id: str, policy: ChannelPolicy) -> Claim:
    """Return the sender's claim on a commitment that an event of theirs names as one of an MoU."""
    channel = mou_channel(mou_id)
    if channel is not None and access(identity, Right.WRITE, channel, policy).entitled:
        return Claim(Authority.MOU, identity.user_id, mou_id)
    return Claim(_on_users(identity), identity.user_id, mou_id)


def mou_channel(mou_id: str) -> str | None:
    """Return the channel of an MoU; None where its id is no segment of a channel name."""
    try:
        return channels.parse(channels.dossier("mou", mou_id)).name
    except channels.ChannelError:
        return None


def bind(known: Claim | None, said: Claim) -> Claim | None:
    """Return the claim in force after an id was named again; None where the id belongs to another sender."""
    if known is None or takes_over(known, said):
        return said
    if said.authority < known.authority or said.mou_id != (known.mou_id or said.mou_id):
        return None
    by_publisher = not said.mou_id or known.authority is Authority.CHANNEL
    if by_publisher and said.publisher != known.publisher:
        return None
    return Claim(said.authority, known.publisher, said.mou_id)


def takes_over(known: Claim, said: Claim) -> bool:
    """Return whether an id that was named with little authority gives way to who has more: nothing of it is kept."""
    return known.authority is Authority.CHANNEL and said.authority > Authority.CHANNEL


def _on_users(identity: Identity) -> Authority:
    return Authority.SERVICE if holds_on_all(identity, Right.WRITE, "user") else Authority.CHANNEL
