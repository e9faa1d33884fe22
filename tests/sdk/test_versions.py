"""All versions of a document through the SDK, from a real service."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dossier_realtime import AuthFailed, DeniedError, DocumentVersions, DossierRealtimeClient, ErrorCode
from tests.harness.eventually import HANG_SECONDS
from tests.harness.service import Service
from tests.sdk.client_harness import run


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A running service for the tests of this file."""
    with Service(tmp_path_factory.mktemp("versions") / "data", {}) as running:
        yield running
    running.assert_log_clean()


def test_versions_are_listed_named_compared_and_restored(service: Service) -> None:
    async def scene() -> None:
        token = service.token("ali", "write:document:*", name="Ali")
        async with (
            DossierRealtimeClient(token, service.url) as client,
            DocumentVersions("versions-1", token, service.http) as versions,
        ):
            document = client.document("versions-1")
            await document.ready()
            document.insert(0, "وقّع الوزير")
            await document.wait_synced(HANG_SECONDS)
            named = await versions.name("المسودة")
            assert (named.name, named.user_name) == ("المسودة", "Ali")
            document.insert(document.length, " الاتفاقية")
            await document.wait_synced(HANG_SECONDS)
            listed = [one async for one in versions.history()]
            assert (listed[0].version, {one.user_id for one in listed}) == (1, {"ali"})
            (row,) = [one async for one in versions.history(joined=True)]
            assert (row.first or row.version, row.names) == (1, ["المسودة"])
            changes = await versions.difference("المسودة")
            assert [(one.kind, one.text) for one in changes] == [("equal", "وقّع الوزير"), ("insert", " الاتفاقية")]
            assert (await versions.text("المسودة")).content == "وقّع الوزير"
            assert (await versions.file("markdown", "المسودة")).decode() == "وقّع الوزير\n"
            restored = await versions.restore("المسودة")
            assert (await versions.text()).content == "وقّع الوزير"
            assert (await versions.text()).version == restored
            assert [one.name for one in await versions.named()] == ["المسودة"]
            signed, named = await versions.sign("المسودة"), await versions.name("نسخة", "المسودة")
            assert signed.statement.version == named.version < restored
            with pytest.raises(DeniedError, match="No version is named no such name; GET …/versions lists") as absent:
                await versions.text("no such name")
            assert absent.value.error_code is ErrorCode.NOT_FOUND
        async with DocumentVersions("versions-1", "no-token", service.http) as stranger:
            with pytest.raises(AuthFailed):
                await stranger.named()

    run(scene())
