"""Assertions that nothing the dashboard keeps is past its bound."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from typing import Any

from dashboard.screen.view_model import View
from dashboard.site.page_session import PageSession
from dashboard.site.view_cache import ViewCache
from dashboard.state.audit_events import ChainStatus
from dashboard.state.bounded_dict import BoundedDict
from dashboard.state.service_link import ServiceLink
from dashboard.state.store import DashboardState
from dossier_realtime.client.state.presence import PresenceState

LISTED = 5_000  # sessions, and channels
NAMES = 101  # of things that are counted
ROWS = 5_000  # of one table
IN_ONE = 1_000  # things inside one thing that is kept
STREAMED = 300  # seconds of a chart, or countries of a map
EYES = 64  # kinds of eyes that look at the same time


def assert_bounded(state: DashboardState, views: ViewCache, sessions: Iterable[PageSession]) -> None:
    """Every collection there is, found by looking for it: one that is new is judged too."""
    everything = dict(vars(state))
    for part in ("tasks", "inboxes"):
        everything |= {f"{part}.{name}": kept for name, kept in vars(everything.pop(part)).items()}
    for name, kept in everything.items():
        _judge(f"state.{name}", kept)
    assert len(views._views) <= EYES
    for view, _ in views._views.values():
        _judge_view(view)
    for session in sessions:
        assert len(session._outgoing) <= 1
        assert len(session._doing) <= 1
        assert session._sent - session._seen <= 6
        if session._chart is not None:
            columns: Any = session._chart._source.data
            assert all(len(column) <= STREAMED for column in columns.values())


def _judge(name: str, kept: object) -> None:
    if isinstance(kept, BoundedDict):
        assert len(kept) <= kept.cap, name
        for thing in kept.values():
            for inner in _within(thing):
                assert len(inner) <= IN_ONE, f"{name}: something in one of them"
    elif isinstance(kept, deque):
        assert kept.maxlen is not None, f"{name} has no bound"
    elif isinstance(kept, Counter):
        assert len(kept) <= NAMES, name
    elif isinstance(kept, dict):
        for inner_name, inner in kept.items():
            if isinstance(inner, Counter):
                _judge(f"{name}.{inner_name}", inner)
        assert len(kept) <= LISTED, name
    elif isinstance(kept, list):
        assert len(kept) <= LISTED, name
    elif isinstance(kept, ChainStatus | ServiceLink):
        assert not list(_within(kept)), name
    elif isinstance(kept, frozenset):
        assert len(kept) <= LISTED, name
    else:
        assert kept is None or isinstance(kept, bool | int | float | str), f"{name} is kept and nobody judges it"


def _within(thing: object) -> Iterable[list[object] | dict[str, object] | deque[object]]:
    if isinstance(thing, PresenceState):
        return []  # as many as the service says are there
    slots = getattr(type(thing), "__slots__", ())
    return [inner for name in slots if isinstance(inner := getattr(thing, name), list | dict | deque)]


def _judge_view(view: View) -> None:
    assert view._deltas.maxlen is not None
    for block in view._blocks:
        assert len(block.get("rows", [])) <= ROWS, block["id"]
