"""The command `explain`: the reasons for which claims allow an action on a channel or not.

It asks no running service. The settings of the channel are those of the configuration, overridden by the last ones that
the journal of this data folder recorded: a person who can run the command can read both.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING

from app.core.authorization import channel_denial
from app.security.auth import KeysUnavailable, TokenError, TokenVerifier
from dossier_realtime.archive import open_journal
from dossier_realtime.protocol.classification import HIGHEST, ChannelPolicy, ChannelSettings, Clearance
from dossier_realtime.protocol.explanations.explanation import ACTIONS, supposed
from dossier_realtime.protocol.explanations.explanation import explain as explanation_of

if TYPE_CHECKING:
    import argparse

    from app.configuration.config import Config
    from dossier_realtime.protocol.authorization import Identity

REFUSED = 1


def explain(config: Config, asked: argparse.Namespace) -> int:
    """Print the explanation in both languages. Returns 0 where it is allowed, 1 where it is refused.

    Raises ValueError for what is no channel, permission or token.
    """
    denial = channel_denial(asked.channel)
    if denial is not None:
        raise ValueError(denial.text)
    now = time.time()
    if asked.token:
        identity = _verified(config, asked.token, now)
    elif asked.sub:
        identity = supposed(asked.sub, asked.permission, asked.clearance or "")
    else:
        raise ValueError("name a user with --sub and their claims, or give a --token")
    policy = ChannelPolicy((row.pattern, row.level) for row in config.channels.classification)
    recorded = _put_recorded(policy, asked.channel, Path(config.storage.data) / "journal", asked.node)
    told = explanation_of(
        identity, asked.action, asked.channel, policy.settings(asked.channel), now, to_themselves=False
    )
    print(told.sentence.en)
    print(told.sentence.ar)
    print(f"  rule      {told.rule}")
    if told.basis is not None:
        print(f"  decided   {told.basis.kind} {told.basis.name} = {told.basis.value or '(none)'}")
    for remedy in told.remedies:
        print(f"  needs     {remedy.kind} {remedy.name} = {remedy.value}")
    print(f"  settings  {'as last recorded in the journal' if recorded else 'of the configuration'}")
    return 0 if told.allowed else REFUSED


def _verified(config: Config, token: str, now: float) -> Identity:
    """Return the identity that a token proves. Raises ValueError, in one line, for one that proves none."""
    try:
        return asyncio.run(TokenVerifier(config.auth).check(token, now))
    except TokenError as refused:
        raise ValueError(f"the service would refuse the token: {refused.reason}; give another") from None
    except KeysUnavailable as wrong:
        raise ValueError(str(wrong)) from None


def _put_recorded(policy: ChannelPolicy, channel: str, folder: Path, node: str) -> bool:
    """Take over the last settings of the channel that the journal holds; return whether it holds any."""
    if not folder.is_dir():
        return False
    recording = open_journal(folder, node, clearance=HIGHEST)
    for number in reversed(recording.index.rare["settings"]):
        header = recording.index.entry(number).header
        if header.channel == channel:
            presence, history, frozen = (bool(header.detail.get(name)) for name in ("presence", "history", "frozen"))
            policy.put(channel, ChannelSettings(Clearance.strict(header.level), presence, history, frozen))
            return True
    return False


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser) -> None:
    """Add the command with its options."""
    explaining = commands.add_parser("explain", parents=[common], help="say why a user may do something, or may not")
    explaining.add_argument("--action", choices=list(ACTIONS), required=True, help="what the user would do")
    explaining.add_argument("--channel", required=True, help="where, such as dossier:country:SA")
    explaining.add_argument("--sub", help="the user's id, with --permission and --clearance")
    explaining.add_argument("--permission", action="append", default=[], help="a permission (may repeat)")
    explaining.add_argument("--clearance", choices=[level.label for level in Clearance], help="else internal")
    explaining.add_argument("--token", help="a token, instead of --sub and its claims; it is verified")
    explaining.add_argument("--node", default="", help="whose journal, where the folder has several")
