"""Documents as files over HTTP: type, name and text of the file, who may have it, and what the journal keeps of it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import docx
import httpx
import pytest

from app.services.exports import exports
from tests.harness import tokens
from tests.harness.coroutine_tests import asynchronous
from tests.harness.eventually import HANG_SECONDS
from tests.harness.in_process import running
from tests.harness.service import Service
from tests.web.test_documents import committed, edit, editors, fresh, scene

_FILES = {
    "markdown": ("text/markdown; charset=utf-8", "md"),
    "html": ("text/html; charset=utf-8", "html"),
    "docx": ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx"),
}


def save(service: Service, token: str, path: str, **query: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=service.http, headers=headers, timeout=HANG_SECONDS) as http:
        return http.get(f"/v1/documents/{path}/export", params=query)


def text_of(file: bytes) -> str:
    return "\n".join(paragraph.text for paragraph in docx.Document(io.BytesIO(file)).paragraphs)


@scene
async def test_a_document_is_saved_as_each_kind_of_file_now_and_as_it_was(service: Service) -> None:
    channel = fresh()
    document = channel.partition(":")[2]
    async with editors(service, channel, "ali") as (ali,):
        await committed(ali, edit(channel, 0, 0, "<script>alert(1)</script>\nالمادة ١"))
        await committed(ali, edit(channel, 1, 0, "New "))
    reader = service.token("rea", "read:document:*")
    for form, (media, ending) in _FILES.items():
        answer = save(service, reader, document, format=form)
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == media
        assert answer.headers["Content-Disposition"] == f'attachment; filename="document-{document}-v2.{ending}"'
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
        before = save(service, reader, document, format=form, version="1")
        assert f"-v1.{ending}" in before.headers["Content-Disposition"]
        if form == "docx":
            assert text_of(answer.content) == "New <script>alert(1)</script>\nالمادة ١"
            assert text_of(before.content) == "<script>alert(1)</script>\nالمادة ١"
        else:
            assert "New &lt;script&gt;" in answer.text
            assert "<script>" not in answer.text
            assert "New" not in before.text
    assert '<p dir="rtl">المادة ١</p>' in save(service, reader, document, format="html").text


@scene
async def test_comments_and_suggestions_are_comments_of_the_present_file_on_their_text(service: Service) -> None:
    channel = fresh()
    document = channel.partition(":")[2]
    async with editors(service, channel, "ali") as (ali,):
        await committed(ali, edit(channel, 0, 0, "keep this one"))
        writer = {"Authorization": f"Bearer {service.token('bea', 'write:document:*', name='Bea')}"}
        async with httpx.AsyncClient(base_url=service.http, headers=writer, timeout=HANG_SECONDS) as http:
            path = f"/v1/documents/{document}/comments"
            place = {"version": 1, "start": 5, "end": 9}
            made = (await http.post(path, json=place | {"text": "<b>why?</b>"})).json()
            await http.post(f"{path}/{made['id']}/replies", json={"text": "لماذا؟"})
            suggestion = {"version": 1, "start": 0, "end": 4, "replacement": "hold"}
            assert (await http.post(path, json=suggestion)).status_code == 200
        await committed(ali, edit(channel, 1, 0, "New: "))
    reader = service.token("rea", "read:document:*")
    file = docx.Document(io.BytesIO(save(service, reader, document, format="docx").content))
    assert [(one.author, one.text) for one in file.comments] == [
        ("Bea", "<b>why?</b>"),
        ("Bea", "لماذا؟"),
        ("Bea", "Suggestion: hold"),
    ]
    assert file.paragraphs[0].text == "New: keep this one"
    page = save(service, reader, document, format="html").text
    assert "&lt;b&gt;why?&lt;/b&gt;" in page
    assert "<b>" not in page
    assert "New: keep[^3] this[^1][^2] one" in save(service, reader, document, format="markdown").text
    assert "[^1]" not in save(service, reader, document, format="markdown", version="2").text


@scene
async def test_a_file_of_an_arabic_text_speaks_of_its_comments_in_arabic(service: Service) -> None:
    channel = fresh()
    document = channel.partition(":")[2]
    async with editors(service, channel, "ali") as (ali,):
        await committed(ali, edit(channel, 0, 0, "مذكرة تفاهم\r\nالمادة ١"))
        writer = {"Authorization": f"Bearer {service.token('bea', 'write:document:*', name='بيا')}"}
        async with httpx.AsyncClient(base_url=service.http, headers=writer, timeout=HANG_SECONDS) as http:
            path = f"/v1/documents/{document}/comments"
            place = {"version": 1, "start": 0, "end": 5}
            made = [
                (await http.post(path, json=place | said)).json()["id"]
                for said in ({"text": "صحيح؟"}, {"replacement": "بند", "text": "why not"}, {"replacement": ""})
            ]
            for step, comment in zip(("resolve", "accept"), made, strict=False):
                assert (await http.post(f"{path}/{comment}/{step}", json={})).status_code == 200
    reader = service.token("rea", "read:document:*")
    file = docx.Document(io.BytesIO(save(service, reader, document, format="docx").content))
    assert [paragraph.text for paragraph in file.paragraphs] == ["بند تفاهم", "المادة ١"]
    assert [one.text for one in file.comments] == [
        "[منتهٍ] على نص محذوف: مذكرة\nصحيح؟",
        "[منتهٍ] اقتراح (قُبل): بند\nبدلًا من: مذكرة\nwhy not",
        "على نص محذوف: مذكرة\nاقتراح: حذف هذا النص",
    ]
    page = save(service, reader, document, format="html").text
    assert '<section class="remarks" lang="ar" dir="rtl">\n<h2>التعليقات</h2>' in page
    assert '<p dir="rtl">بدلًا من: مذكرة</p>\n<p dir="ltr">why not</p>' in page
    for text in (page.partition("<body>")[2], save(service, reader, document, format="markdown").text):
        assert not any(word in text for word in ("Suggestion", "Comments", "resolved", "deleted", "Instead"))


@scene
async def test_a_file_is_for_those_who_may_read_the_document(service: Service) -> None:
    channel = fresh()
    document = channel.partition(":")[2]
    async with editors(service, channel, "ali") as (ali,):
        await committed(ali, edit(channel, 0, 0, "text"))
    reader, stranger = service.token("rea", "read:document:*"), service.token("str", "read:global")
    refused = save(service, stranger, document, format="html")
    absent = save(service, reader, "never-begun", format="html")
    assert (refused.status_code, absent.status_code) == (403, 403)
    assert refused.content == absent.content
    assert save(service, reader, document, format="pdf").status_code == 400
    assert save(service, reader, document).status_code == 400
    gone = save(service, reader, document, format="html", version="9")
    assert (gone.status_code, gone.json()["version"]) == (404, 1)


@scene
async def test_the_journal_knows_the_reader_of_a_file(service: Service) -> None:
    channel = fresh()
    document = channel.partition(":")[2]
    async with editors(service, channel, "ali") as (ali,):
        await committed(ali, edit(channel, 0, 0, "text"))
    assert save(service, service.token("exporter", "read:document:*"), document, format="docx").status_code == 200
    operator = {"Authorization": f"Bearer {service.token('op', 'admin:*', clearance='secret')}"}
    async with httpx.AsyncClient(base_url=service.http, headers=operator, timeout=HANG_SECONDS) as http:
        lines = (await http.get("/v1/journal", params={"channel": channel, "user": "exporter"})).text
    assert f"/v1/documents/{document}/export" in lines
    assert '"last":1' in lines.replace(" ", "")


@pytest.mark.parametrize("form", _FILES)
@asynchronous
async def test_a_long_document_is_written_in_a_process_of_its_own(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "_SMALL_PIECES", 10)
    text = "\n".join(f"{number}. سطر" for number in range(200))
    async with (
        running(tmp_path / "data") as service,
        httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{service.port}",
            headers={"Authorization": f"Bearer {tokens.token('ali', 'write:document:*')}"},
            timeout=HANG_SECONDS,
        ) as http,
    ):
        assert (await http.put("/v1/documents/long", json={"content": text})).status_code == 200
        answer = await http.get("/v1/documents/long/export", params={"format": form})
        assert answer.status_code == 200
        assert (text_of(answer.content) if form == "docx" else answer.text).count("سطر") == 200
        monkeypatch.setattr(exports, "MAX_PIECES", 10)
        refused = await http.get("/v1/documents/long/export", params={"format": form})
        assert (refused.status_code, refused.json()["error_code"]) == (413, "INVALID_MESSAGE_FORMAT")
