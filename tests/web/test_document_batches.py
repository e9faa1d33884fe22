"""Batches over real sockets: one version, one `remote_operation`, one acknowledgement, whatever is in them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.harness.service import Service
from tests.harness.wire import Client, Message
from tests.web.test_documents import committed, edit, editors, fresh, scene, text_of


def batch(channel: str, version: object, *operations: Message, **payload: Any) -> Message:
    said = {"operation_type": "batch", "version": version, "operations": list(operations), **payload}
    return {"type": "edit_operation", "channel": channel, "payload": said}


def insert(position: object, content: str, **more: Any) -> Message:
    return {"operation_type": "insert", "position": position, "content": content, **more}


def delete(position: int, length: int) -> Message:
    return {"operation_type": "delete", "position": position, "length": length}


@scene
async def test_a_batch_is_one_version_and_reaches_others_in_the_same_form(service: Service) -> None:
    channel = fresh()
    async with editors(service, channel, "ali", "bea") as (ali, bea):
        await committed(ali, edit(channel, 0, 0, "one two three"))
        await bea.receive("remote_operation")
        operations = [
            delete(8, 5),
            insert(8, "ثلاثة", attributes={"bold": True}),
            insert(0, "> "),
            {"operation_type": "format", "position": 2, "length": 3, "attributes": {"italic": True}},
        ]
        assert await committed(ali, batch(channel, 1, *operations, op_id="b1")) == 2
        remote = (await bea.receive("remote_operation"))["payload"]
        assert remote.pop("timestamp") > 0
        assert remote == {
            "user_id": "ali",
            "user_name": "ali",
            "operation_type": "batch",
            "version": 2,
            "op_id": "b1",
            "operations": operations,
        }
        assert await ali.settle() == await bea.settle() == []
    version, content, runs = await text_of(service, channel)
    assert (version, content) == (2, "> one two ثلاثة")
    assert [(run["position"], run["length"], run["attributes"]) for run in runs] == [
        (2, 3, {"italic": True}),
        (10, 5, {"bold": True}),
    ]
    assert (await text_of(service, channel, 1))[1] == "one two three"


@scene
async def test_a_batch_goes_past_concurrent_edits_and_they_past_it(service: Service) -> None:
    channel = fresh()
    async with editors(service, channel, "ali", "bea") as (ali, bea):
        await committed(ali, edit(channel, 0, 0, "abcdef"))
        await committed(ali, edit(channel, 1, 3, "XYZ"))
        assert await committed(bea, batch(channel, 1, insert(0, "<"), delete(2, 4), insert(3, ">"))) == 3
        assert (await text_of(service, channel))[1] == "<aXYZf>"
        remote = (await ali.receive("remote_operation"))["payload"]
        pieces = [(one["operation_type"], one["position"]) for one in remote["operations"]]
        assert pieces == [("insert", 0), ("delete", 2), ("delete", 5), ("insert", 6)]
        assert await committed(ali, edit(channel, 2, 9, "!")) == 4
        assert (await text_of(service, channel))[1] == "<aXYZf!>"
        assert await committed(ali, batch(channel, 1, delete(1, 2), delete(1, 2))) == 4  # nothing is left of it


@scene
async def test_a_batch_that_is_sent_again_has_one_effect(service: Service) -> None:
    channel = fresh()
    async with editors(service, channel, "ali") as (ali,):
        message = batch(channel, 0, insert(0, "a"), insert(1, "b"), op_id="b1")
        assert await committed(ali, message) == 1
        assert await committed(ali, message) == 1
        assert (await text_of(service, channel))[:2] == (1, "ab")
    async with editors(service, channel, "bea") as (bea,):
        answer = await bea.ask({"type": "subscribe", "channel": channel, "params": {"since": {"version": 0}}})
        assert answer["recovered"] is True
        missed = (await bea.receive("remote_operation"))["payload"]
        assert (missed["version"], len(missed["operations"])) == (1, 2)


@pytest.mark.parametrize(
    ("operations", "code", "path"),
    [
        ([], "INVALID_MESSAGE_FORMAT", "$.payload.operations"),
        ([insert(0, "x")] * 501, "INVALID_MESSAGE_FORMAT", "$.payload.operations"),
        ([insert(0, "x"), insert(-1, "x")], "INVALID_MESSAGE_FORMAT", "$.payload.operations[1].position"),
        ([insert(0, "x"), insert("1", "x")], "INVALID_MESSAGE_FORMAT", "$.payload.operations[1].position"),
        ([insert(0, "x"), insert(3, "x")], "INVALID_MESSAGE_FORMAT", "$.payload.operations[1].position"),
        ([insert(0, "x"), delete(2, 1)], "INVALID_MESSAGE_FORMAT", "$.payload.operations[1].length"),
        ([insert(0, "😀"), insert(1, "x")], "INVALID_MESSAGE_FORMAT", "$.payload.operations[1].position"),
        ([insert(0, "x" * 16_385)], "INVALID_MESSAGE_FORMAT", "$.payload.operations[0].content"),
        ([insert(0, "x", more=1)], "INVALID_MESSAGE_FORMAT", "$.payload.operations[0]"),
        ([insert(0, "x")] * 3 + [insert(8, "x")], "VERSION_CONFLICT", "$.payload.operations[3].position"),
        ([insert(0, "x"), {"operation_type": "batch"}], "INVALID_MESSAGE_FORMAT", "operations[1].operation_type"),
    ],
)
def test_a_batch_that_is_refused_says_where_and_changes_nothing(
    service: Service, operations: list[Message], code: str, path: str
) -> None:
    async def play() -> None:
        channel = fresh()
        async with editors(service, channel, "ali", "bea") as (ali, bea):
            await committed(ali, edit(channel, 0, 0, "a😀b"))
            await bea.receive("remote_operation")
            answer = await ali.ask(batch(channel, 1, *operations))
            assert (answer["type"], answer["error_code"]) == ("error", code)
            assert path in answer["message"]
            assert await bea.settle() == []
        assert (await text_of(service, channel))[:2] == (1, "a😀b")

    asyncio.run(play())


@scene
async def test_a_batch_of_all_that_a_frame_holds_is_taken(service: Service) -> None:
    channel = fresh()
    async with editors(service, channel, "ali") as (ali,):
        many = [insert(2 * n, f"{n % 10} ") for n in range(500)]
        assert await committed(ali, batch(channel, 0, *many)) == 1
        backwards = [insert(2 * n, "-") for n in reversed(range(500))]
        assert await committed(ali, batch(channel, 1, *backwards)) == 2
        assert (await text_of(service, channel))[1] == "".join(f"-{n % 10} " for n in range(500))


@scene
async def test_people_who_send_batches_at_once_end_with_one_text(service: Service) -> None:
    channel = fresh()
    async with editors(service, channel, "ali", "bea") as people:
        await committed(people[0], edit(channel, 0, 0, "0123456789"))
        for client, word in zip(people, "xy", strict=True):
            await client.send(*[batch(channel, 1, insert(9, word), delete(4, 2), insert(0, word)) for _ in range(20)])
        version = 41
        seen = [await _versions(client, version) for client in people]
        assert seen == [list(range(2, version + 1))] * 2
    found, content, _ = await text_of(service, channel)
    assert (found, len(content), content.count("x"), content.count("y")) == (version, 88, 40, 40)


async def _versions(client: Client, last: int) -> list[int]:
    """Return the versions that a client receives or has acknowledged, from 2 on."""
    seen = [1]
    while seen[-1] < last:
        message = await client.receive()
        if message["type"] in ("operation_ack", "remote_operation") and message["payload"]["version"] > 1:
            seen.append(message["payload"]["version"])
    return seen[1:]
