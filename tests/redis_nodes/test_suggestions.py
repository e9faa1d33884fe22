"""Suggestions over two nodes of the real service: accepted and rejected by both at once, and while one is killed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx

from tests.harness.coroutine_tests import asynchronous
from tests.harness.redis_server import RedisServer
from tests.harness.service import Service
from tests.harness.wire import Client
from tests.promises.node_cluster import nodes
from tests.web.test_comments import Commenter, Json
from tests.web.test_documents import committed, edit, editors, text_of

DOC = "document:shared"
_SUGGESTIONS = 6


async def _words(service: Service, number: int) -> list[str]:
    """Make a document of so many words, each with a suggestion to write it in capitals; return their ids."""
    nora = Commenter(service, DOC, "nora")
    async with editors(service, DOC, "ali") as (ali,):
        await committed(ali, edit(DOC, 0, 0, " ".join(["word"] * number)))
    return [(await nora.add(5 * at, 5 * at + 4, replacement=f"WORD{at}"))["id"] for at in range(number)]


def _expected(rows: list[Json]) -> list[str]:
    return [f"WORD{at}" if row["status"] == "accepted" else "word" for at, row in enumerate(rows)]


async def _told(client: Client, names: list[str], status: str) -> list[str]:
    """Return the ids of the comments that a client was told to have a status, once all of `names` are."""
    seen: list[str] = []
    while not set(names) <= set(seen):
        payload = (await client.receive("document_comment"))["payload"]
        if payload["status"] == status:
            seen.append(payload["id"])
    return seen


@asynchronous
async def test_of_two_who_accept_on_two_nodes_at_once_one_edits_and_both_get_the_same_answer(
    shared_server: RedisServer, tmp_path: Path
) -> None:
    with nodes(tmp_path, shared_server, {"storage.redis_prefix": tmp_path.name}) as running:
        names = await _words(running[0], _SUGGESTIONS)
        users = [Commenter(service, DOC, name) for service, name in zip(running, ("omar", "bea"), strict=True)]
        async with editors(running[0], DOC, "ali") as (ali,), editors(running[1], DOC, "sara") as (sara,):
            for number, name in enumerate(names):
                path = f"/comments/{name}/accept"
                first, second = await asyncio.gather(*(user.good("POST", path) for user in users))
                assert (first["accepted"], first["changed_by"]) == (second["accepted"], second["changed_by"])
                assert (first["status"], first["accepted"]) == ("accepted", number + 2)
            for client in (ali, sara):
                assert await _told(client, names, "accepted") == names
        version, content, _ = await text_of(running[1], DOC)
        assert (version, content) == (1 + _SUGGESTIONS, " ".join(f"WORD{at}" for at in range(_SUGGESTIONS)))
        for one in running:
            one.assert_log_clean()


@asynchronous
async def test_of_an_acceptance_and_a_rejection_on_two_nodes_at_once_one_is_done(
    shared_server: RedisServer, tmp_path: Path
) -> None:
    with nodes(tmp_path, shared_server, {"storage.redis_prefix": tmp_path.name}) as running:
        names = await _words(running[0], _SUGGESTIONS)
        omar, bea = (Commenter(service, DOC, name) for service, name in zip(running, ("omar", "bea"), strict=True))
        for name in names:
            outcomes = await asyncio.gather(
                omar.ask("POST", f"/comments/{name}/accept"), bea.ask("POST", f"/comments/{name}/reject")
            )
            assert sorted(status for status, _ in outcomes) == [200, 409], outcomes
        assert (await text_of(running[1], DOC))[1].split(" ") == _expected(await omar.listed())
        for one in running:
            one.assert_log_clean()


@asynchronous
async def test_a_node_that_is_killed_as_it_accepts_leaves_text_and_status_of_one_mind(
    shared_server: RedisServer, tmp_path: Path
) -> None:
    with nodes(tmp_path, shared_server, {"storage.redis_prefix": tmp_path.name}) as running:
        names = await _words(running[0], _SUGGESTIONS)
        omar, bea = (Commenter(service, DOC, name) for service, name in zip(running, ("omar", "bea"), strict=True))
        accepting = [asyncio.ensure_future(omar.ask("POST", f"/comments/{name}/accept")) for name in names]
        await asyncio.wait(accepting, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.to_thread(running[0].kill)
        answers: list[Any] = await asyncio.gather(*accepting, return_exceptions=True)
        assert all(isinstance(one, httpx.TransportError) or one[0] == 200 for one in answers), answers
        # What it had sent may still come to the store: read until nothing changed in between.
        before, rows, content = list[Json](), await bea.listed(), ""
        while before != rows:
            before, content, rows = rows, (await text_of(running[1], DOC))[1], await bea.listed()
        assert content.split(" ") == _expected(rows)
        assert any(row["status"] == "accepted" for row in rows)
        for name in names:
            assert (await bea.good("POST", f"/comments/{name}/accept"))["status"] == "accepted"
        assert (await text_of(running[1], DOC))[1].split(" ") == [f"WORD{at}" for at in range(_SUGGESTIONS)]
        running[1].assert_log_clean()
