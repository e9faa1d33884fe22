"""Ids of edits: whose they are, what they name, and how long they are remembered (docs/protocol.md#ids-of-edits)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.harness.service import Service
from tests.harness.wire import Client, Message
from tests.web.conftest import ROOMY
from tests.web.test_documents import committed, edit, editors, fresh, scene, text_of


@scene
async def test_the_id_of_another_users_edit_stops_nobody(service: Service) -> None:
    channel = fresh()
    async with editors(service, channel, "ali", "mal") as (ali, mal):
        assert await committed(ali, edit(channel, 0, 0, "1", op_id="doc-7.1")) == 1
        seen = (await mal.receive("remote_operation"))["payload"]["op_id"]
        assert await committed(mal, edit(channel, 1, 1, "m", op_id=seen)) == 2
        following = "doc-7.2"  # a guess of what comes next
        assert await committed(mal, edit(channel, 2, 2, "m", op_id=following)) == 3
        second = edit(channel, 3, 1, "2", op_id=following)
        assert await committed(ali, second) == 4
        assert await committed(ali, second) == 4
        assert (await text_of(service, channel))[1] == "12mm"


@scene
async def test_two_users_may_take_one_id_at_once(service: Service) -> None:
    channel = fresh()
    async with editors(service, channel, "ali", "bea", "cem") as people:
        said = [edit(channel, 0, 0, client.login["user_id"], op_id="same") for client in people]
        versions = await asyncio.gather(
            *(committed(client, message) for client, message in zip(people, said, strict=True))
        )
        assert sorted(versions) == [1, 2, 3]
        again = [await committed(client, message) for client, message in zip(people, said, strict=True)]
        assert again == versions
        assert len((await text_of(service, channel))[1]) == 9


@pytest.mark.parametrize(
    "change",
    [
        {"content": "other"},
        {"position": 1},
        {"version": 0, "position": 0},
        {"operation_type": "delete", "content": None, "length": 1},
        {"operation_type": "format", "content": None, "length": 1, "attributes": {"bold": True}},
    ],
    ids=", ".join,
)
def test_the_same_id_with_another_body_is_refused_and_has_no_effect(service: Service, change: Message) -> None:
    channel = fresh()

    async def scene() -> None:
        async with editors(service, channel, "ali") as (ali,):
            await committed(ali, edit(channel, 0, 0, "before "))
            first = edit(channel, 1, 0, "text", op_id="o1")
            assert await committed(ali, first) == 2
            payload = {name: value for name, value in (first["payload"] | change).items() if value is not None}
            answer = await ali.ask({**first, "payload": payload})
            assert answer["error_code"] == "INVALID_MESSAGE_FORMAT", answer
            assert "$.payload.op_id" in answer["message"]
            assert await committed(ali, {**first, "payload": payload | {"op_id": "o2"}}) == 3
            assert await committed(ali, first) == 2, "the first edit is still known"

    asyncio.run(scene())


@scene
async def test_of_two_bodies_that_wait_together_the_first_has_the_id(service: Service) -> None:
    channel = fresh()
    async with editors(service, channel, "ali") as (ali,):
        one, other = edit(channel, 0, 0, "one", op_id="o1"), edit(channel, 0, 0, "other", op_id="o1")
        await ali.send({**one, "ref": "a"}, {**other, "ref": "b"}, {**one, "ref": "c"})
        answers = [await ali.receive(ref=ref) for ref in ("a", "b", "c")]
        assert [answer["type"] for answer in answers] == ["operation_ack", "error", "operation_ack"]
        assert answers[1]["error_code"] == "INVALID_MESSAGE_FORMAT"
        assert (await text_of(service, channel))[:2] == (1, "one")


@scene
async def test_members_in_another_order_and_the_authors_name_are_the_same_edit(service: Service) -> None:
    channel = fresh()
    async with editors(service, channel, "ali") as (ali,):
        first = edit(channel, 0, 0, "text", op_id="o1")
        assert await committed(ali, first) == 1
        turned = dict(reversed((first["payload"] | {"user_id": "ali", "user_name": "ali", "length": None}).items()))
        assert await committed(ali, {**first, "payload": turned}) == 1


@pytest.mark.long
def test_a_resend_is_known_when_the_log_is_cut_and_the_service_was_restarted(tmp_path: Path) -> None:
    """The log keeps so little here that the first edit is soon gone from it."""
    channel = "document:long"
    settings = ROOMY | {"history.events": 100, "history.seconds": 1}

    async def cut(service: Service, first: Message) -> str:
        async with editors(service, channel, "ali", "old") as (ali, old):
            version = await committed(ali, first)
            while True:
                for n in range(500):
                    await ali.send({**edit(channel, version + n, 0, "x"), "ref": f"{version + n}"})
                version += 500
                while (await ali.receive("operation_ack"))["payload"]["version"] < version:
                    pass
                late = await Client.connect(service, service.token("late", "read:document:*"))
                answer = await late.subscribe(channel, since={"version": 1})
                await late.close()
                if answer["recovered"]:
                    continue
                refused = await old.ask(edit(channel, 0, 0, "y"))  # the queue keeps versions that the log has not
                if refused.get("error_code") == "VERSION_CONFLICT":
                    return (await text_of(service, channel))[1]

    async def again(service: Service, first: Message, before: str) -> None:
        async with editors(service, channel, "ali", "bea") as (ali, bea):
            assert await committed(ali, first) == 1
            other = {**first, "payload": first["payload"] | {"content": "Another"}}
            assert (await ali.ask(other))["error_code"] == "INVALID_MESSAGE_FORMAT"
            assert (await bea.ask(first))["error_code"] == "VERSION_CONFLICT", "another edit, against a lost version"
            assert (await text_of(service, channel))[1] == before

    with Service(tmp_path / "data", settings) as service:
        first = edit(channel, 0, 0, "First.", op_id="o1")
        before = asyncio.run(cut(service, first))
        asyncio.run(again(service, first, before))
        service.restart()
        asyncio.run(again(service, first, before))
    service.assert_log_clean()
