"""Every series is there before its first event, and no event makes another; each refusal has its rule in the table."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.rules import RATES, RULES
from app.telemetry.metrics import Metrics
from app.telemetry.series import MESSAGE_TYPES, OTHER, STATUSES, Series
from dossier_realtime.protocol.errors import CloseCode, ErrorCode

ROOT = Path(__file__).parents[2]


def _samples(metrics: Metrics) -> dict[str, float]:
    """Return the value of every sample, by its name and labels."""
    return {
        f"{sample.name}{sorted(sample.labels.items())}": sample.value
        for family in metrics.collect()
        for sample in family.samples
    }


@given(
    name=st.one_of(st.sampled_from(MESSAGE_TYPES), st.text(max_size=8)),
    rule=st.one_of(st.sampled_from(sorted(RULES)), st.text(max_size=8)),
    code=st.sampled_from(ErrorCode),
    close=st.one_of(st.sampled_from(CloseCode).map(int), st.integers(0, 4999)),
    method=st.text(max_size=8),
    status=st.integers(100, 599),
)
def test_whatever_is_counted_was_there_at_the_start(
    name: str, rule: str, code: ErrorCode, close: int, method: str, status: int
) -> None:
    metrics = Metrics()
    before = _samples(metrics)
    assert not any(before.values())
    metrics.judged(name, rule)
    metrics.settled(name, code)
    metrics.settled(name, None)
    metrics.refused(rule)
    metrics.closed(close)
    metrics.requested(method, status)
    metrics.sent()
    metrics.opened()
    metrics.delivered(3)
    metrics.conflated(2)
    after = _samples(metrics)
    assert after.keys() == before.keys()
    counted = {sample: count for sample, count in after.items() if count}
    of_messages = sum(count for sample, count in counted.items() if sample.startswith("dossier_messages_received"))
    assert of_messages == 3
    assert sum(count for sample, count in counted.items() if "closed" in sample or "http" in sample) == 2


@given(st.lists(st.tuples(st.sampled_from("abcx"), st.sampled_from("12y")), max_size=30))
def test_a_value_that_no_set_holds_is_counted_as_the_last(occurrences: list[tuple[str, str]]) -> None:
    series = Series(letter=("a", "b", "c", OTHER), digit=("1", "2", OTHER))
    for values in occurrences:
        series.count(*values)
    expected = dict.fromkeys(itertools.product("abc", "12"), 0)
    for letter, digit in occurrences:
        if (letter, digit) in expected:
            expected[letter, digit] += 1
    found = dict(series.items())
    assert {values: found[values] for values in expected} == expected
    assert sum(found.values()) == len(occurrences)
    assert len(found) == 12


# --- the code holds itself to the tables ------------------------------------------------------------------------------


def _calls(folder: str) -> Iterator[tuple[str, ast.Call]]:
    for file in sorted((ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                yield name, node


def _strings(node: ast.expr) -> Iterator[str]:
    yield from (part.value for part in ast.walk(node) if isinstance(part, ast.Constant) and isinstance(part.value, str))


def test_every_rule_that_the_code_names_has_a_series() -> None:
    named: set[str] = set()
    for folder in ("app/core", "app/node"):
        for name, call in _calls(folder):
            if name in ("Decision", "_close", "close_decision", "deny", "Denial") and call.args:
                named.update(text for text in _strings(call.args[0]) if not isinstance(call.args[0], ast.JoinedStr))
    named |= {
        text
        for name, call in _calls("dossier_realtime/protocol")
        if name == "AccessDecision" and isinstance(call.args[0], ast.Constant) and not call.args[0].value
        for text in _strings(call.args[1])
    }
    named.discard("")
    assert named - RULES == set()
    assert {"grant.read", "grant.write", "grant.admin", "ops"} <= RULES  # of a table in protocol/authorization.py
    assert RULES - named - RATES <= {"grant.read", "grant.write", "grant.admin", "ops", "personal"}


def test_every_status_that_the_code_answers_has_a_series() -> None:
    answers = {
        "refuse": 0,
        "refuse_for_now": 0,
        "set_status": 0,
        "write_error": 0,
        "send_error": 0,
        "HTTPError": 0,
        "answer": 1,
    }
    found: set[int] = set()
    for name, call in _calls("app/web"):
        if name in answers:
            placed = [*call.args[answers[name] : answers[name] + 1]]
            placed += [keyword.value for keyword in call.keywords if keyword.arg == "status"]
            for value in placed:
                found.update(
                    part.value for part in ast.walk(value) if isinstance(part, ast.Constant) and type(part.value) is int
                )
    assert found >= {400, 401, 403, 404, 429, 503}
    assert {str(status) for status in found} - set(STATUSES) == set()


@pytest.mark.parametrize("code", CloseCode)
def test_each_close_code_has_a_series_of_its_own(code: CloseCode) -> None:
    metrics = Metrics()
    metrics.closed(int(code))
    assert _samples(metrics)[f"dossier_connections_closed_total[('code', '{int(code)}')]"] == 1
