"""Messages are counted by what became of them: one that is refused when it is carried out was not accepted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness import tokens
from tests.harness.service import Service
from tests.harness.wire import Client, Message

QUOTA = {"limits.channels": 1}


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service in which a user may begin one channel a day, and has one connection."""
    with Service(tmp_path_factory.mktemp("outcomes") / "data", QUOTA) as service:
        yield service
    service.assert_log_clean()


def _update(channel: str, **fields: Any) -> Message:
    payload = {"entity_type": "country", "entity_id": "SA", "operation": "update", "fields_changed": ["name"]}
    return {"type": "dossier_update", "channel": channel, "ref": "r", "payload": payload, **fields}


async def _bad_token(service: Service) -> None:
    async with await Client.unauthenticated(service) as client:
        await client.send({"type": "auth", "payload": {"token": "no.token.atall"}})
        await client.expect_close(4500)


async def _bad_renewal(service: Service) -> None:
    async with await Client.connect(service, service.token("u-renews", "read:dossier:*")) as client:
        await client.ask({"type": "auth", "ref": "a", "payload": {"token": "no.token.atall"}})


async def _past_the_quota(service: Service) -> None:
    async with await Client.connect(service, service.token("u-quota", "write:dossier:*")) as client:
        await client.ask(_update("dossier:country:first"))
        await client.ask(_update("dossier:country:second"))


async def _conflicting_key(service: Service) -> None:
    async with await Client.connect(service, service.token("u-key", "write:dossier:*")) as client:
        await client.ask(_update("dossier:country:key", idempotency_key="k"))
        other = {"payload": {"entity_type": "country", "entity_id": "SA", "operation": "delete", "fields_changed": []}}
        await client.ask(_update("dossier:country:key", idempotency_key="k") | other)


async def _ahead_of_the_document(service: Service) -> None:
    async with await Client.connect(service, service.token("u-edit", "write:document:*")) as client:
        await client.subscribe("document:d")
        edit = {"operation_type": "insert", "position": 0, "content": "x"}
        for version in (0, 99):
            payload = edit | {"version": version}
            await client.ask({"type": "edit_operation", "channel": "document:d", "ref": "e", "payload": payload})


async def _absent_document(service: Service) -> None:
    async with await Client.connect(service, service.token("u-absent", "read:document:*")) as client:
        await client.ask({"type": "subscribe", "channel": "document:absent", "ref": "s"})


async def _alert_of_others(service: Service) -> None:
    async with await Client.connect(service, service.token("u-alert")) as client:
        await client.ask({"type": "alert_ack", "ref": "a", "payload": {"commitment_id": "c"}})


async def _brief_of_others(service: Service) -> None:
    async with await Client.connect(service, service.token("u-brief")) as client:
        await client.ask({"type": "brief_cancel", "ref": "b", "payload": {"request_id": "b"}})


Scene = Callable[[Service], Coroutine[Any, Any, None]]


@pytest.mark.parametrize(
    ("scene", "name", "accepted", "code"),
    [
        (_bad_token, "auth", 0, "INVALID_TOKEN"),
        (_bad_renewal, "auth", 1, "INVALID_TOKEN"),
        (_past_the_quota, "dossier_update", 1, "RATE_LIMIT_EXCEEDED"),
        (_conflicting_key, "dossier_update", 1, "INVALID_MESSAGE_FORMAT"),
        (_ahead_of_the_document, "edit_operation", 1, "VERSION_CONFLICT"),
        (_absent_document, "subscribe", 0, "SUBSCRIPTION_FAILED"),
        (_alert_of_others, "alert_ack", 0, "PERMISSION_DENIED"),
        (_brief_of_others, "brief_cancel", 0, "PERMISSION_DENIED"),
    ],
)
def test_what_is_refused_when_it_is_carried_out_was_not_accepted(
    narrow: Service, scene: Scene, name: str, accepted: int, code: str
) -> None:
    before = narrow.metrics()
    asyncio.run(scene(narrow))
    after = narrow.metrics()
    grown = {sample: after[sample] - before[sample] for sample in after}
    assert after.keys() == before.keys()
    assert grown[f'dossier_messages_received_total{{outcome="accepted",type="{name}"}}'] == accepted
    assert grown[f'dossier_messages_received_total{{outcome="refused",type="{name}"}}'] == 1
    assert grown[f'dossier_refusals_later_total{{code="{code}"}}'] == 1


def test_the_eleventh_connection_is_no_accepted_login(tmp_path: Path) -> None:
    async def scene() -> None:
        async with await Client.connect(service, token), await Client.unauthenticated(service) as second:
            await second.send({"type": "auth", "payload": {"token": token}})
            await second.expect_close(4503)

    token = tokens.token("u-many", "read:dossier:*")
    with Service(tmp_path / "s", {"limits.connections_per_user": 1}) as service:
        asyncio.run(scene())
        counted = service.metrics()
        assert counted['dossier_messages_received_total{outcome="accepted",type="auth"}'] == 1
        assert counted['dossier_messages_received_total{outcome="refused",type="auth"}'] == 1
        assert counted['dossier_refusals_later_total{code="RATE_LIMIT_EXCEEDED"}'] == 1
