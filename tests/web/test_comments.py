"""Comments and suggestions over real sockets and HTTP: with two editors, over a restart, and in wrong forms."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

import httpx

from tests.harness.coroutine_tests import asynchronous
from tests.harness.eventually import HANG_SECONDS
from tests.harness.service import Service
from tests.harness.wire import Client
from tests.web.conftest import ROOMY
from tests.web.test_documents import committed, edit, editors, fresh, scene, text_of

Json = dict[str, Any]
UNKNOWN = "0123456789abcdef"


class Commenter:
    """A user who comments on one document over HTTP."""

    def __init__(self, service: Service, channel: str, name: str, right: str = "write", called: str = "") -> None:
        token = service.token(name, f"{right}:document:*", name=called or name)
        self._headers = {"Authorization": f"Bearer {token}"}
        self._url = f"{service.http}/v1/documents/{channel.partition(':')[2]}"

    async def ask(self, method: str, path: str = "/comments", body: Json | None = None, **headers: str) -> Any:
        """Return (status, answer)."""
        async with httpx.AsyncClient(headers=self._headers | headers, timeout=HANG_SECONDS) as http:
            answer = await http.request(method, self._url + path, json=body)
            return answer.status_code, answer.json()

    async def good(self, method: str, path: str = "/comments", body: Json | None = None, **headers: str) -> Json:
        status, answer = await self.ask(method, path, body, **headers)
        assert status == 200, answer
        found: Json = answer
        return found

    async def add(self, start: int, end: int, text: str | None = None, **more: Any) -> Json:
        said = {"start": start, "end": end, **more} | ({} if text is None else {"text": text})
        return await self.good("POST", body=said)

    async def listed(self, query: str = "") -> list[Json]:
        found = (await self.good("GET", f"/comments{query}"))["comments"]
        assert isinstance(found, list)
        return found


async def told(client: Client) -> Json:
    """The payload of the next comment that a client is told of."""
    payload = (await client.receive("document_comment"))["payload"]
    assert isinstance(payload, dict)
    return payload


@scene
async def test_a_comment_moves_with_its_text_and_its_thread_reaches_everybody(service: Service) -> None:
    channel = fresh()
    nora, omar = Commenter(service, channel, "nora", called="Nora"), Commenter(service, channel, "omar", called="عمر")
    async with editors(service, channel, "ali", "bea") as (ali, bea):
        await committed(ali, edit(channel, 0, 0, "Signed by 😀 the party today."))
        made = await nora.add(13, 22, "Which party?\nأي طرف؟", version=1)
        assert (made["quote"], made["start"], made["end"], made["version"]) == ("the party", 13, 22, 1)
        assert (made["status"], made["user_id"], made["user_name"], made["revision"]) == ("open", "nora", "Nora", 1)
        assert await told(ali) == await told(bea) == made
        await committed(bea, edit(channel, 1, 0, "Draft: "))
        await committed(bea, edit(channel, 2, 24, "first "))  # within the text: it belongs to it
        await committed(bea, edit(channel, 3, 20, "> "))  # at its edge: it does not
        (row,) = await omar.listed()
        assert (row["start"], row["end"], row["version"]) == (22, 37, 4)
        assert (await text_of(service, channel))[1][21:36] == "the first party"  # one character less: the emoji
        name = made["id"]
        answered = await omar.good("POST", f"/comments/{name}/replies", {"text": "الأول"})
        assert [(one["user_name"], one["text"]) for one in answered["replies"]] == [("عمر", "الأول")]
        assert (await told(ali)) == answered
        resolved = await omar.good("POST", f"/comments/{name}/resolve")
        assert (resolved["status"], resolved["changed_by"], resolved["revision"]) == ("resolved", "omar", 3)
        assert await omar.good("POST", f"/comments/{name}/resolve") == resolved
        assert (await nora.listed("?status=open"), await nora.listed()) == ([], [resolved])
        assert (await nora.good("POST", f"/comments/{name}/reopen"))["status"] == "open"
        assert [(await told(ali))["status"] for _ in range(2)] == ["resolved", "open"]
        gone = await nora.good("DELETE", f"/comments/{name}")
        assert (gone["status"], gone["quote"], "text" in gone, "replies" in gone) == ("removed", "", False, False)
        assert await told(ali) == gone
        assert await nora.listed() == []
        assert (await nora.ask("POST", f"/comments/{name}/resolve"))[0] == 404


@scene
async def test_a_comment_whose_text_is_deleted_is_orphaned_and_comes_back_with_it(service: Service) -> None:
    channel = fresh()
    nora = Commenter(service, channel, "nora")
    async with editors(service, channel, "ali") as (ali,):
        await committed(ali, edit(channel, 0, 0, "One. Two. Three."))
        await nora.add(5, 9, "why two?")
        await committed(ali, edit(channel, 1, 4, length=6))
        (row,) = await nora.listed()
        assert (row["orphaned"], row["quote"], row["start"], row["end"]) == (True, "Two.", 4, 4)
        restored = await nora.good("POST", "/restore", {"version": 1})
        (row,) = await nora.listed()
        assert ("orphaned" in row, row["start"], row["end"], row["version"]) == (False, 5, 9, restored["version"])
        # What is commented on an old version lands where its text is now, or is refused.
        late = await nora.add(0, 4, "late", version=2)
        assert (late["start"], late["end"]) == (0, 4)
        await committed(ali, edit(channel, restored["version"], 0, length=4))
        status, answer = await nora.ask("POST", body={"start": 0, "end": 4, "text": "x", "version": 1})
        assert (status, answer["error_code"]) == (409, "VERSION_CONFLICT")


@scene
async def test_a_suggestion_is_accepted_as_an_edit_of_the_one_who_accepts(service: Service) -> None:
    channel = fresh()
    nora, omar = Commenter(service, channel, "nora"), Commenter(service, channel, "omar", called="Omar")
    async with editors(service, channel, "ali") as (ali,):
        await committed(ali, edit(channel, 0, 0, "The colour red is good."))
        await committed(ali, edit(channel, 1, 0, operation_type="format", length=10, attributes={"bold": True}))
        suggestion = await nora.add(0, 14, replacement="The color red", text="American")
        assert (suggestion["replacement"], suggestion["quote"]) == ("The color red", "The colour red")
        await committed(ali, edit(channel, 2, 11, "dark "))
        assert (await told(ali))["id"] == suggestion["id"]
        accepted = await omar.good("POST", f"/comments/{suggestion['id']}/accept")
        assert (accepted["status"], accepted["changed_by"], accepted["accepted"]) == ("accepted", "omar", 4)
        remote = (await ali.receive("remote_operation"))["payload"]
        assert (remote["user_id"], remote["user_name"], remote["version"]) == ("omar", "Omar", 4)
        assert (await told(ali))["status"] == "accepted"
        _, content, runs = await text_of(service, channel)
        assert content == "The color dark red is good."
        assert [(run["position"], run["length"]) for run in runs] == [(0, 9)]
        # Accepting again has no effect; what is accepted cannot be rejected.
        assert (await omar.good("POST", f"/comments/{suggestion['id']}/accept"))["accepted"] == 4
        assert (await omar.ask("POST", f"/comments/{suggestion['id']}/reject"))[0] == 409
        second = await nora.add(4, 9, replacement="shade")
        await committed(ali, edit(channel, 4, 4, length=5))
        status, answer = await omar.ask("POST", f"/comments/{second['id']}/accept")
        assert (status, answer["error_code"]) == (409, "VERSION_CONFLICT")
        assert (await omar.good("POST", f"/comments/{second['id']}/reject"))["status"] == "rejected"
        assert (await omar.good("POST", f"/comments/{second['id']}/reopen"))["status"] == "open"
        inserted = await nora.add(4, 4, replacement="new ")
        assert (await omar.good("POST", f"/comments/{inserted['id']}/accept"))["status"] == "accepted"
        assert (await text_of(service, channel))[:2] == (6, "The new  dark red is good.")


@scene
async def test_of_two_who_accept_at_once_one_edits(service: Service) -> None:
    channel = fresh()
    nora, omar = Commenter(service, channel, "nora"), Commenter(service, channel, "omar")
    async with editors(service, channel, "ali") as (ali,):
        await committed(ali, edit(channel, 0, 0, "one two three"))
        suggestion = await nora.add(4, 7, replacement="2 two 2")
        path = f"/comments/{suggestion['id']}/accept"
        answers = await asyncio.gather(*(who.good("POST", path) for who in (nora, omar, nora, omar)))
        assert {one["accepted"] for one in answers} == {2}
        assert (await text_of(service, channel))[:2] == (2, "one 2 two 2 three")


@scene
async def test_a_resend_has_one_effect_and_another_body_none(service: Service) -> None:
    channel = fresh()
    nora, omar = Commenter(service, channel, "nora"), Commenter(service, channel, "omar")
    async with editors(service, channel, "ali") as (ali,):
        await committed(ali, edit(channel, 0, 0, "one two three"))
        said = {"start": 0, "end": 3, "text": "first"}
        first = await _keyed(nora, "", said)
        assert await _keyed(nora, "", said) == first
        assert (await _keyed(omar, "", said))["id"] != first["id"]
        assert (await nora.ask("POST", "/comments", said | {"text": "other"}, **{"Idempotency-Key": "k1"}))[0] == 409
        reply = await _keyed(nora, f"/{first['id']}/replies", {"text": "a"})
        assert await _keyed(nora, f"/{first['id']}/replies", {"text": "a"}) == reply
        path = f"/comments/{first['id']}/replies"
        assert (await nora.ask("POST", path, {"text": "b"}, **{"Idempotency-Key": "k1"}))[0] == 409
        assert [len(one.get("replies", [])) for one in await nora.listed()] == [1, 0]


async def _keyed(who: Commenter, path: str, body: Json) -> Json:
    return await who.good("POST", f"/comments{path}", body, **{"Idempotency-Key": "k1"})


@scene
async def test_comments_are_shown_and_changed_by_the_rights_to_the_document(service: Service) -> None:
    channel = fresh()
    nora, bea = Commenter(service, channel, "nora"), Commenter(service, channel, "bea")
    reader = Commenter(service, channel, "rea", "read")
    async with editors(service, channel, "ali") as (ali,):
        await committed(ali, edit(channel, 0, 0, "one two three"))
    made = await nora.add(0, 3, "mine")
    path = f"/comments/{made['id']}"
    assert [one["id"] for one in await reader.listed()] == [made["id"]]
    for method, where, body in (
        ("POST", "/comments", {"start": 0, "end": 3, "text": "x"}),
        ("POST", f"{path}/replies", {"text": "x"}),
        ("POST", f"{path}/resolve", None),
        ("DELETE", path, None),
    ):
        assert (await reader.ask(method, where, body))[0] == 403, where
    assert (await bea.ask("DELETE", path))[0] == 403  # another's
    assert (await Commenter(service, channel, "adm", "admin").good("DELETE", path))["status"] == "removed"
    kept = await nora.add(0, 3, "secret words")
    operator = {"Authorization": f"Bearer {service.token('op', 'admin:*', clearance='secret')}"}
    async with httpx.AsyncClient(headers=operator, timeout=HANG_SECONDS) as http:
        for settings in ({"classification": "secret"}, {"classification": "internal", "frozen": True}):
            assert (await http.put(f"{service.http}/v1/channels/{channel}", json=settings)).status_code == 200
            statuses = [(await who.ask("GET"))[0] for who in (nora, reader)]
            assert statuses == ([403, 403] if "frozen" not in settings else [200, 200])
            assert (await nora.ask("POST", f"/comments/{kept['id']}/resolve"))[0] == 403


@scene
async def test_bad_input_is_refused_with_its_place_and_changes_nothing(service: Service) -> None:
    channel = fresh()
    nora = Commenter(service, channel, "nora")
    async with editors(service, channel, "ali") as (ali,):
        assert (await nora.ask("POST", body={"start": 0, "end": 1, "text": "x"}))[0] == 404
        await committed(ali, edit(channel, 0, 0, "a😀b and more"))
        made = await nora.add(0, 1, "good")
        good = {"start": 0, "end": 1, "text": "x"}
        table: list[tuple[Json, int, str]] = [
            ({}, 400, "$"),
            (good | {"more": 1}, 400, "$"),
            (good | {"start": "0"}, 400, "$.start"),
            (good | {"start": -1}, 400, "$.start"),
            (good | {"end": 1.0}, 400, "$.end"),
            (good | {"start": 2, "end": 1}, 400, "$.end"),
            (good | {"start": 1, "end": 1}, 400, "$.end"),
            (good | {"start": 0, "end": 99}, 400, "$.end"),
            (good | {"start": 0, "end": 99, "version": 0}, 400, "$.end"),
            (good | {"start": 2}, 400, "$.end"),
            (good | {"start": 2, "end": 3}, 400, "$.start"),
            (good | {"start": 1, "end": 2}, 400, "$.end"),
            (good | {"text": ""}, 400, "$.text"),
            (good | {"text": "a\0b"}, 400, "$.text"),
            (good | {"text": "x" * 4_001}, 400, "$.text"),
            (good | {"text": 5}, 400, "$.text"),
            ({"start": 0, "end": 1}, 400, "$.text"),
            (good | {"replacement": "a\0b"}, 400, "$.replacement"),
            (good | {"replacement": "x" * 4_097}, 400, "$.replacement"),
            (good | {"replacement": "😀" * 2_049}, 400, "$.replacement"),
            (good | {"replacement": "", "end": 0}, 400, "$.replacement"),
            (good | {"version": -1}, 400, "$.version"),
            (good | {"version": 9}, 409, ""),
            (good | {"epoch": "another"}, 409, ""),
        ]
        for body, status, path in table:
            found, answer = await nora.ask("POST", body=body)
            assert (found, answer.get("path", "")) == (status, path), (body, answer)
        name = made["id"]
        calls: list[tuple[str, str, Json | None, int]] = [
            ("POST", f"/comments/{name}/replies", {"text": ""}, 400),
            ("POST", f"/comments/{name}/replies", {"text": "a\0"}, 400),
            ("POST", f"/comments/{name}/replies", {}, 400),
            ("POST", f"/comments/{name}/resolve", {"more": 1}, 400),
            ("POST", f"/comments/{name}/accept", None, 409),
            ("POST", f"/comments/{name}/reject", None, 409),
            ("POST", f"/comments/{name}/close", None, 404),
            ("POST", f"/comments/{UNKNOWN}/resolve", None, 404),
            ("POST", f"/comments/{UNKNOWN}/accept", None, 404),
            ("POST", f"/comments/{UNKNOWN}/replies", {"text": "x"}, 404),
            ("POST", "/comments/..%2f/resolve", None, 404),
            ("DELETE", f"/comments/{UNKNOWN}", None, 404),
            ("DELETE", "/comments/x", None, 404),
            ("GET", "/comments?limit=0", None, 400),
            ("GET", "/comments?limit=101", None, 400),
            ("GET", "/comments?after=x", None, 400),
            ("GET", "/comments?status=closed", None, 400),
        ]
        for method, where, body_or_none, status in calls:
            assert (await nora.ask(method, where, body_or_none))[0] == status, where
        assert await nora.listed() == [made]


@scene
async def test_long_lists_come_in_pages_and_a_thread_is_bounded(service: Service) -> None:
    channel = fresh()
    nora = Commenter(service, channel, "nora")
    async with editors(service, channel, "ali") as (ali,):
        await committed(ali, edit(channel, 0, 0, "0123456789"))
        made = [await nora.add(at, at + 1, f"c{at}") for at in range(5)]
        page = await nora.good("GET", "/comments?limit=2")
        rows = page["comments"]
        while "next" in page:
            page = await nora.good("GET", f"/comments?limit=2&after={page['next']}")
            rows += page["comments"]
        assert [one["id"] for one in rows] == [one["id"] for one in made]
        path = f"/comments/{made[0]['id']}/replies"
        answers = [await nora.ask("POST", path, {"text": "x" * 4_000}) for _ in range(13)]
        assert [status for status, _ in answers] == [200] * 11 + [409] * 2
        assert "begin another" in answers[-1][1]["message"]
        for size in (1_000, 250, 60, 15, 4, 1):  # to the last byte
            while (await nora.ask("POST", path, {"text": "x" * size}))[0] == 200:
                pass
        status, resolved = await nora.ask("POST", f"/comments/{made[0]['id']}/resolve")
        assert (status, resolved["status"]) == (200, "resolved"), "a full thread can be ended"


@asynchronous
async def test_comments_stay_on_their_text_over_restarts_and_random_edits(tmp_path: Path) -> None:
    chance = random.Random(7)  # noqa: S311  chance that can be run again
    channel = "document:paper"
    with Service(tmp_path / "data", ROOMY) as service:
        marks = [f"<{number}>" for number in range(8)]
        text = "".join(f"..{mark}.." for mark in marks)
        nora = Commenter(service, channel, "nora")
        version = 0
        for life in range(2):
            async with editors(service, channel, "ali", "bea") as (ali, bea):
                if life == 0:
                    version = await committed(ali, edit(channel, 0, 0, text))
                    for mark in marks:
                        await nora.add(text.index(mark), text.index(mark) + 3, mark)
                for _ in range(60):
                    who = chance.choice((ali, bea))
                    dots = [at for at in range(len(text)) if text[at] == "."]
                    at = chance.choice(dots)
                    if chance.random() < 0.4 and len(dots) > 5:
                        text = text[:at] + text[at + 1 :]
                        version = await committed(who, edit(channel, version, at, length=1))
                    else:
                        text = text[:at] + "..ء" + text[at:]
                        version = await committed(who, edit(channel, version, at, "..ء"))
            assert (await text_of(service, channel))[1] == text
            for row in await nora.listed():
                assert (text[row["start"] : row["end"]], row["version"]) == (row["text"], version)
            await asyncio.to_thread(service.kill if life == 0 else service.restart)
            if life == 0:
                await asyncio.to_thread(service.start)
            nora = Commenter(service, channel, "nora")
        assert [(text[row["start"] : row["end"]]) for row in await nora.listed()] == marks
        admin = Commenter(service, channel, "adm", "admin")
        assert (await admin.ask("DELETE", ""))[0] == 200
        async with editors(service, channel, "ali") as (ali,):
            await committed(ali, edit(channel, 0, 0, "anew"))
            assert await nora.listed() == []
    service.assert_log_clean()
