"""A document and its counterpart in another language, over HTTP: clauses and their status, rights, records."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import httpx
import pytest

from tests.harness.eventually import HANG_SECONDS
from tests.harness.service import Service

ENGLISH = "Agreement\nArticle 1\nAll parties.\nArticle 2\nFive years."
ARABIC = "اتفاقية\nالمادة ١\nكل الأطراف.\nالمادة ٢\nخمس سنوات."
Json = dict[str, Any]
_numbers = count()


@contextmanager
def caller(service: Service, user: str, *permissions: str, clearance: str = "internal") -> Iterator[httpx.Client]:
    token = service.token(user, *permissions, clearance=clearance)
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=f"{service.http}/v1/documents/", headers=headers, timeout=HANG_SECONDS) as http:
        yield http


def write(http: httpx.Client, document: str, text: str, version: int = 0) -> None:
    headers = {"If-Match": f'"{version}"'} if version else {}
    assert http.put(document, json={"content": text}, headers=headers).status_code == 200


def pair(http: httpx.Client, document: str, other: str, languages: tuple[str, str] = ("en", "ar")) -> httpx.Response:
    body = {"counterpart": other, "language": languages[0], "counterpart_language": languages[1]}
    return http.put(f"{document}/pair", json=body)


def statuses(answer: Json) -> dict[str, str]:
    return {row["key"]: " ".join((row["status"], *row.get("changed", ()))) for row in answer["clauses"]}


@pytest.fixture
def paired(service: Service) -> tuple[str, str]:
    """An English document and its Arabic counterpart."""
    number = next(_numbers)
    english, arabic = f"pair.en.{number}", f"pair.ar.{number}"
    with caller(service, "maker", "write:document:*") as http:
        write(http, english, ENGLISH)
        write(http, arabic, ARABIC)
        assert pair(http, english, arabic).status_code == 200
    return english, arabic


def test_clauses_are_aligned_and_known_to_change_since_they_were_translated(
    service: Service, paired: tuple[str, str]
) -> None:
    english, arabic = paired
    with caller(service, "ali", "write:document:*") as http:
        answer = http.get(f"{english}/pair", params={"text": "true"}).json()
        assert answer["document"] == {"document": english, "language": "en", "version": 1}
        assert answer["counterpart"] == {"document": arabic, "language": "ar", "version": 1}
        assert set(statuses(answer).values()) == {"untranslated"}
        last = answer["clauses"][-1]
        assert (last["key"], last["document"]["text"], last["document"]["direction"]) == (
            "article-2",
            "Article 2\nFive years.",
            "ltr",
        )
        assert (last["counterpart"]["text"], last["counterpart"]["direction"]) == ("المادة ٢\nخمس سنوات.", "rtl")
        marked = http.post(f"{english}/pair/translated", json={})
        assert marked.json()["clauses"] == ["preamble", "article-1", "article-2"]
        write(http, english, ENGLISH.replace("Five", "Six"), 1)
        write(http, arabic, ARABIC.replace("كل", "جميع"), 1)
        answer = http.get(f"{english}/pair").json()
        assert statuses(answer) == {
            "preamble": "translated",
            "article-1": "changed counterpart",
            "article-2": "changed document",
        }
        seen = answer["clauses"][1]["translated"]
        assert (seen["version"], seen["counterpart_version"], seen["user_id"]) == (1, 1, "ali")
        assert "text" not in answer["clauses"][0]["document"]
        from_there = http.get(f"{arabic}/pair").json()
        assert statuses(from_there) == {
            "preamble": "translated",
            "article-1": "changed document",
            "article-2": "changed counterpart",
        }
        # Marked from the other side, at the versions that were compared: the English text went on meanwhile.
        write(http, english, ENGLISH.replace("Five", "Seven"), 2)
        body = {"clauses": ["article-2"], "version": 2, "counterpart_version": 2}
        assert http.post(f"{arabic}/pair/translated", json=body).status_code == 200
        assert statuses(http.get(f"{english}/pair").json())["article-2"] == "changed document"
        assert http.post(f"{arabic}/pair/translated", json={"clauses": ["article-2"]}).status_code == 200
        assert statuses(http.get(f"{english}/pair").json())["article-2"] == "translated"


def test_nothing_is_told_of_a_side_that_the_reader_may_not_read(service: Service, paired: tuple[str, str]) -> None:
    english, arabic = paired
    with caller(service, "rea", f"read:document:{english}") as http:
        answer = http.get(f"{english}/pair")
        assert answer.json() == {
            "document": {"document": english, "language": "en", "version": 1},
            "hidden": True,
        }
        assert http.get(f"{arabic}/pair").status_code == 403
        assert http.delete(f"{english}/pair").status_code == 403
        assert http.post(f"{english}/pair/translated", json={}).status_code == 403
    with caller(service, "wri", f"write:document:{english}") as http:
        assert http.get(f"{english}/pair").json()["hidden"] is True
        assert http.post(f"{english}/pair/translated", json={}).status_code == 403
    with caller(service, "op", "admin:*", clearance="secret") as http:
        settings = f"{service.http}/v1/channels/document:{arabic}"
        assert http.put(settings, json={"classification": "secret"}).status_code == 200
    with caller(service, "low", "write:document:*") as http:
        low = http.get(f"{english}/pair", params={"text": "true"})
        assert low.json()["hidden"] is True
        assert arabic not in low.text
        assert "المادة" not in low.text


def test_read_on_both_and_write_on_one_makes_a_pair_and_marks_it(service: Service, paired: tuple[str, str]) -> None:
    english, arabic = paired
    with caller(service, "two", f"read:document:{english}", f"write:document:{arabic}") as http:
        assert http.post(f"{english}/pair/translated", json={}).status_code == 200
        assert pair(http, english, arabic, ("en-GB", "ar")).status_code == 200
        assert set(statuses(http.get(f"{english}/pair").json()).values()) == {"translated"}  # marks stay
    with caller(service, "rea", "read:document:*") as http:
        assert http.get(f"{english}/pair").status_code == 200
        refused, absent = pair(http, english, arabic), pair(http, english, "never-begun")
        assert (refused.status_code, absent.status_code) == (403, 403)
        assert refused.content == absent.content
        assert http.delete(f"{english}/pair").status_code == 403


def test_a_document_has_one_counterpart_and_its_writer_can_take_any_pair_apart(
    service: Service, paired: tuple[str, str]
) -> None:
    english, arabic = paired
    with caller(service, "own", "write:document:*") as http:
        write(http, f"{english}.third", "x")
        for document, other in ((english, f"{english}.third"), (f"{english}.third", arabic)):
            refused = pair(http, document, other)
            assert (refused.status_code, refused.json()["error_code"]) == (409, "VERSION_CONFLICT")
        assert pair(http, f"{english}.third", f"{english}.third").status_code == 400
        assert pair(http, f"{english}.third", arabic, ("ar", "AR")).status_code == 400
    # Bound by a stranger to a document that the writer may not read: the writer is not bound for good.
    with caller(service, "wri", f"write:document:{english}") as http:
        assert http.get(f"{english}/pair").json()["hidden"] is True
        assert http.delete(f"{english}/pair").json() == {"document": english}
        assert http.get(f"{english}/pair").status_code == 404
    with caller(service, "own", "write:document:*") as http:
        assert http.get(f"{arabic}/pair").status_code == 404
        assert pair(http, f"{english}.third", arabic).status_code == 200


def test_both_texts_are_known_as_read_and_the_pair_to_those_alone_who_see_both(
    service: Service, paired: tuple[str, str]
) -> None:
    english, arabic = paired
    with caller(service, "reader-of-both", "read:document:*") as http:
        assert http.get(f"{english}/pair").status_code == 200
    journal = f"{service.http}/v1/journal"
    with caller(service, "op", "admin:*", clearance="secret") as http:
        for document in paired:
            lines = http.get(journal, params={"channel": f"document:{document}", "user": "reader-of-both"}).text
            assert '"last":1' in lines.replace(" ", ""), document
        acts = http.get(journal, params={"user": "maker"}).text
        assert "pair_documents" in acts
    with caller(service, "half", f"admin:document:{english}", clearance="secret") as http:
        seen = http.get(journal, params={"channel": f"document:{english}"})
        assert seen.status_code == 200
        assert english in seen.text
        assert arabic not in seen.text


def test_an_administrator_of_one_side_learns_of_what_was_done_to_a_pair_and_nothing_of_the_other_side(
    service: Service, paired: tuple[str, str]
) -> None:
    english, arabic = paired
    with caller(service, "ali", "write:document:*") as http:
        write(http, arabic, ARABIC.replace("كل", "جميع"), 1)
        for document in (english, arabic):
            assert http.post(f"{document}/pair/translated", json={"clauses": ["article-1"]}).status_code == 200
    journal, channel = f"{service.http}/v1/journal", f"document:{english}"
    with caller(service, "half", f"admin:{channel}", clearance="secret") as http:
        seen = http.get(journal, params={"channel": channel, "context": "true"})
    assert arabic not in seen.text
    mine, others = marks_in(seen)
    assert (mine["subject"], mine["channels"], mine["versions"]) == (english, [channel], [f"{channel} 1"])
    assert (others["channels"], others["versions"]) == ([channel], [f"{channel} 1"])
    assert not {others[name] for name in ("subject", "before", "after")} - {""}
    with caller(service, "op", "admin:*", clearance="secret") as http:
        whole = [act for act in marks_in(http.get(journal)) if channel in act["channels"]]
    assert [sorted(act["versions"]) for act in whole] == [[f"document:{arabic} 2", f"{channel} 1"]] * 2


def marks_in(export: httpx.Response) -> list[Json]:
    """Return the details of the acts of an export that marked clauses."""
    headers = [json.loads(line).get("header", {}) for line in export.text.splitlines()]
    acts = [header["detail"] for header in headers if header.get("kind") == "act"]
    return [detail for detail in acts if detail["verb"] == "mark_translated"]
