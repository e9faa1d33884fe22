"""Who, on what, why, from where and by which token stands on every entry that tells an act or an event."""

from __future__ import annotations

import asyncio
from pathlib import Path

from dossier_realtime.archive import open_journal
from tests.harness.service import Service
from tests.harness.wire import Client
from tests.web.test_actions import call

COUNTRY = "dossier:country:SA"
UPDATE = {"entity_type": "country", "entity_id": "SA", "operation": "update", "fields_changed": ["name"]}


def test_every_event_and_act_names_who_caused_it(tmp_path: Path) -> None:
    async def scene(service: Service) -> None:
        async with await Client.connect(service, service.token("sara", "write:dossier:*", "write:document:*")) as sara:
            await sara.subscribe(COUNTRY)
            await sara.ask({"type": "dossier_update", "channel": COUNTRY, "payload": UPDATE})
            await sara.subscribe("document:1")
            edit = {"operation_type": "insert", "position": 0, "content": "hello", "version": 0}
            await sara.ask({"type": "edit_operation", "channel": "document:1", "payload": edit})
            for number in (1, 2):
                system = service.token("system", "write:dossier:*", jti=f"system-{number}")
                event = {"type": "dossier_update", "channel": COUNTRY, "payload": UPDATE}
                assert call(service, system, "POST", "/v1/publish", {"events": [event]})[0] == 200
            reader = service.token("reader", "admin:*", clearance="secret", jti="reader-1")
            assert call(service, reader, "GET", f"/v1/channels/{COUNTRY}/history")[0] == 200
            assert call(service, reader, "GET", "/v1/documents/1")[0] == 200
            for _ in range(30):
                assert call(service, reader, "GET", "/v1/sessions")[0] == 200
            admin = service.token("admin", "admin:*", clearance="secret", jti="admin-1")
            change = {"classification": "confidential"}
            assert call(service, admin, "PUT", f"/v1/channels/{COUNTRY}", change, X_Reason="audit")[0] == 200
            lift = "/v1/users/sara/limits/lift"
            assert call(service, admin, "POST", lift, {"seconds": 9})[0] == 200
            assert call(service, admin, "POST", "/v1/users/sara/disconnect", {})[0] == 200
            assert call(service, "no-token", "GET", "/v1/sessions")[0] == 401

    with Service(tmp_path / "data") as service:
        asyncio.run(scene(service))
    recording = open_journal(tmp_path / "data" / "journal", clearance="secret")
    entries = {entry.header.seq: entry.header for entry in recording.entries()}
    sent = recording.cause(COUNTRY, 1).header
    assert (sent.kind, sent.user, sent.type) == ("in", "sara", "dossier_update")
    for offset, token in ((2, "system-1"), (3, "system-2")):
        published = recording.cause(COUNTRY, offset).header
        assert (published.kind, published.user, published.detail["token"]) == ("act", "system", token)
        assert published.detail["address"] == "127.0.0.1"
    for channel in (COUNTRY, "document:1"):
        assert ("reader", "token:reader-1", "secret") in recording.delivered_to(channel, 1)
    polls = [header for header in entries.values() if header.detail.get("path") == "/v1/sessions"]
    assert len(polls) <= 3, "the first of a minute, which may turn, and a stranger's"
    edited = recording.cause("document:1", 1).header
    assert (edited.kind, edited.user, edited.type) == ("in", "sara", "edit_operation")
    consequences = [header for header in entries.values() if header.kind in ("settings", "lifted") and header.by]
    consequences += [header for header in entries.values() if header.rule == "session.revoked"]
    assert {header.kind for header in consequences} == {"settings", "lifted", "decided"}
    for header in consequences:
        act = entries[header.cause]
        assert (header.by, header.via) == ("admin", "token:admin-1")
        assert (act.kind, act.user, act.detail["token"]) == ("act", "admin", "admin-1")
    settings = next(
        header for header in entries.values() if header.kind == "act" and header.detail["verb"] == "change_settings"
    )
    assert '"internal"' in str(settings.detail["before"])
    assert '"confidential"' in str(settings.detail["after"])
    assert settings.detail["reason"] == "audit"
    acts = recording.acts()
    assert list(acts["seq"]) == [header.seq for header in entries.values() if header.kind == "act"]
    assert list(acts["user"]) == ["system", "system", "admin", "admin", "admin"]
    assert list(acts["verb"]) == ["publish", "publish", "change_settings", "lift_limits", "disconnect_user"]
    assert set(acts["outcome"]) == {"done"}
    assert set(acts["address"]) == {"127.0.0.1"}
    changed = acts.iloc[2]
    assert (changed["reason"], changed["before"], changed["token"]) == ("audit", settings.detail["before"], "admin-1")
    assert list(recording.acts(user="system")["channel"]) == [COUNTRY, COUNTRY]
    assert "system" not in recording.users().index, "it had no session"
    below = open_journal(tmp_path / "data" / "journal").acts()  # entries are numbered anew there
    assert list(below["verb"]) == ["lift_limits", "disconnect_user"], "the channel is above that clearance"
    assert set(below["outcome"]) == {"done"}
    strangers = [header for header in entries.values() if header.kind == "http" and not header.user]
    assert [header.detail["address"] for header in strangers] == ["127.0.0.1"]
    told = {
        header.channel
        for header in entries.values()
        if header.kind == "fanout" and header.audience == "all" and not header.by
    }
    assert not told
