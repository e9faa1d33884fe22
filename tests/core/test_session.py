"""Channels, rights, sending and abuse: what goes in, what is decided."""

from __future__ import annotations

import json

import pytest

from app.core.ratelimit import Limits
from app.core.sessions.effects import (
    ApplySettings,
    Join,
    Leave,
    Publish,
    Send,
    UpdateOwnPresence,
    VerifyToken,
)
from dossier_realtime.protocol import codec, responses
from dossier_realtime.protocol.classification import Clearance
from dossier_realtime.protocol.errors import CloseCode, ErrorCode
from tests.core.session_driver import SA, SECRET, UPDATE, SessionDriver, closing, errors, only

# --- channels and rights --------------------------------------------------------------------------------------------


def test_a_subscription_is_joined_with_what_was_asked() -> None:
    driver = SessionDriver("read:dossier:*").live()
    join = only(driver.send(type="subscribe", channel=SA, ref="s", params={"include_presence": True}), Join)
    assert join == Join(SA, "s", True, False, None, None, again=False, number=1)
    assert only(driver.send(type="subscribe", channel=SA), Join).again


@pytest.mark.parametrize(
    ("permissions", "clearance", "channel", "rule"),
    [
        ((), Clearance.SECRET, SA, "grant.read"),
        (("read:dossier:country:FR",), Clearance.SECRET, SA, "grant.read"),
        (("read:dossier:*",), Clearance.CONFIDENTIAL, SECRET, "clearance"),
        (("read:*", "write:*"), Clearance.SECRET, "ops:nodes", "ops"),
        ((), Clearance.INTERNAL, "user:bea", "grant.read"),
    ],
)
def test_every_refused_subscription_is_equal_to_the_letter(
    permissions: tuple[str, ...], clearance: Clearance, channel: str, rule: str
) -> None:
    decision = SessionDriver(*permissions, clearance=clearance).live().send(type="subscribe", channel=channel, ref="s")
    assert decision.rule == rule
    event = only(decision, Send).event
    text = codec.encode(event).replace(channel.encode(), b"X")
    assert text == (
        b'{"type":"error","error_code":"SUBSCRIPTION_FAILED","message":"Insufficient permissions to subscribe to '
        b'channel","timestamp":1000,"channel":"X","ref":"s"}'
    )


@pytest.mark.parametrize("channel", ["global", "user:ali"])
def test_everybody_reads_global_and_their_own_channel(channel: str) -> None:
    only(SessionDriver().live().send(type="subscribe", channel=channel), Join)


def test_hidden_presence_needs_admin() -> None:
    driver = SessionDriver("write:dossier:*", "admin:workspace:*").live()
    assert errors(driver.send(type="subscribe", channel=SA, params={"hidden": True})) == [ErrorCode.SUBSCRIPTION_FAILED]
    assert only(driver.send(type="subscribe", channel="workspace:1", params={"hidden": True}), Join).hidden


def test_the_hundred_and_first_subscription_is_refused() -> None:
    driver = SessionDriver("read:*", limits=Limits(general=1000)).live()
    for n in range(100):
        only(driver.send(type="subscribe", channel=f"workspace:{n}"), Join)
    assert errors(driver.send(type="subscribe", channel="workspace:100")) == [ErrorCode.SUBSCRIPTION_FAILED]
    only(driver.send(type="subscribe", channel="workspace:7"), Join)
    driver.send(type="unsubscribe", channel="workspace:7")
    only(driver.send(type="subscribe", channel="workspace:100"), Join)


@pytest.mark.parametrize("message", ["subscribe", "unsubscribe", "presence_update", "channel_settings"])
def test_a_channel_of_no_namespace_is_not_found_and_one_of_bad_grammar_is_invalid(message: str) -> None:
    driver = SessionDriver("admin:*").live()
    assert errors(driver.send(type=message, channel="foo:1", payload={})) == [ErrorCode.CHANNEL_NOT_FOUND]
    assert errors(driver.send(type=message, channel="dossier:*", payload={})) == [ErrorCode.INVALID_MESSAGE_FORMAT]


def test_unsubscribing_from_what_was_never_subscribed_is_answered() -> None:
    decision = SessionDriver().live().send(type="unsubscribe", channel="dossier:secret:xyz", ref="u")
    assert decision.effects == [Leave(SECRET), Send(responses.Unsubscribed(channel=SECRET, ref="u"))]


def test_raising_a_level_ends_the_subscriptions_of_the_uncleared() -> None:
    driver = SessionDriver("read:dossier:*").live()
    driver.subscribe(SA)
    settings = driver.policy.settings(SA)
    driver.policy.put(SA, settings.changed(codec.decode_command(_settings("secret")).payload, SA))  # type: ignore[union-attr,arg-type]
    assert driver.session.recheck(driver.at)[0] == Leave(SA)
    assert SA not in driver.session.subscriptions


@pytest.mark.parametrize("is_live", [False, True])
def test_what_ends_while_messages_wait_is_told_to_each_of_them(is_live: bool) -> None:
    driver = SessionDriver("read:dossier:*").live()
    if is_live:
        driver.subscribe(SA)
    for ref in ("1", "2"):
        driver.send(type="subscribe", channel=SA, ref=ref)
    settings = driver.policy.settings(SA)
    driver.policy.put(SA, settings.changed(codec.decode_command(_settings("secret")).payload, SA))  # type: ignore[union-attr,arg-type]
    effects = driver.session.recheck(driver.at)
    told = [one.event for one in effects if isinstance(one, Send)]
    assert [one.ref for one in told if isinstance(one, responses.ErrorMessage)] == ["1", "2"]
    assert (Leave(SA) in effects, Send(responses.Unsubscribed(channel=SA)) in effects) == (is_live, is_live)


def test_a_document_that_is_looked_for_is_not_told_to_be_hidden_by_a_recheck() -> None:
    driver = SessionDriver("read:document:*").live()
    driver.send(type="subscribe", channel="document:1", ref="1")
    settings = driver.policy.settings("document:1")
    driver.policy.put("document:1", settings.changed(codec.decode_command(_settings("secret")).payload, "document:1"))  # type: ignore[union-attr,arg-type]
    assert driver.session.recheck(driver.at) == []
    driver.session.subscriptions.found("document:1")
    (told,) = driver.session.recheck(driver.at)
    assert isinstance(told, Send)


def test_a_message_of_a_subscription_that_ended_does_not_end_a_later_one() -> None:
    driver = SessionDriver("read:document:*").live()
    first = only(driver.send(type="subscribe", channel="document:1", ref="1"), Join)
    driver.send(type="unsubscribe", channel="document:1")
    second = only(driver.send(type="subscribe", channel="document:1", ref="2"), Join)
    assert driver.session.unsubscribable(first, driver.at) == []
    driver.session.subscriptions.put_off("document:1", first.number, "1")
    assert driver.session.subscriptions.is_current("document:1", second.number)
    (refusal,) = driver.session.unsubscribable(second, driver.at)
    assert isinstance(refusal, Send)
    assert isinstance(refusal.event, responses.ErrorMessage)
    assert refusal.event.ref == "2"
    assert "document:1" not in driver.session.subscriptions


def _settings(level: str) -> bytes:
    return json.dumps({"type": "channel_settings", "channel": SA, "payload": {"classification": level}}).encode()


# --- sending --------------------------------------------------------------------------------------------------------


def test_a_send_is_stamped_with_the_sender_and_the_time() -> None:
    driver = SessionDriver("write:dossier:*").live()
    effect = only(driver.send(**UPDATE), Publish)
    payload = effect.inbound.event.payload
    assert json.loads(codec.encode(effect.inbound.event))["payload"]["updated_by"] == {"user_id": "ali", "name": "Ali"}
    assert payload.timestamp == 1000  # type: ignore[union-attr]
    assert effect.digest is None


def test_the_digest_of_a_resend_is_the_same_whatever_the_time() -> None:
    driver = SessionDriver("write:dossier:*").live()
    first = only(driver.send(**UPDATE, idempotency_key="k"), Publish)
    driver.wait(10.0)
    again = only(driver.send(**{**UPDATE, "ref": "r2"}, idempotency_key="k"), Publish)
    other = only(
        driver.send(**{**UPDATE, "payload": {**UPDATE["payload"], "operation": "delete"}}, idempotency_key="k"), Publish
    )
    assert first.digest == again.digest != other.digest


@pytest.mark.parametrize(
    ("permissions", "change", "code", "rule"),
    [
        (("read:dossier:*",), {}, ErrorCode.PERMISSION_DENIED, "grant.write"),
        (("write:dossier:*",), {"channel": SECRET}, ErrorCode.PERMISSION_DENIED, "clearance"),
        (("write:*",), {"channel": "workspace:1"}, ErrorCode.INVALID_MESSAGE_FORMAT, "format"),
        (("write:*",), {"channel": "user:bea"}, ErrorCode.INVALID_MESSAGE_FORMAT, "format"),
        (("write:*",), {"channel": None}, ErrorCode.INVALID_MESSAGE_FORMAT, "format"),
        (("write:*",), {"channel": "foo:1"}, ErrorCode.CHANNEL_NOT_FOUND, "grammar.namespace"),
        (
            ("write:*",),
            {"payload": {**UPDATE["payload"], "updated_by": {"user_id": "bea", "name": "Bea"}}},
            ErrorCode.PERMISSION_DENIED,
            "identity",
        ),
        (("write:*",), {"type": "auth_success"}, ErrorCode.INVALID_MESSAGE_FORMAT, "format"),
    ],
)
def test_what_may_not_be_sent_is_refused_with_its_code(
    permissions: tuple[str, ...], change: dict[str, object], code: ErrorCode, rule: str
) -> None:
    decision = SessionDriver(*permissions).live().send(**{**UPDATE, **change})
    assert errors(decision) == [code]
    assert decision.rule == rule
    assert closing(decision) is None


def test_a_frozen_channel_takes_nothing() -> None:
    driver = SessionDriver("admin:dossier:*").live()
    effect = only(driver.send(type="channel_settings", channel=SA, payload={"frozen": True}), ApplySettings)
    driver.policy.put(SA, driver.policy.settings(SA).changed(effect.change, SA))
    decision = driver.send(**UPDATE)
    assert errors(decision) == [ErrorCode.PERMISSION_DENIED]
    assert decision.rule == "frozen"


def test_settings_need_admin() -> None:
    decision = SessionDriver("write:dossier:*").live().send(type="channel_settings", channel=SA, payload={})
    assert errors(decision) == [ErrorCode.PERMISSION_DENIED]


def test_presence_is_updated_where_one_is_subscribed_and_for_oneself() -> None:
    driver = SessionDriver("read:dossier:*").live()
    update = {"type": "presence_update", "channel": SA, "payload": {"activity": "editing"}}
    assert driver.send(**update).rule == "not_subscribed"
    driver.send(type="subscribe", channel=SA)
    only(driver.send(**update), UpdateOwnPresence)
    foreign = driver.send(**{**update, "payload": {"activity": "editing", "user_id": "bea"}})
    assert errors(foreign) == [ErrorCode.PERMISSION_DENIED]
    assert errors(driver.send(**{**update, "channel": "global"})) == [ErrorCode.INVALID_MESSAGE_FORMAT]


def test_a_pong_carries_the_servers_time_and_the_ref() -> None:
    driver = SessionDriver().live()
    assert only(driver.send(type="ping", ref="p"), Send).event == responses.Pong(timestamp=1000, ref="p")


# --- abuse ----------------------------------------------------------------------------------------------------------


def test_the_window_warns_once_at_ninety_five_then_refuses_then_closes() -> None:
    driver = SessionDriver().live()
    seen: list[tuple[int, str]] = []
    closed_at = 0
    for n in range(1, 320):
        decision = driver.send(type="unsubscribe", channel="global", ref="x")
        names = [type(effect.event).__name__ for effect in decision.effects if isinstance(effect, Send)]
        seen += [(n, name) for name in names if name.startswith("RateLimit")]
        if closing(decision) is CloseCode.RATE_ABUSE:
            closed_at = n
            break
        assert errors(decision) == ([] if n <= 100 else [ErrorCode.RATE_LIMIT_EXCEEDED])
    assert seen == [(95, "RateLimitWarning"), (101, "RateLimitExceeded")]
    assert closed_at == 300


def test_classes_are_counted_apart_and_auth_not_at_all() -> None:
    driver = SessionDriver(limits=Limits(general=5, ping=3)).live()
    for _ in range(5):
        driver.send(type="unsubscribe", channel="global")
    assert errors(driver.send(type="unsubscribe", channel="global")) == [ErrorCode.RATE_LIMIT_EXCEEDED]
    assert errors(driver.send(type="ping")) == []
    only(driver.send(type="auth", payload={"token": "another"}), VerifyToken)


def test_twenty_invalid_messages_are_answered_and_the_next_closes() -> None:
    driver = SessionDriver().live()
    for _ in range(20):
        decision = driver.send(type="nonsense")
        assert errors(decision) == [ErrorCode.INVALID_MESSAGE_FORMAT]
        assert closing(decision) is None
    assert closing(driver.send(type="nonsense")) is CloseCode.PROTOCOL_ABUSE


def test_invalid_messages_spread_over_time_close_nothing() -> None:
    driver = SessionDriver(limits=Limits(general=10_000)).live()
    for _ in range(60):
        assert closing(driver.send(type="nonsense")) is None
        driver.wait(3.5)
