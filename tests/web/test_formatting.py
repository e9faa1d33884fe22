"""Formatting over real sockets: `heading` and `list` exclude each other, whichever way they are set."""

from __future__ import annotations

from tests.harness.service import Service
from tests.harness.wire import Message
from tests.web.test_document_batches import batch
from tests.web.test_documents import committed, edit, editors, fresh, scene, text_of
from tests.web.test_revisions import ask


def _format(length: int, **attributes: object) -> Message:
    return {"operation_type": "format", "position": 0, "length": length, "attributes": attributes}


@scene
async def test_setting_one_of_heading_and_list_removes_the_other_and_says_so(service: Service) -> None:
    channel = fresh()
    document = channel.partition(":")[2]
    async with editors(service, channel, "ali", "bea") as (ali, bea):
        await committed(ali, edit(channel, 0, 0, "A line"))
        await bea.receive("remote_operation")
        await committed(ali, edit(channel, 1, **_format(6, list="bullet", highlight="yellow")))
        said = (await bea.receive("remote_operation"))["payload"]["attributes"]
        assert said == {"list": "bullet", "heading": None, "highlight": "yellow"}
        await committed(ali, batch(channel, 2, _format(6, heading=2, alternative="الخيار أ")))
        (said,) = (await bea.receive("remote_operation"))["payload"]["operations"]
        assert said["attributes"] == {"heading": 2, "list": None, "alternative": "الخيار أ"}
        expected = {"heading": 2, "highlight": "yellow", "alternative": "الخيار أ"}
        assert [run["attributes"] for run in (await text_of(service, channel))[2]] == [expected]
        await committed(ali, edit(channel, 3, **_format(6, heading=1, list="ordered")))
        assert (await bea.receive("remote_operation"))["payload"]["attributes"] == {"heading": 1, "list": None}
        put = {"content": "A line", "base": 4} | {
            "format": [{"position": 0, "length": 6, "attributes": {"list": "bullet"}}]
        }
        writer = service.token("cem", "write:document:*")
        assert ask(service, writer, "PUT", document, json=put)[0] == 200
        said = (await bea.receive("remote_operation"))["payload"]["attributes"]
        assert (said["list"], said["heading"]) == ("bullet", None)
        assert [run["attributes"] for run in (await text_of(service, channel))[2]] == [{"list": "bullet"}]


@scene
async def test_an_unknown_highlight_or_name_is_refused(service: Service) -> None:
    channel = fresh()
    async with editors(service, channel, "ali") as (ali,):
        await committed(ali, edit(channel, 0, 0, "A line"))
        for attributes in ({"highlight": "red"}, {"alternative": "a\nb"}, {"alternative": "x" * 65}):
            refused = await ali.ask(edit(channel, 1, **_format(6, **attributes)))
            assert (refused["type"], refused["error_code"]) == ("error", "INVALID_MESSAGE_FORMAT")
            assert "$.payload.attributes" in refused["message"]
