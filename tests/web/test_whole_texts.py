"""`PUT /v1/documents/{id}`: conditions, merges, formatting, keys, and what editors receive."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from tests.harness.eventually import HANG_SECONDS
from tests.harness.service import Service
from tests.web.test_documents import committed, edit, editors, fresh, text_of

BOLD = {"bold": True}


@asynccontextmanager
async def saver(service: Service, channel: str, right: str = "write") -> AsyncIterator[Callable[..., Awaitable[Any]]]:
    """A caller that saves whole texts of one document; options other than members of the body are headers."""
    headers = {"Authorization": f"Bearer {service.token('saver', f'{right}:document:*')}"}
    address = f"{service.http}/v1/documents/{channel.partition(':')[2]}"
    async with httpx.AsyncClient(headers=headers, timeout=HANG_SECONDS) as http:

        async def put(content: object, if_match: object = None, key: str = "", **more: Any) -> httpx.Response:
            given = {"If-Match": f'"{if_match}"'} if if_match is not None else {}
            if key:
                given["Idempotency-Key"] = key
            return await http.put(address, json={"content": content, **more}, headers=given)

        yield put


def test_what_changed_since_the_base_is_merged_with_what_others_wrote(service: Service) -> None:
    async def scene() -> None:
        channel = fresh()
        async with saver(service, channel) as put, editors(service, channel, "ali", "bea") as (ali, bea):
            assert (await put("one\ntwo\nthree\n")).json()["version"] == 1
            await committed(ali, edit(channel, 1, 4, "my "))
            await committed(ali, edit(channel, 2, 0, operation_type="format", length=3, attributes=BOLD))
            answer = await put("one!\ntwo\nthree?\n", base=1)
            assert (answer.status_code, answer.json()["version"], answer.headers["etag"]) == (200, 4, '"4"')
            assert await text_of(service, channel) == (
                *(4, "one!\nmy two\nthree?\n"),
                [{"position": 0, "length": 3, "attributes": BOLD}],
            )
            seen = [(await bea.receive("remote_operation"))["payload"] for _ in range(4)]
            saved = seen[3]["operations"]
            assert [(one["position"], one.get("content")) for one in saved] == [(3, "!"), (17, "?")]
            assert "op_id" not in seen[3]

    asyncio.run(scene())


def test_two_edits_far_apart_are_two_small_operations_for_editors(service: Service) -> None:
    async def scene() -> None:
        channel = fresh()
        lines = [f"Clause {number % 9}: as agreed\n" for number in range(2_100)]
        async with saver(service, channel) as put:
            version = (await put("".join(lines))).json()["version"]
            changed = "".join(["Clause 0, as agreed\n", *lines[1:-1], lines[-1].replace("agreed", "written")])
            async with editors(service, channel, "ali") as (ali,):
                assert (await put(changed, if_match=version)).status_code == 200
                seen = (await ali.receive("remote_operation"))["payload"]
                assert seen["version"] == version + 1
                assert len(seen["operations"]) <= 4
                assert max(one.get("length") or len(one["content"]) for one in seen["operations"]) <= len("written")
                assert (await text_of(service, channel))[1] == changed

    asyncio.run(scene())


def test_formatting_is_replaced_where_it_is_named(service: Service) -> None:
    async def scene() -> None:
        channel = fresh()
        bold = {"position": 0, "length": 5, "attributes": BOLD}
        async with saver(service, channel) as put:
            version = (await put("hello world", format=[bold])).json()["version"]
            assert await text_of(service, channel) == (version, "hello world", [bold])
            later = (await put("hello brave world", base=version)).json()["version"]
            assert (await text_of(service, channel))[2] == [bold]
            await put("hello brave world", base=later, format=[])
            assert (await text_of(service, channel))[2] == []

    asyncio.run(scene())


def test_conditions_are_told_with_the_present_version(service: Service) -> None:
    async def scene() -> None:
        channel = fresh()
        async with saver(service, channel) as put:
            await put("one")
            for status, how in (
                (428, {}),
                (412, {"if_match": 0}),
                (412, {"if_match": 2}),
                (412, {"if_match": 0, "base": 1}),
                (409, {"base": 2}),
                (409, {"base": 2, "if_match": 1}),
            ):
                refused = await put("two", **how)
                told = refused.json()
                assert (refused.status_code, told["error_code"], told["version"]) == (status, "VERSION_CONFLICT", 1)
            assert (await put("one two", base=0, if_match=1)).status_code == 200  # "one" is another's: it stays
            assert (await text_of(service, channel))[1] == "one twoone"

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"content": 5}, "$.content"),
        ({"content": "nul\0"}, "$.content"),
        ({"content": "x", "base": -1}, "$.base"),
        ({"content": "x", "base": "1"}, "$.base"),
        ({"content": "x", "format": [{"position": 0, "length": 2, "attributes": BOLD}]}, "$.format"),
        (
            {"content": "x", "format": [{"position": 0, "length": 1, "attributes": {"bold": 1}}]},
            "$.format[0].attributes.bold",
        ),
    ],
)
def test_a_faulty_body_is_refused_by_its_path(service: Service, body: dict[str, Any], path: str) -> None:
    async def scene() -> None:
        async with saver(service, fresh()) as put:
            refused = await put(**body)
            assert (refused.status_code, refused.json()["error_code"]) == (400, "INVALID_MESSAGE_FORMAT")
            assert refused.json()["path"] == path

    asyncio.run(scene())


@pytest.mark.parametrize("how", [{}, {"if_match": 1}, {"base": 1}])
def test_a_call_with_a_key_is_done_once(service: Service, how: dict[str, int]) -> None:
    async def scene() -> None:
        channel = fresh()
        async with saver(service, channel) as put, editors(service, channel, "ali") as (ali,):
            if how:
                await put("one")
            first = await put("one two", key="k-1", **how)
            await committed(ali, edit(channel, first.json()["version"], 0, "zero "))
            again = await put("one two", key="k-1", **how)
            assert (again.status_code, again.json()) == (200, first.json())
            assert (await text_of(service, channel))[1] == "zero one two"
            other = await put("one three", key="k-1", **how)
            assert (other.status_code, other.json()["error_code"]) == (409, "INVALID_MESSAGE_FORMAT")
            assert (await put("x", key="no blanks", **how)).status_code == 400
            assert (await committed(ali, edit(channel, 0, 0, "!", op_id="k-1"))) == first.json()["version"] + 2

    asyncio.run(scene())
