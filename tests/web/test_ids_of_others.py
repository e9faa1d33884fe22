"""Ids of others: who may write one `user:` channel speaks for no commitment or brief of others.

Source: docs/protocol.md#ids-of-others.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.harness import tokens
from tests.harness.eventually import HANG_SECONDS
from tests.harness.service import Service
from tests.harness.wire import Client, Message
from tests.web.fresh import fresh
from tests.web.test_actions import ack, alert, brief, call, cancel

PROGRAM = tokens.token("program", "write:user:*", "write:dossier:mou:*")
SERVICE = tokens.token("service", "write:user:*")


def publish(service: Service, token: str, *events: Message) -> tuple[int, Message]:
    return call(service, token, "POST", "/v1/publish", {"events": list(events)})


def person(user: str) -> str:
    """Somebody who may write their own channel and no other."""
    return tokens.token(user, f"write:user:{user}")


async def refused(client: Client, message: Message) -> None:
    answer = await client.ask(message)
    assert (answer["type"], answer["error_code"]) == ("error", "PERMISSION_DENIED"), answer


async def says(client: Client, event: Message) -> Message:
    """The answer to an event that is sent over the socket."""
    channel = event.get("channel") or event["channels"][0]
    sent = {name: value for name, value in event.items() if name != "channels"} | {"channel": channel}
    return await client.ask(sent)


@pytest.mark.parametrize("publisher", [PROGRAM, SERVICE], ids=["of the MoU", "for all users"])
@pytest.mark.parametrize("door", ["socket", "http"])
def test_alerting_oneself_about_anothers_commitment_is_refused(service: Service, publisher: str, door: str) -> None:
    async def scene() -> None:
        commitment, mal = fresh("commitment"), fresh("mal")
        assert publish(service, publisher, alert(commitment, 1, "ali"))[0] == 200
        client = await Client.connect(service, person(mal))
        if door == "socket":
            answer = await says(client, alert(commitment, 3, mal))
            assert answer["error_code"] == "PERMISSION_DENIED", answer
        else:
            status, body = publish(service, person(mal), alert(fresh("own"), 1, mal), alert(commitment, 3, mal))
            assert (status, body["error_code"], body["index"]) == (403, "PERMISSION_DENIED", 1)
            assert body["path"] == "$.events[1]"
        await refused(client, ack(commitment))
        assert call(service, person(mal), "POST", f"/v1/commitments/{commitment}/ack", {})[0] == 403
        await client.close()
        status, state = call(service, tokens.operator(), "POST", f"/v1/commitments/{commitment}/ack", {})
        assert (status, state["acknowledged_by"], state["alert_level"]) == (200, "operator", 1), "as it was"

    asyncio.run(asyncio.wait_for(scene(), HANG_SECONDS))


def test_who_named_a_commitment_first_has_no_part_in_it_once_its_program_does(service: Service) -> None:
    async def scene() -> None:
        commitment, mal = fresh("commitment"), fresh("mal")
        client = await Client.connect(service, person(mal))
        assert (await says(client, alert(commitment, 3, mal)))["type"] == "ack"  # their own channel, nobody's id yet
        await client.ask(ack(commitment))
        assert publish(service, PROGRAM, alert(commitment, 1, "ali"))[0] == 200
        await refused(client, ack(commitment))
        await refused(client, alert(commitment, 3, mal) | {"channel": f"user:{mal}"})
        await client.close()
        status, state = call(service, tokens.token("ali"), "POST", f"/v1/commitments/{commitment}/ack", {})
        assert (status, state["acknowledged_by"], state["alert_level"]) == (200, "ali", 1)

    asyncio.run(asyncio.wait_for(scene(), HANG_SECONDS))


def test_a_commitment_stays_with_its_mou(service: Service) -> None:
    commitment = fresh("commitment")
    owner = tokens.token("one", "write:user:*", "write:dossier:mou:m1")
    other = tokens.token("two", "write:user:*", "write:dossier:mou:m2")
    assert publish(service, owner, alert(commitment, 1, "ali"))[0] == 200
    for token, event in (
        (other, alert(commitment, 1, "bea", mou_id="m2")),
        (other, alert(commitment, 1, "bea")),
        (SERVICE, alert(commitment, 1, "bea")),
        (owner, alert(commitment, 1, "bea", mou_id="m2")),
    ):
        status, body = publish(service, token, event)
        assert (status, body["error_code"]) == (403, "PERMISSION_DENIED"), body
    assert publish(service, PROGRAM, alert(commitment, 2, "bea"))[0] == 200, "whoever may write the MoU may go on"


@pytest.mark.parametrize(
    "permissions", [("write:user:*",), ("write:*",), ("write:user:ali",), ("write:user:ali", "read:*")]
)
def test_whoever_may_write_the_channel_publishes_what_nobody_else_named(
    service: Service, permissions: tuple[str, ...]
) -> None:
    """The contract's promise to every publisher, program or person."""
    token = tokens.token(fresh("publisher"), *permissions)
    commitment, request = fresh("commitment"), fresh("brief")
    for level in (1, 2, 3):
        assert publish(service, token, alert(commitment, level, "ali"))[0] == 200
    for kind in ("started", "progress", "complete"):
        assert publish(service, token, brief(request, kind, "ali"))[0] == 200


@pytest.mark.parametrize("stranger", ["person", "program"])
@pytest.mark.parametrize("kind", ["started", "progress", "complete", "failed"])
def test_nobody_opens_or_ends_anothers_brief(service: Service, kind: str, stranger: str) -> None:
    async def scene() -> None:
        request, mal = fresh("brief"), fresh("mal")
        user = "ali" if stranger == "program" else mal
        token: Any = person(mal) if stranger == "person" else tokens.token("another", "write:user:*")
        assert publish(service, SERVICE, brief(request, "started", "ali"))[0] == 200
        status, body = publish(service, token, brief(request, kind, user))
        assert (status, body["error_code"], body["path"]) == (403, "PERMISSION_DENIED", "$.events[0]")
        client = await Client.connect(service, person(mal))
        answer = await says(client, brief(request, kind, mal))
        assert answer["error_code"] == "PERMISSION_DENIED", answer
        await refused(client, cancel(request))
        await client.close()
        assert publish(service, SERVICE, brief(request, "complete", "ali"))[0] == 200, "it goes on undisturbed"

    asyncio.run(asyncio.wait_for(scene(), HANG_SECONDS))


def test_a_brief_that_a_stranger_named_first_is_its_programs(service: Service) -> None:
    async def scene() -> None:
        request, mal = fresh("brief"), fresh("mal")
        client = await Client.connect(service, person(mal))
        assert (await says(client, brief(request, "started", mal)))["type"] == "ack"
        assert publish(service, SERVICE, brief(request, "started", "ali"))[0] == 200
        await refused(client, cancel(request))
        await client.close()
        status, body = call(service, tokens.token("ali"), "POST", f"/v1/briefs/{request}/cancel", {})
        assert (status, body["ended"]) == (200, "cancelled")

    asyncio.run(asyncio.wait_for(scene(), HANG_SECONDS))


@pytest.mark.parametrize("subject", ["commitment", "brief"])
def test_a_refused_id_is_refused_in_the_words_of_a_forbidden_send(service: Service, subject: str) -> None:
    """Equal to the byte, over the socket and over HTTP, so that it tells no more than that it is refused."""

    async def scene() -> None:
        taken, mal = fresh(subject), fresh("mal")

        def event(user: str) -> Message:
            return alert(taken, 1, user) if subject == "commitment" else brief(taken, "started", user)

        assert publish(service, PROGRAM, event("ali"))[0] == 200
        client = await Client.connect(service, person(mal))
        answers = [await says(client, event(user)) for user in (mal, "ali")]
        await client.close()
        mine, forbidden = (
            {name: value for name, value in answer.items() if name not in ("timestamp", "ref", "channel")}
            for answer in answers
        )
        assert mine == forbidden
        assert [list(answer) for answer in answers] == [list(answers[0])] * 2
        assert [answer["channel"] for answer in answers] == [f"user:{mal}", "user:ali"]
        assert publish(service, person(mal), event(mal)) == publish(service, person(mal), event("ali"))

    asyncio.run(asyncio.wait_for(scene(), HANG_SECONDS))
