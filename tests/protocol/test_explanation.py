"""Explanations agree with the decision, say it in both languages, and tell no more than their reader may know."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.ratelimit import RateClass
from dossier_realtime.protocol import authorization
from dossier_realtime.protocol.authorization import Grant, Identity, Right, decide
from dossier_realtime.protocol.classification import ChannelSettings, Clearance
from dossier_realtime.protocol.explanations.explanation import ACTIONS, explain, explain_rule, needed, supposed
from dossier_realtime.protocol.explanations.texts import REMEDIES, RULES, STATUSES
from tests.architecture.tree import Tree, read_tree
from tests.harness.service import ROOT
from tests.protocol.test_authorization import CHANNELS

PERMISSIONS = st.lists(
    st.sampled_from(
        ["read:*", "write:*", "admin:*", "read:dossier:*", "write:document:*", "read:ops:*", "read:user:*"]
    ),
    max_size=3,
)
LEVELS = st.sampled_from(list(Clearance))
SETTINGS = st.builds(ChannelSettings, LEVELS, st.booleans(), st.booleans(), st.booleans(), st.booleans())
CHANNEL = st.one_of(CHANNELS, st.just("user:ali"), st.just("global"), st.just("ops:limits"))


def identity(permissions: list[str], clearance: Clearance) -> Identity:
    return Identity("ali", "Ali", "", None, Grant.parse_all(permissions), clearance, 0)


@given(PERMISSIONS, LEVELS, st.sampled_from(list(ACTIONS)), CHANNEL, SETTINGS, st.booleans())
def test_an_explanation_agrees_with_the_decision(
    permissions: list[str], clearance: Clearance, action: str, channel: str, settings: ChannelSettings, themselves: bool
) -> None:
    who = identity(permissions, clearance)
    told = explain(who, action, channel, settings, 1.0, to_themselves=themselves)
    decision = decide(who, ACTIONS[action], channel, settings)
    assert (told.allowed, told.rule) == (decision.allowed, decision.rule)
    assert (not told.remedies) == told.allowed
    for text in (told.sentence.en, told.sentence.ar):
        assert text
        assert "{" not in text


@given(PERMISSIONS, LEVELS, st.sampled_from(list(ACTIONS)), CHANNEL, SETTINGS, SETTINGS)
def test_of_a_channel_that_may_not_be_read_nothing_is_told(
    permissions: list[str],
    clearance: Clearance,
    action: str,
    channel: str,
    one: ChannelSettings,
    other: ChannelSettings,
) -> None:
    """Level and settings make no difference to the answer while the channel stays out of reach: an absent channel has
    those of the table, so existence makes none either."""
    who = identity(permissions, clearance)
    if decide(who, Right.READ, channel, one).allowed or decide(who, Right.READ, channel, other).allowed:
        return
    told = [explain(who, action, channel, settings, 1.0, to_themselves=True) for settings in (one, other)]
    assert told[0] == told[1]


@given(PERMISSIONS, LEVELS, st.sampled_from(list(ACTIONS)), CHANNEL, SETTINGS)
def test_the_remedies_turn_the_decision_round(
    permissions: list[str], clearance: Clearance, action: str, channel: str, settings: ChannelSettings
) -> None:
    who = identity(permissions, clearance)
    told = explain(who, action, channel, settings, 1.0, to_themselves=False)
    needed = {remedy.name: remedy.value for remedy in told.remedies}
    texts = [*permissions, *([needed["permissions"]] if "permissions" in needed else [])]
    level = Clearance.parse(needed.get("clearance", clearance.label))
    frozen = settings.frozen and "frozen" not in needed
    changed = ChannelSettings(settings.level, settings.presence, settings.history, frozen, settings.raised)
    again = decide(identity(texts, level), ACTIONS[action], channel, changed)
    assert again.allowed or again.rule == "frozen", "a frozen channel is told of once all else is there"


def test_every_rule_of_the_code_has_its_sentence() -> None:
    rules = set(get_args(authorization.Rule)) | set(_rules_of(read_tree(ROOT)))
    assert {"clearance", "auth.token", "not_subscribed", "format", "liveness"} <= rules
    missing = {rule for rule in rules if rule.partition(".")[0] != "rate"} - RULES.keys()
    assert missing == set(), "give each a sentence in explanations/texts.py"
    for rate in get_args(RateClass):
        assert str(rate) in explain_rule(f"rate.{rate}").en or not isinstance(rate, str)


def _rules_of(tree: Tree) -> Iterator[str]:
    """Every rule that the code of the session gives a decision, as it stands in a call."""
    for module in tree.values():
        if not module.within("app.core"):
            continue
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                value = node.args[0].value
                if name in ("Decision", "Denial", "_close", "deny") and isinstance(value, str) and value:
                    yield value


@pytest.mark.parametrize("table", [RULES, REMEDIES, STATUSES], ids=["rules", "remedies", "statuses"])
def test_every_sentence_is_in_both_languages(table: dict[str | int, tuple[str, str]]) -> None:
    for english, arabic in table.values():
        assert english
        assert re.search(r"[\u0600-\u06ff]", arabic)
        assert sorted(re.findall(r"\{\w+\}", english)) == sorted(re.findall(r"\{\w+\}", arabic))


@pytest.mark.parametrize(("permission", "clearance"), [("reed:x", ""), ("read:documents:a b", ""), ("read:*", "top")])
def test_claims_that_are_none_are_refused(permission: str, clearance: str) -> None:
    with pytest.raises(ValueError, match=r"is no permission|a classification is"):
        supposed("ali", [permission], clearance)


@given(PERMISSIONS, LEVELS, st.sampled_from(list(ACTIONS)), CHANNEL, SETTINGS)
def test_what_a_rule_leaves_to_be_changed_is_what_the_decision_says(
    permissions: list[str], clearance: Clearance, action: str, channel: str, settings: ChannelSettings
) -> None:
    told = explain(identity(permissions, clearance), action, channel, settings, 1.0, to_themselves=False)
    said = needed(told.rule, channel, settings.level.label)
    assert told.allowed == (not said.en) == (not said.ar)
    for remedy in told.remedies:
        for text in said.en, said.ar:
            assert remedy.value in text or remedy.name == "frozen"
    assert "classified" not in needed(told.rule, channel).en, "a level that the reader may not know is not told"
