"""A document's versions over HTTP: their list, their names, their texts, their differences; and who may see them."""

from __future__ import annotations

import asyncio
import secrets
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.harness.eventually import HANG_SECONDS
from tests.harness.service import Service
from tests.harness.wire import Client
from tests.web.conftest import ROOMY
from tests.web.test_documents import committed, edit, editors, fresh, scene

Json = dict[str, Any]


def ask(service: Service, token: str, method: str, path: str, **options: Any) -> tuple[int, Json]:
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=service.http, headers=headers, timeout=HANG_SECONDS) as http:
        answer = http.request(method, f"/v1/documents/{path}", **options)
        return answer.status_code, answer.json()


@scene
async def test_the_history_has_each_versions_author_and_time(service: Service) -> None:
    channel = fresh()
    document = channel.partition(":")[2]
    began = int(time.time())
    async with editors(service, channel, "ali", "bea") as (ali, bea):
        await committed(ali, edit(channel, 0, 0, "one "))
        await committed(ali, edit(channel, 1, 4, "two "))
        await committed(bea, edit(channel, 2, 8, "three"))
    reader = service.token("rea", "read:document:*")
    status, answer = ask(service, reader, "GET", f"{document}/history")
    assert (status, answer["document"], answer["version"], answer["oldest"]) == (200, document, 3, 0)
    assert [(row["version"], row["user_id"], row["user_name"]) for row in answer["versions"]] == [
        (1, "ali", "ali"),
        (2, "ali", "ali"),
        (3, "bea", "bea"),
    ]
    assert all(began <= row["timestamp"] <= time.time() for row in answer["versions"])
    _, page = ask(service, reader, "GET", f"{document}/history?limit=2")
    assert ([row["version"] for row in page["versions"]], page["next"]) == ([1, 2], 2)
    _, page = ask(service, reader, "GET", f"{document}/history?limit=2&after=2")
    assert ([row["version"] for row in page["versions"]], "next" in page) == ([3], False)
    _, joined = ask(service, reader, "GET", f"{document}/history?joined=true")
    assert [(row.get("first", row["version"]), row["version"], row["user_id"]) for row in joined["versions"]] == [
        (1, 2, "ali"),
        (3, 3, "bea"),
    ]
    _, page = ask(service, reader, "GET", f"{document}/history?joined=true&limit=1")
    assert page["next"] == 2


@scene
async def test_a_version_has_a_name_and_is_read_and_compared_by_it(service: Service) -> None:
    channel = fresh()
    document = channel.partition(":")[2]
    async with editors(service, channel, "ali") as (ali,):
        await committed(ali, edit(channel, 0, 0, "وقّع الوزيرُ الاتفاقية"))
        writer, reader = service.token("bea", "write:document:*", name="Bea"), service.token("rea", "read:document:*")
        status, named = ask(service, writer, "PUT", f"{document}/versions/المسودة الأولى")
        assert (status, named["name"], named["version"], named["user_id"]) == (200, "المسودة الأولى", 1, "bea")
        await committed(ali, edit(channel, 1, 5, "أمس "))
        assert ask(service, writer, "PUT", f"{document}/versions/final", json={"version": 2})[1]["version"] == 2
    _, listed = ask(service, reader, "GET", f"{document}/versions")
    assert [(one["name"], one["version"], one["user_name"]) for one in listed["versions"]] == [
        ("المسودة الأولى", 1, "Bea"),
        ("final", 2, "Bea"),
    ]
    _, history = ask(service, reader, "GET", f"{document}/history")
    assert [row.get("names") for row in history["versions"]] == [["المسودة الأولى"], ["final"]]
    _, text = ask(service, reader, "GET", f"{document}?version=المسودة الأولى")
    assert (text["version"], text["content"]) == (1, "وقّع الوزيرُ الاتفاقية")
    status, difference = ask(
        service, reader, "GET", f"{document}/diff", params={"from": "المسودة الأولى", "to": "final"}
    )
    assert (status, difference["from"], difference["to"]) == (200, 1, 2)
    assert [one for one in difference["changes"] if one["kind"] != "equal"] == [{"kind": "insert", "text": "أمس "}]
    assert ask(service, reader, "GET", f"{document}/diff?from=2")[1]["changes"] == [
        {"kind": "equal", "text": "وقّع أمس الوزيرُ الاتفاقية"}
    ]
    moved = ask(service, writer, "PUT", f"{document}/versions/final", json={"version": 1})
    assert moved[1]["version"] == 1
    status, answer = ask(service, writer, "PUT", f"{document}/versions/same", json={"version": "final"})
    assert (status, answer["version"]) == (200, 1)
    status, answer = ask(service, writer, "POST", f"{document}/snapshots", json={"version": "same"})
    assert (status, answer["statement"]["version"]) == (200, 1)
    calls: tuple[tuple[str, str, str, object], ...] = (
        ("No version is named nowhere", "POST", f"{document}/snapshots", {"version": "nowhere"}),
        ("No version is named nowhere", "PUT", f"{document}/versions/late", {"version": "nowhere"}),
        ("No version is named nowhere", "GET", f"{document}?version=nowhere", None),
        ("There is no version 3 yet", "GET", f"{document}?version=3", None),
        ("There is no version 3 yet", "GET", f"{document}/diff?from=0&to=3", None),
        ("There is no version 3 yet", "PUT", f"{document}/versions/late", {"version": 3}),
    )
    for said, method, path, body in calls:
        status, answer = ask(service, writer, method, path, json=body)
        assert (status, answer["error_code"], answer["oldest"], answer["version"]) == (404, "NOT_FOUND", 0, 2), path
        assert answer["message"].startswith(said), path
    for name in (
        "12",
        "%0a",
        "two%0Alines",
        "two%C2%85lines",
        "two%E2%80%A8lines",
        "two%E2%80%A9lines",
        "%20x",
        "a" * 101,
    ):
        status, answer = ask(service, writer, "PUT", f"{document}/versions/{name}")
        assert (status, answer["error_code"]) == (400, "INVALID_MESSAGE_FORMAT"), name


@scene
async def test_versions_are_shown_and_named_by_the_rights_to_the_document(service: Service) -> None:
    channel = fresh()
    document = channel.partition(":")[2]
    async with editors(service, channel, "ali") as (ali,):
        await committed(ali, edit(channel, 0, 0, "x"))
    stranger, reader = service.token("str", "read:global"), service.token("rea", "read:document:*")
    for path in ("history", "versions", "diff?from=0"):
        assert ask(service, stranger, "GET", f"{document}/{path}")[0] == 403
        assert ask(service, reader, "GET", f"{document}/{path}")[0] == 200
        assert ask(service, reader, "GET", f"never/{path}")[0] == 403
    assert ask(service, reader, "PUT", f"{document}/versions/mine")[0] == 403
    operator = service.token("op", "admin:*", clearance="secret")
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {operator}"}, timeout=HANG_SECONDS) as http:
        raised = await http.put(f"{service.http}/v1/channels/{channel}", json={"classification": "secret"})
        assert raised.status_code == 200
    for path in ("history", "versions", "diff?from=0"):
        assert ask(service, reader, "GET", f"{document}/{path}")[0] == 403


@scene
async def test_a_restored_version_has_its_text_and_formatting_and_moves_nothing_else(service: Service) -> None:
    channel = fresh()
    document = channel.partition(":")[2]
    async with editors(service, channel, "ali", "bea") as (ali, bea):
        await committed(ali, edit(channel, 0, 0, "One line.\nسطر ثانٍ.\nAnother line.\n"))
        await committed(ali, edit(channel, 1, 0, operation_type="format", length=3, attributes={"bold": True}))
        writer = service.token("cem", "write:document:*")
        assert ask(service, writer, "PUT", f"{document}/versions/قبل", json={"version": 2})[0] == 200
        await committed(ali, edit(channel, 2, 0, operation_type="format", length=3, attributes={"bold": None}))
        await committed(ali, edit(channel, 3, 4, "spoilt "))
        _, before = ask(service, writer, "GET", f"{document}?version=2")
        while (await bea.receive("remote_operation"))["payload"]["version"] < 4:
            pass
        status, answer = ask(service, writer, "POST", f"{document}/restore", json={"version": "قبل"})
        assert (status, answer["restored"], answer["version"] > 4) == (200, 2, True)
        restoring = [(await bea.receive("remote_operation"))["payload"] for _ in range(answer["version"] - 4)]
        assert {one["user_id"] for one in restoring} == {"cem"}
        operations = [operation for one in restoring for operation in one["operations"]]
        assert {(one["operation_type"], one["position"], one.get("length")) for one in operations} == {
            ("format", 0, 3),
            ("delete", 4, 7),
        }
        _, after = ask(service, writer, "GET", document)
        assert (after["content"], after["format"]) == (before["content"], before["format"])
        again = ask(service, writer, "POST", f"{document}/restore", json={"version": 2})
        assert again == (200, {"document": document, "version": answer["version"], "restored": 2})
        _, history = ask(service, writer, "GET", f"{document}/history")
        assert [row["user_id"] for row in history["versions"]] == ["ali"] * 4 + ["cem"] * len(restoring)
    for body, expected in (({"version": 99}, 404), ({"version": "never"}, 404), ({"version": ""}, 400), ({}, 400)):
        assert ask(service, writer, "POST", f"{document}/restore", json=body)[0] == expected
    reader = service.token("rea", "read:document:*")
    assert ask(service, reader, "POST", f"{document}/restore", json={"version": 0})[0] == 403


@pytest.mark.long
def test_a_version_that_is_kept_no_more_is_absent_and_the_oldest_that_is_kept_is_said(tmp_path: Path) -> None:
    """Versions of 8 KB that nothing packs, until a MiB of them is past the log."""
    channel = "document:old"
    settings = ROOMY | {"history.events": 1, "history.seconds": 1, "history.document_mib": 1}

    async def written(client: Client, since: int) -> int:
        for version in range(since, since + 100, 2):
            await committed(client, edit(channel, version, 0, secrets.token_hex(4_096)))
            await committed(client, edit(channel, version + 1, 0, length=8_192))
        return since + 100

    async def write(service: Service) -> None:
        async with editors(service, channel, "ali") as (ali,):
            tip = await written(ali, 0)
            while (await asyncio.to_thread(ask, service, reader, "GET", "old?version=1"))[0] == 200:
                tip = await written(ali, tip)

    with Service(tmp_path / "data", settings) as service:
        reader = service.token("rea", "read:document:*")
        asyncio.run(write(service))
        status, answer = ask(service, reader, "GET", "old?version=1")
        oldest, tip = answer["oldest"], answer["version"]
        assert (status, answer["error_code"]) == (404, "NOT_FOUND")
        assert 1 < oldest < tip
        assert str(oldest) in answer["message"]
        assert ask(service, reader, "GET", "old/history?limit=1")[1]["oldest"] == oldest
        kept = ask(service, reader, "GET", f"old?version={oldest}")
        assert (kept[0], kept[1]["version"]) == (200, oldest)
        service.assert_log_clean()
