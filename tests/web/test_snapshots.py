"""Signed snapshots over HTTP: what they say, who may have one, and that a file of one is verified offline."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import msgspec

from tests.harness.eventually import HANG_SECONDS, eventually_async
from tests.harness.service import Service
from tests.web.test_documents import committed, edit, editors, fresh, scene

Json = dict[str, Any]
ROOT = Path(__file__).parents[2]


def ask(service: Service, token: str, method: str, path: str, **options: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=service.http, headers=headers, timeout=HANG_SECONDS) as http:
        return http.request(method, f"/v1/documents/{path}", **options)


def verify(file: Path, key: Path | None) -> tuple[int, str]:
    """Verify a file by a key; None: with none, and a data folder that holds none."""
    by = ("--key", str(key)) if key is not None else ("--data", str(file.parent / "empty"))
    command = [sys.executable, "run.py", "verify", "--snapshot", str(file), *by]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=HANG_SECONDS, check=False)
    return done.returncode, done.stdout + done.stderr


@scene
async def test_a_snapshot_says_who_was_there_and_is_verified_offline(service: Service) -> None:
    channel = fresh()
    document = channel.partition(":")[2]
    writer = service.token("wri", "write:document:*", name="Wri")
    async with editors(service, channel, "ali", "bea") as (ali, _):
        await committed(ali, edit(channel, 0, 0, "وقّع الوزيرُ 😀"))
        body = {"note": "as agreed in the room", "name": "agreed"}
        answer = ask(service, writer, "POST", f"{document}/snapshots", json=body)
    assert answer.status_code == 200, answer.text
    told: Json = answer.json()["statement"]
    assert (told["document"], told["version"], told["note"], told["name"]) == (document, 1, body["note"], "agreed")
    assert [user["user_id"] for user in told["present"]] == ["ali", "bea"]
    assert (told["present_count"], told["author"]["user_id"], told["asked_by"]["name"]) == (2, "ali", "Wri")
    assert told["text_sha256"] == hashlib.sha256(answer.json()["content"].encode()).hexdigest()
    assert ask(service, writer, "GET", f"{document}?version=agreed").json()["content"] == answer.json()["content"]
    file, key = service.data.parent / "snapshot.json", service.data / "journal-key.pub"
    file.write_bytes(answer.content)
    status, said = verify(file, key)
    assert status == 0, said
    assert "intact" in said
    assert all(word in said for word in ("as agreed in the room", "Wri (wri)", "ali", "bea"))
    file.write_bytes(answer.content.replace(b"as agreed", b"as argued"))
    status, said = verify(file, key)
    assert (status, "BROKEN" in said, "not signed" in said) == (1, True, True)
    file.write_bytes(answer.content + b"\n")
    assert verify(file, key)[0] == 1
    file.write_bytes(answer.content)  # or one with another text and its digest: without a key they are alike
    status, said = verify(file, None)
    assert (status, "intact" in said, "--key" in said) == (2, False, True)


@scene
async def test_the_service_keeps_what_was_signed(service: Service) -> None:
    channel = fresh()
    document = channel.partition(":")[2]
    writer, reader = service.token("wri", "write:document:*"), service.token("rea", "read:document:*")
    files: list[bytes] = []
    async with editors(service, channel, "ali") as (ali,):
        for number in range(3):
            await committed(ali, edit(channel, number, 0, f"{number} "))
            files.append(ask(service, writer, "POST", f"{document}/snapshots", json={"note": f"n{number}"}).content)
    found: list[Json] = []
    after = ""
    while True:
        page = ask(service, reader, "GET", f"{document}/snapshots", params={"limit": 2, "after": after}).json()
        found += page["snapshots"]
        if "next" not in page:
            break
        after = page["next"]
    assert sorted(row["statement"]["note"] for row in found) == ["n0", "n1", "n2"]
    for row in found:
        same = ask(service, reader, "GET", f"{document}/snapshots/{row['id']}")
        assert same.content in files, "byte for byte as when it was signed"

    def acts() -> list[object]:
        told = (entry.header for entry in service.journal())
        return [one.detail["verb"] for one in told if one.kind == "act" and one.channel == channel]

    await eventually_async(lambda: acts() == ["sign_snapshot"] * 3, acts)


@scene
async def test_a_frozen_document_is_signed_and_takes_no_name(service: Service) -> None:
    channel = fresh()
    document = channel.partition(":")[2]
    writer = service.token("wri", "write:document:*")
    admin = service.token("boss", "admin:*", clearance="secret")
    async with editors(service, channel, "ali") as (ali,):
        await committed(ali, edit(channel, 0, 0, "text"))
    assert ask(service, admin, "PUT", f"../channels/{channel}", json={"frozen": True}).status_code == 200
    assert ask(service, writer, "POST", f"{document}/snapshots", json={}).status_code == 200
    refused = ask(service, writer, "POST", f"{document}/snapshots", json={"name": "late"})
    assert (refused.status_code, refused.json()["error_code"]) == (403, "PERMISSION_DENIED")


WRONG: list[tuple[Json, int]] = [
    ({"version": 0}, 404),
    ({"version": 2}, 404),
    ({"version": "1"}, 400),
    ({"note": ""}, 400),
    ({"note": "x" * 501}, 400),
    ({"note": 5}, 400),
    ({"name": "12"}, 400),
    ({"name": "two\nlines"}, 400),
    ({"name": "x" * 101}, 400),
    ({"more": 1}, 400),
]


@scene
async def test_a_wrong_request_signs_nothing(service: Service) -> None:
    channel = fresh()
    document = channel.partition(":")[2]
    writer = service.token("wri", "write:document:*")
    async with editors(service, channel, "ali") as (ali,):
        await committed(ali, edit(channel, 0, 0, "text"))
    for body, status in WRONG:
        assert ask(service, writer, "POST", f"{document}/snapshots", json=body).status_code == status, body
    assert ask(service, writer, "GET", f"{document}/snapshots").json()["snapshots"] == []


@scene
async def test_only_those_who_may_write_have_a_text_signed(service: Service) -> None:
    channel = fresh()
    document = channel.partition(":")[2]
    reader, stranger = service.token("rea", "read:document:*"), service.token("str", "write:document:other")
    async with editors(service, channel, "ali") as (ali,):
        await committed(ali, edit(channel, 0, 0, "text"))
    for token in (reader, stranger):
        assert ask(service, token, "POST", f"{document}/snapshots", json={}).status_code == 403
    assert ask(service, reader, "GET", f"{document}/snapshots").json() == {"document": document, "snapshots": []}
    assert ask(service, stranger, "GET", f"{document}/snapshots").status_code == 403
    assert ask(service, reader, "GET", f"{document}/snapshots/{'0' * 32}").status_code == 404
    for query in ("after=x", "limit=0", "limit=101", "limit=a"):
        assert ask(service, reader, "GET", f"{document}/snapshots?{query}").status_code == 400
    missing = ask(service, service.token("wri", "write:document:*"), "POST", f"{fresh()[9:]}/snapshots", json={})
    assert missing.status_code == 404


def test_a_text_of_before_a_deletion_is_not_shown_after(service: Service) -> None:
    document = fresh().partition(":")[2]
    admin = service.token("boss", "admin:*", clearance="secret")
    assert ask(service, admin, "PUT", document, json={"content": "first"}).status_code == 200
    signed = ask(service, admin, "POST", f"{document}/snapshots", json={})
    kept = ask(service, admin, "GET", f"{document}/snapshots").json()["snapshots"]
    assert len(kept) == 1
    assert ask(service, admin, "DELETE", document).status_code in (200, 204)
    assert ask(service, admin, "PUT", document, json={"content": "second"}).status_code == 200
    assert ask(service, admin, "GET", f"{document}/snapshots").json()["snapshots"] == []
    assert ask(service, admin, "GET", f"{document}/snapshots/{kept[0]['id']}").status_code == 404
    assert msgspec.json.decode(signed.content)["content"] == "first"


@scene
async def test_a_snapshot_says_nothing_of_presence_that_is_not_kept(service: Service) -> None:
    channel = fresh()
    document = channel.partition(":")[2]
    writer = service.token("wri", "write:document:*")
    admin = service.token("boss", "admin:*", clearance="secret")
    async with editors(service, channel, "ali") as (ali,):
        await committed(ali, edit(channel, 0, 0, "text"))
        assert ask(service, admin, "PUT", f"../channels/{channel}", json={"presence": False}).status_code == 200
        told = ask(service, writer, "POST", f"{document}/snapshots", json={}).json()["statement"]
        assert not {"present", "present_count"} & told.keys(), "it is not known, and so not said"
    lock = {"type": "lock", "channel": channel, "payload": {"field": "a"}}
    async with editors(service, channel, "bea") as (bea,):
        refused = await bea.ask(lock)
        assert "keeps no presence" in refused["message"], refused
