"""Editing together over real sockets and HTTP: order, acks, resends, refusals, cursors, the text as it was."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from tests.harness.eventually import HANG_SECONDS
from tests.harness.service import Service
from tests.harness.wire import Client, Message

_numbers = itertools.count(1)


def fresh() -> str:
    """The channel of a document that nobody has touched."""
    return f"document:d{next(_numbers)}"


def edit(channel: str, version: object, position: object, content: str | None = None, **payload: Any) -> Message:
    kind = payload.pop("operation_type", "insert" if content is not None else "delete")
    said = {"operation_type": kind, "position": position, "version": version, **payload}
    if content is not None:
        said["content"] = content
    return {"type": "edit_operation", "channel": channel, "payload": said}


@asynccontextmanager
async def editors(service: Service, channel: str, *names: str, right: str = "write") -> AsyncIterator[list[Client]]:
    clients = []
    for name in names:
        client = await Client.connect(service, service.token(name, f"{right}:document:*"))
        await client.subscribe(channel)
        clients.append(client)
    try:
        yield clients
    finally:
        for client in clients:
            await client.close()


async def committed(client: Client, message: Message) -> int:
    answer = await client.ask(message)
    assert answer["type"] == "operation_ack", answer
    return int(answer["payload"]["version"])


async def text_of(service: Service, channel: str, version: int | None = None) -> tuple[int, str, list[Message]]:
    query = "" if version is None else f"?version={version}"
    token = service.token("reader", "write:document:*")
    status, body = await asyncio.to_thread(service.get, f"/v1/documents/{channel.partition(':')[2]}{query}", token)
    assert status == 200, body
    found = json.loads(body)
    return found["version"], found["content"], found["format"]


def put(service: Service, channel: str, content: str, token: str, if_match: str | None = None) -> tuple[int, Message]:
    request = urllib.request.Request(  # noqa: S310  the address is ours
        f"{service.http}/v1/documents/{channel.partition(':')[2]}",
        json.dumps({"content": content}).encode(),
        {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        method="PUT",
    )
    if if_match is not None:
        request.add_header("If-Match", if_match)
    try:
        with urllib.request.urlopen(request, timeout=HANG_SECONDS) as answer:  # noqa: S310
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refused:
        return refused.code, json.load(refused)


def scene(test: Callable[[Service], Coroutine[Any, Any, None]]) -> Callable[[Service], None]:
    """A test that runs in a loop of its own."""

    def run(service: Service) -> None:
        asyncio.run(test(service))

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


@scene
async def test_of_concurrent_inserts_at_one_place_the_one_committed_last_is_on_the_left(service: Service) -> None:
    channel = fresh()
    async with editors(service, channel, "ali", "bea") as (ali, bea):
        assert await committed(ali, edit(channel, 0, 0, "a😀b")) == 1
        await bea.receive("remote_operation")
        first, second = await asyncio.gather(
            committed(ali, edit(channel, 1, 4, "X")), committed(bea, edit(channel, 1, 4, "Y"))
        )
        assert sorted((first, second)) == [2, 3]
        _, content, _ = await text_of(service, channel)
        assert content == ("a😀bYX" if first == 2 else "a😀bXY")


@scene
async def test_others_receive_the_operation_and_its_author_the_ack_alone(service: Service) -> None:
    channel = fresh()
    async with editors(service, channel, "ali", "bea") as (ali, bea):
        await committed(ali, edit(channel, 0, 0, "مرحبا", op_id="o1"))
        remote = await bea.receive("remote_operation")
        assert abs(remote["payload"].pop("timestamp") - time.time()) < HANG_SECONDS
        assert remote["payload"] == {
            "user_id": "ali",
            "user_name": "ali",
            "operation_type": "insert",
            "position": 0,
            "version": 1,
            "content": "مرحبا",
            "op_id": "o1",
        }
        assert await ali.settle() == []


@scene
async def test_everybody_sees_versions_in_order_the_own_ones_as_acks(service: Service) -> None:
    channel, count = fresh(), 40
    async with editors(service, channel, "ali", "bea", "cem") as people:
        for client in people:
            await client.send(
                *[
                    {**edit(channel, 0, 0, "x", op_id=f"{client.login['user_id']}-{n}"), "ref": f"e{n}"}
                    for n in range(count)
                ]
            )
        for client in people:
            seen: list[int] = []
            while len(seen) < 3 * count:
                message = await client.receive(channel=channel)
                assert message["type"] in ("operation_ack", "remote_operation"), message
                seen.append(message["payload"]["version"])
            assert seen == list(range(1, 3 * count + 1))
    assert (await text_of(service, channel))[:2] == (3 * count, "x" * 3 * count)


@scene
async def test_one_operation_that_is_split_becomes_consecutive_versions(service: Service) -> None:
    channel = fresh()
    async with editors(service, channel, "ali", "bea") as (ali, bea):
        await committed(ali, edit(channel, 0, 0, "abcdef"))
        await committed(ali, edit(channel, 1, 3, "XYZ"))
        assert await committed(bea, edit(channel, 1, 1, length=4)) == 4
        assert (await text_of(service, channel))[1] == "aXYZf"
        assert await committed(ali, edit(channel, 1, 2, length=2)) == 4  # nothing is left of it


@scene
async def test_a_resend_is_acknowledged_as_it_was_and_applied_once(service: Service) -> None:
    channel = fresh()
    async with editors(service, channel, "ali", "bea") as (ali, bea):
        message = edit(channel, 0, 0, "once", op_id="o1")
        assert await committed(ali, message) == 1
        await committed(bea, edit(channel, 1, 0, "before "))
        for _ in range(3):
            assert await committed(ali, message) == 1
        async with editors(service, channel, "ali") as (again,):
            assert await committed(again, message) == 1
            pipelined = edit(channel, 2, 0, "!", op_id="o2")
            await again.send({**pipelined, "ref": "p1"}, {**pipelined, "ref": "p2"})
            versions = [(await again.receive("operation_ack", ref=ref))["payload"]["version"] for ref in ("p1", "p2")]
            assert versions == [3, 3]
        assert (await text_of(service, channel))[1] == "!before once"


@pytest.mark.parametrize(
    ("change", "code", "version"),
    [
        ({"version": 9}, "VERSION_CONFLICT", 1),
        ({"operation_type": "delete", "position": 3, "length": 30}, "VERSION_CONFLICT", 1),
        ({"position": 30, "content": "x"}, "VERSION_CONFLICT", 1),
        ({"position": 2, "content": "x"}, "INVALID_MESSAGE_FORMAT", None),
        ({"operation_type": "delete", "position": 2, "length": 1}, "INVALID_MESSAGE_FORMAT", None),
        ({"operation_type": "delete", "position": 0, "length": 0}, "INVALID_MESSAGE_FORMAT", None),
        ({"operation_type": "delete", "position": 0}, "INVALID_MESSAGE_FORMAT", None),
        ({"operation_type": "delete", "position": 0, "length": -1}, "INVALID_MESSAGE_FORMAT", None),
        ({"operation_type": "replace"}, "INVALID_MESSAGE_FORMAT", None),
        ({"operation_type": "INSERT"}, "INVALID_MESSAGE_FORMAT", None),
        ({"operation_type": "format", "length": 1}, "INVALID_MESSAGE_FORMAT", None),
        ({"operation_type": "format", "length": 1, "attributes": {"color": "red"}}, "INVALID_MESSAGE_FORMAT", None),
        ({"operation_type": "format", "length": 1, "attributes": {"heading": 4}}, "INVALID_MESSAGE_FORMAT", None),
        (
            {"operation_type": "format", "length": 1, "attributes": {"link": "javascript:alert(1)"}},
            "INVALID_MESSAGE_FORMAT",
            None,
        ),
        ({"version": -1}, "INVALID_MESSAGE_FORMAT", None),
        ({"version": "1"}, "INVALID_MESSAGE_FORMAT", None),
        ({"version": 2**53}, "INVALID_MESSAGE_FORMAT", None),
        ({"content": "x" * 16_385}, "INVALID_MESSAGE_FORMAT", None),
        ({"content": "😀" * 8_193}, "INVALID_MESSAGE_FORMAT", None),
        ({"content": "nul\0"}, "INVALID_MESSAGE_FORMAT", None),
        ({"content": ""}, "INVALID_MESSAGE_FORMAT", None),
        ({"user_id": "bea"}, "PERMISSION_DENIED", None),
        ({"user_name": "Bea"}, "PERMISSION_DENIED", None),
    ],
)
def test_what_cannot_be_an_edit_is_refused_and_changes_nothing(
    service: Service, change: Message, code: str, version: int | None
) -> None:
    async def within() -> None:
        channel = fresh()
        async with editors(service, channel, "ali") as (ali,):
            await committed(ali, edit(channel, 0, 0, "a😀b"))
            message = edit(channel, 1, 0, None if "operation_type" in change else "x")
            message["payload"] |= change
            answer = await ali.ask(message)
            assert (answer["type"], answer.get("error_code")) == ("error", code), answer
            assert answer.get("payload") == (None if version is None else {"version": version})
            assert await text_of(service, channel) == (1, "a😀b", [])

    asyncio.run(within())


@scene
async def test_an_edit_needs_a_subscription_a_right_and_a_document(service: Service) -> None:
    channel = fresh()
    async with editors(service, channel, "ali") as (ali,):
        await committed(ali, edit(channel, 0, 0, "x"))
        assert (await ali.ask(edit(fresh(), 0, 0, "x")))["error_code"] == "PERMISSION_DENIED"
        assert (await ali.ask(edit("workspace:1", 0, 0, "x")))["error_code"] == "INVALID_MESSAGE_FORMAT"
        async with editors(service, channel, "rea", right="read") as (rea,):
            assert (await rea.ask(edit(channel, 1, 0, "x")))["error_code"] == "PERMISSION_DENIED"
            absent = await rea.ask({"type": "subscribe", "channel": fresh()})
            assert (absent["type"], absent["error_code"]) == ("error", "SUBSCRIPTION_FAILED")
    assert (await text_of(service, channel))[1] == "x"


@scene
async def test_the_last_committed_format_wins_attribute_by_attribute(service: Service) -> None:
    channel = fresh()
    async with editors(service, channel, "ali", "bea") as (ali, bea):
        await committed(ali, edit(channel, 0, 0, "abcd"))
        await committed(
            ali, edit(channel, 1, 0, operation_type="format", length=4, attributes={"bold": True, "heading": 1})
        )
        await committed(bea, edit(channel, 1, 0, operation_type="format", length=2, attributes={"heading": 2}))
        await committed(bea, edit(channel, 3, 3, operation_type="format", length=1, attributes={"bold": None}))
        assert (await text_of(service, channel))[2] == [
            {"position": 0, "length": 2, "attributes": {"bold": True, "heading": 2}},
            {"position": 2, "length": 1, "attributes": {"bold": True, "heading": 1}},
            {"position": 3, "length": 1, "attributes": {"heading": 1}},
        ]


@scene
async def test_a_returning_editor_gets_what_it_missed_or_the_text(service: Service) -> None:
    channel = fresh()
    async with editors(service, channel, "ali") as (ali,):
        for n in range(5):
            await committed(ali, edit(channel, n, n, str(n)))
        bea = await Client.connect(service, service.token("bea", "write:document:*"))
        answer = await bea.subscribe(channel, since={"version": 2})
        assert (answer["recovered"], "document" in answer) == (True, False)
        missed = [(await bea.receive("remote_operation"))["payload"] for _ in range(3)]
        assert [(m["version"], m["content"]) for m in missed] == [(3, "2"), (4, "3"), (5, "4")]
        await bea.close()
        for since in ({"version": 6}, {"version": -1}, {"epoch": "x", "offset": 0}):
            cem = await Client.connect(service, service.token("cem", "write:document:*"))
            answer = await cem.subscribe(channel, since=since)
            assert answer["recovered"] is False
            assert answer["document"].pop("epoch")
            assert answer["document"] == {"version": 5, "content": "01234", "format": []}
            await cem.close()


@scene
async def test_cursors_come_with_the_servers_identity_on_the_text_of_now(service: Service) -> None:
    channel = fresh()
    async with editors(service, channel, "ali", "bea") as (ali, bea):
        await committed(ali, edit(channel, 0, 0, "hello 😀"))
        await committed(ali, edit(channel, 1, 0, ">>"))
        await bea.send(
            {
                "type": "cursor_position",
                "channel": channel,
                "payload": {"position": 2, "selection_length": 3, "version": 1},
            }
        )
        cursor = await ali.receive("cursor_position")
        said = {name: cursor["payload"][name] for name in ("user_id", "position", "selection_length")}
        assert said == {"user_id": "bea", "position": 4, "selection_length": 3}
        for payload, code in [
            ({"position": -1}, "INVALID_MESSAGE_FORMAT"),
            ({"position": 11}, "INVALID_MESSAGE_FORMAT"),
            ({"position": 9}, "INVALID_MESSAGE_FORMAT"),
            ({"position": 1, "selection_length": -1}, "INVALID_MESSAGE_FORMAT"),
            ({"position": 1, "user_id": "ali"}, "PERMISSION_DENIED"),
            ({"position": 1, "version": 3}, "VERSION_CONFLICT"),
        ]:
            answer = await bea.ask({"type": "cursor_position", "channel": channel, "payload": payload})
            assert answer["error_code"] == code, payload
            assert answer.get("payload") == ({"version": 2} if code == "VERSION_CONFLICT" else None), payload
        assert not [m for m in await bea.settle() if m["type"] == "cursor_position"]


@scene
async def test_a_cursor_with_a_ref_is_answered(service: Service) -> None:
    for hidden in (False, True):
        channel = fresh()
        client = await Client.connect(service, service.token("ali", "admin:document:*"))
        await client.subscribe(channel, hidden=hidden)
        answer = await client.ask({"type": "cursor_position", "channel": channel, "payload": {"position": 0}})
        assert {key: answer[key] for key in answer if key != "ref"} == {"type": "ack", "channel": channel}
        await client.close()


@scene
async def test_a_thousand_cursors_are_told_as_ten_a_second_and_the_last_arrives(service: Service) -> None:
    channel = fresh()
    async with editors(service, channel, "ali", "bea") as (ali, bea):
        await committed(ali, edit(channel, 0, 0, "x" * 1_000))
        began = asyncio.get_running_loop().time()
        for position in range(1, 1_001):
            await bea.send({"type": "cursor_position", "channel": channel, "payload": {"position": position}})
        told = 1
        while (await ali.receive("cursor_position"))["payload"]["position"] != 1_000:
            told += 1
        took = asyncio.get_running_loop().time() - began
        assert told <= 10 * took + 2


@scene
async def test_a_document_can_be_read_as_it_was_at_each_version(service: Service) -> None:
    channel = fresh()
    async with editors(service, channel, "ali") as (ali,):
        for n in range(1_099):
            await ali.send(edit(channel, n, n, chr(ord("a") + n % 26)))
        assert await committed(ali, edit(channel, 1_099, 1_099, chr(ord("a") + 1_099 % 26))) == 1_100
    whole = "".join(chr(ord("a") + n % 26) for n in range(1_100))
    for version in (0, 1, 499, 500, 777, 1_100):
        assert await text_of(service, channel, version) == (version, whole[:version], [])
    token = service.token("ali", "write:document:*")
    path = f"/v1/documents/{channel.partition(':')[2]}?version="
    assert (await asyncio.to_thread(service.get, path + "1101", token))[0] == 404
    assert (await asyncio.to_thread(service.get, path + "x", token))[0] == 404
    assert (await asyncio.to_thread(service.get, path + "x" * 101, token))[0] == 400


@scene
async def test_a_whole_new_text_arrives_at_editors_as_operations(service: Service) -> None:
    channel, token = fresh(), service.token("sys", "write:document:*")
    assert put(service, channel, "first text", token)[0] == 200
    async with editors(service, channel, "ali") as (ali,):
        assert put(service, channel, "no version said", token)[0] == 428
        assert put(service, channel, "another version", token, "7")[0] == 412
        assert put(service, channel, "not a version", token, "seven")[0] == 400
        await committed(ali, edit(channel, 1, 0, operation_type="format", length=5, attributes={"bold": True}))
        status, answer = put(service, channel, "first 😀 text", token, "2")
        assert (status, answer["version"]) == (200, 3)
        remote = (await ali.receive("remote_operation"))["payload"]
        assert (remote["user_id"], remote["version"], remote["content"]) == ("sys", 3, "😀 ")
        assert put(service, channel, "first 😀 text", token, '"3"') == (200, {"document": channel[9:], "version": 3})
        big = "ب😀" * 100_000
        status, answer = put(service, channel, big, token, "3")
        assert status == 200
        assert (await text_of(service, channel))[:2] == (answer["version"], big)
    reader = service.token("rea", "read:document:*")
    assert put(service, channel, "x", reader, "3")[0] == 403
    assert put(service, channel, "nul\0", token, str(answer["version"]))[0] == 400
    assert put(service, channel, "x" * (2**20 + 1), token, str(answer["version"]))[0] == 400
    absent, body = await asyncio.to_thread(service.get, "/v1/documents/never", reader)
    assert (absent, json.loads(body)["error_code"]) == (403, "PERMISSION_DENIED")


@scene
async def test_a_document_may_not_outgrow_its_bound(service: Service) -> None:
    channel, token = fresh(), service.token("sys", "write:document:*")
    status, answer = await asyncio.to_thread(put, service, channel, "x" * (2**20 - 10), token)
    assert status == 200
    async with editors(service, channel, "ali") as (ali,):
        version = answer["version"]
        refused = await ali.ask(edit(channel, version, 0, "y" * 11))
        assert refused["error_code"] == "INVALID_MESSAGE_FORMAT"
        assert await committed(ali, edit(channel, version, 0, "y" * 10)) == version + 1


@scene
async def test_a_text_or_body_that_is_too_big_is_told_the_bound_of_a_document(service: Service) -> None:
    channel = fresh()
    for content, expected in (("ن" * (2**20 + 1), 400), ("n" * (9 << 20), 413), ("ن" * 2**20, 200)):
        token = service.token(f"writes-{expected}", "write:document:*")
        status, answer = await asyncio.to_thread(put, service, channel, content, token)
        assert status == expected, answer
        assert status == 200 or "1048576 UTF-16 units" in answer["message"]


@scene
async def test_the_version_of_a_document_is_its_etag(service: Service) -> None:
    channel, token = fresh(), service.token("sys", "write:document:*")
    _, answer = await asyncio.to_thread(put, service, channel, "text", token)
    address = f"{service.http}/v1/documents/{channel.partition(':')[2]}"
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=HANG_SECONDS) as http:
        found = await http.get(address)
        assert found.headers["etag"] == f'"{answer["version"]}"'
        assert int(found.headers["content-length"]) == len(found.content)
        again = await http.get(address, headers={"If-None-Match": found.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        older = await http.get(address, headers={"If-None-Match": '"0"'})
        assert older.json()["content"] == "text"
