"""Every effect and every command of the domain has its handler."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from app.core.sessions.effects import Close, DomainCommand, Effect, Leave, Send, SendPing
from dossier_realtime.protocol.commands import DomainMessage
from tests.harness.coroutine_tests import asynchronous
from tests.harness.in_process import running

BY_THE_CONNECTION = {Send, Close, Leave, SendPing}


@asynchronous
async def test_every_effect_that_takes_time_has_one_handler(tmp_path: Path) -> None:
    domain = set(get_args(DomainMessage))
    async with running(tmp_path) as service:
        assert service.node.effects.table.types == set(get_args(Effect)) - BY_THE_CONNECTION - {DomainCommand} | domain
