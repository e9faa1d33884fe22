"""A pair of documents by the SDK, against a running service."""

from __future__ import annotations

from asyncio import run
from collections.abc import Iterator

import pytest

from dossier_realtime import DocumentPair, PublishError
from tests.harness.eventually import HANG_SECONDS
from tests.harness.service import Service


@pytest.fixture
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("pairs") / "data") as running:
        yield running
    running.assert_log_clean()


def test_a_pair_is_made_read_marked_and_taken_apart(service: Service) -> None:
    async def scene() -> None:
        import httpx

        token = service.token("ali", "write:document:*")
        async with httpx.AsyncClient(
            base_url=f"{service.http}/v1/documents/",
            headers={"Authorization": f"Bearer {token}"},
            timeout=HANG_SECONDS,
        ) as http:
            for document, text in (("mou.en", "1. Scope\n2. Term"), ("mou.ar", "١- النطاق\n٢- المدة")):
                assert (await http.put(document, json={"content": text})).status_code == 200
            async with DocumentPair("mou.en", token, service.http) as pair:
                await pair.join("mou.ar", language="en", counterpart_language="ar")
                read = await pair.read(text=True)
                assert read.counterpart is not None
                assert (read.counterpart.document, read.counterpart.language) == ("mou.ar", "ar")
                told = [(row.key, row.counterpart.text if row.counterpart else None) for row in read.clauses]
                assert told == [("1", "١- النطاق"), ("2", "٢- المدة")]
                marked = await pair.mark_translated(["1"], version=1, counterpart_version=1)
                assert marked.clauses == ["1"]
                assert [row.status for row in (await pair.read()).clauses] == ["translated", "untranslated"]
                await pair.part()
                with pytest.raises(PublishError, match="no counterpart") as absent:
                    await pair.read()
                assert absent.value.status == 404

    run(scene())
