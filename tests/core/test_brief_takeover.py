"""The nodes whose briefs may be taken over: by table."""

from __future__ import annotations

import pytest

from app.core.briefs.takeover import NodeLook, has_ended, looked

SECONDS = 15.0
Asked = tuple[float, str, int] | None
"""The time of a look, the nodes that reported lately (a letter each), the leases; None: no answer."""


@pytest.mark.parametrize(
    ("answers", "ended"),
    [
        ([], ""),
        ([(0.0, "", 0)], ""),  # every report is old after an outage
        ([(0.0, "", 0), (10.0, "", 0)], ""),  # nodes are given time to report
        ([(0.0, "", 0), (10.0, "", 0), (20.0, "", 0)], "xy"),
        ([(0.0, "x", 1), (10.0, "x", 1), (20.0, "x", 1)], "y"),
        ([(0.0, "xy", 2), (10.0, "xy", 1), (20.0, "y", 1)], ""),  # once: it may have been held up
        ([(0.0, "xy", 2), (10.0, "y", 1), (20.0, "y", 1)], "x"),
        ([(0.0, "", 0), (10.0, "", 0), None, (20.0, "", 0)], ""),  # an outage between
        ([(0.0, "", 0), None, (10.0, "", 0), (20.0, "", 0)], ""),  # a new spell of answers
        ([(0.0, "", 0), None, (10.0, "", 0), (20.0, "", 0), (30.0, "", 0)], "xy"),
        ([(0.0, "", 0), (10.0, "", 0), (50.0, "", 0)], ""),  # an outage may have been between
        ([(0.0, "", 0), (10.0, "", 1), (20.0, "", 1)], ""),  # a node that has not reported yet
        ([(0.0, "x", 1), (10.0, "x", 2), (20.0, "x", 1)], ""),
        ([(0.0, "x", 1), (10.0, "x", 0), (20.0, "x", 0)], "y"),  # one that ended without a word
    ],
)
def test_a_node_has_ended_that_two_looks_in_a_row_do_not_find(answers: list[Asked], ended: str) -> None:
    before: NodeLook | None = None
    last: NodeLook | None = None
    for answer in answers:
        if answer is None:
            before = last = None
        else:
            at, living, leases = answer
            before, last = last, looked(last, at, frozenset(living), leases, SECONDS)
    found = {node for node in "xy" if last is not None and has_ended(node, before, last, SECONDS)}
    assert found == set(ended)
