"""Recordings as pandas data frames."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import pandas as pd
from msgspec import to_builtins

from dossier_realtime.ot.flat import listed, units_of

from .entry import Entry
from .index import Index
from .reading import entry_type
from .replay.documents import DocumentHistory
from .replay.transcript import Frame


def _times(seconds: Iterable[float | None]) -> pd.DatetimeIndex:
    values = pd.Series(list(seconds), dtype="float64")
    return pd.DatetimeIndex(pd.to_datetime((values * 1000).round(), unit="ms", utc=True))


def sessions(index: Index) -> pd.DataFrame:
    """Return one row a session, in the order of their beginnings."""
    rows: dict[str, dict[str, Any]] = {}
    for number in index.rare["open"]:
        header = index.entry(number).header
        row = rows.setdefault(
            header.session,
            {"session": header.session, "user": header.user, "opened": header.at, "closed": None, "connections": 0},
        )
        row["node"] = header.node  # the last one that served it
        row["connections"] += 1
        row["reconnects"] = header.detail["reconnect_count"]
        row["closed"] = row["code"] = None
        row |= {name: header.detail[name] for name in ("name", "role", "clearance", "address")}
        row["connection"] = header.detail["connection"]
    for number in index.rare["close"]:
        header = index.entry(number).header
        found = rows.get(header.session)
        if found is not None and found["connection"] == header.detail["connection"]:
            found |= {"closed": header.at, "code": header.detail["code"], "reason": header.detail["reason"]}
    columns = ["session", "user", "name", "role", "clearance", "address", "opened", "closed", "connections"]
    frame = pd.DataFrame(list(rows.values()), columns=[*columns, "reconnects", "code", "reason"])
    frame["opened"], frame["closed"] = _times(frame["opened"]), _times(frame["closed"])
    frame["duration"] = frame["closed"] - frame["opened"]
    frame["entries"] = [len(index.sessions[session]) for session in frame["session"]]
    if any(row["node"] for row in rows.values()):
        frame["node"] = pd.Categorical([row["node"] for row in rows.values()])
    kinds = {"user": "category", "role": "category", "clearance": "category", "connections": "int64"}
    return frame.astype({**kinds, "reconnects": "int64", "code": "Int64", "entries": "int64"}).set_index("session")


def users(index: Index) -> pd.DataFrame:
    """Return one row a user."""
    table = sessions(index).reset_index()
    grouped = table.groupby("user", observed=True)
    frame = grouped.agg(
        name=("name", "last"), sessions=("session", "count"), first=("opened", "min"), last=("opened", "max")
    )
    sent: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    for session, user in zip(table["session"], table["user"], strict=True):
        for number in index.sessions[session]:
            kind = index.entry(number).header.kind
            sent[user] += kind == "in"
            refused[user] += kind == "refused"
    frame["accepted"] = [sent[user] for user in frame.index]
    frame["refused"] = [refused[user] for user in frame.index]
    return frame


def channels(index: Index) -> pd.DataFrame:
    """Return one row a channel that a fan-out went to."""
    rows = []
    for channel, numbers in sorted(index.fanouts.items()):
        row: dict[str, Any] = {"channel": channel, "level": "", "events": 0, "presence": 0, "deliveries": 0}
        row["offset"] = 0
        counted: set[tuple[str, int]] = set()  # other nodes record their deliveries of the same event
        for number in numbers:
            header = index.entry(number).header
            told = header.kind in ("fanout", "recovered")
            again = bool(header.node and header.offset) and (header.epoch, header.offset) in counted
            counted.update([(header.epoch, header.offset)] if told and header.audience == "all" else [])
            row["events"] += told and header.audience == "all" and not again
            row["presence"] += told and header.audience == "presence"
            row["deliveries"] += header.receivers
            row["offset"] = header.offset or row["offset"]
            row["level"] = header.level or row["level"]
        row["first"], row["last"] = index.times[numbers[0]], index.times[numbers[-1]]
        rows.append(row)
    columns = ["channel", "level", "events", "presence", "deliveries", "offset", "first", "last"]
    frame = pd.DataFrame(rows, columns=columns)
    frame["first"], frame["last"] = _times(frame["first"]), _times(frame["last"])
    return frame.astype({"level": "category"}).set_index("channel")


def events(entries: Iterable[Entry], type_: str) -> pd.DataFrame:
    """Return one row an entry, by time."""
    columns = ["seq", "kind", "type", "session", "user", "channel", "offset", "level", "rule", "receivers", "frame"]
    rows = []
    times, nodes = [], []
    for entry in entries:
        header, frame, _ = entry
        name = entry_type(entry)
        if type_ in ("", name):
            times.append(header.at)
            nodes.append(header.node)
            text = frame.decode("utf-8", "replace") if frame else None
            who = (header.seq, header.kind, name, header.session, header.user)
            rows.append((*who, header.channel, header.offset, header.level, header.rule, header.receivers, text))
    table = pd.DataFrame(rows, columns=columns, index=pd.DatetimeIndex(_times(times), name="time"))
    if any(nodes):
        table["node"] = pd.Categorical(nodes)
    names = ("kind", "type", "user", "channel", "level", "rule")
    return table.astype(dict.fromkeys(names, "category"))


_OF_ACTS = ("verb", "subject_kind", "subject", "before", "after", "reason", "address", "token")
"""The details of an act that are columns under their own names; one that the act does not have is empty text."""


def acts(found: Iterable[Entry], outcomes: Iterable[Entry]) -> pd.DataFrame:
    """Return one row an act, by time; `outcomes` are all of the recording."""
    outcome_of = {entry.header.cause: str(entry.header.detail.get("outcome", "")) for entry in outcomes}
    rows, times = [], []
    for header, _, _ in found:
        detail = header.detail
        channels = detail.get("channels")
        told = [str(detail.get(name, "")) for name in _OF_ACTS]
        who = (header.seq, header.user, str(detail.get("name", "")), header.channel)
        times.append(header.at)
        rows.append((*who, channels if isinstance(channels, list) else [], *told, outcome_of.get(header.seq, "")))
    columns = ["seq", "user", "name", "channel", "channels", *_OF_ACTS, "outcome"]
    table = pd.DataFrame(rows, columns=columns, index=pd.DatetimeIndex(_times(times), name="time"))
    return table.astype(dict.fromkeys(("user", "channel", "verb", "subject_kind", "outcome"), "category"))


def frames(transcript: Iterable[Frame]) -> pd.DataFrame:
    """Return one row a frame."""
    columns = ["seq", "direction", "type", "channel", "rule", "connection", "text"]
    rows, times = [], []
    for frame in transcript:
        times.append(frame.at)
        text = frame.frame.decode("utf-8", "replace") if frame.frame else ""
        told = (frame.type, frame.channel, frame.rule, frame.connection, text)
        rows.append((frame.seq, frame.direction, *told))
    table = pd.DataFrame(rows, columns=columns, index=pd.DatetimeIndex(_times(times), name="time"))
    return table.astype(dict.fromkeys(("direction", "type", "channel", "rule", "connection"), "category"))


def history(document: DocumentHistory) -> pd.DataFrame:
    """Return one row an operation of a document; positions and lengths in UTF-16 code units.

    A version is one row, and a batch as many with the same version as it has operations: each is on the text after
    those above it. `attributes` are what a format sets, or removes (None), and those of inserted text.
    """
    rows, at = [], []
    for version, time, payload in document.edits:
        for one in listed(payload):
            who = (version, payload.user_id, payload.user_name)
            has = None if one.attributes is None else to_builtins(one.attributes)
            rows.append((*who, one.operation_type, one.position, units_of(one), one.content, has))
            at.append(time)
    columns = ["version", "user", "name", "operation", "position", "length", "content", "attributes"]
    times = pd.DatetimeIndex(_times(at), name="time")
    frame = pd.DataFrame(rows, columns=columns, index=times)
    return frame.astype({"user": "category", "name": "category", "operation": "category"})
