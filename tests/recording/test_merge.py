"""Journals of several nodes in one order: each keeps its own, and events of a channel stand by their offsets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from dossier_realtime.recording.entry import Header, decode_entry, encode_entry
from dossier_realtime.recording.merge import AHEAD_SECONDS, MergedEntry, merged

Chains = dict[str, list[Header]]


def lines(headers: list[Header]) -> Iterator[tuple[int, bytes]]:
    link = bytes(32)
    for place, header in enumerate(headers):
        line, link = encode_entry(header, b'{"n":1}', b"0" * 32, link)
        yield place, line


def one_order(chains: Chains) -> list[MergedEntry]:
    return list(merged({node: lines(headers) for node, headers in chains.items()}))


def fanout(seq: int, at: float, offset: int, *, cause: int = 0, channel: str = "global") -> Header:
    return Header(seq, "fanout", at, channel=channel, offset=offset, epoch="e1", cause=cause)


def told(entries: list[MergedEntry]) -> list[tuple[str, str, int]]:
    return [(each.header.node, each.header.kind, each.header.offset) for each in entries]


def test_entries_without_an_offset_stand_by_time_and_then_by_node() -> None:
    found = one_order(
        {
            "b": [Header(1, "start", 1.0), Header(2, "http", 3.0)],
            "a": [Header(1, "start", 1.0), Header(2, "http", 2.0), Header(3, "http", 1.5)],
        }
    )
    assert [(each.header.node, each.header.kind) for each in found] == [
        ("a", "start"), ("b", "start"), ("a", "http"), ("a", "http"), ("b", "http"),
    ]  # fmt: skip
    assert [each.header.seq for each in found] == [1, 2, 3, 4, 5]
    assert all(decode_entry(each.line).header == each.header for each in found)


def test_a_clock_that_is_wrong_does_not_turn_the_events_of_a_channel_around() -> None:
    found = one_order(
        {
            "ahead": [fanout(1, 12.0, 1), fanout(2, 14.0, 3)],
            "behind": [Header(1, "http", 10.0), fanout(2, 11.0, 2), Header(3, "http", 11.1)],
        }
    )
    offsets = [offset for _, _, offset in told(found) if offset]
    assert offsets == [1, 2, 3]


def test_the_node_that_published_stands_before_what_others_delivered_of_it() -> None:
    found = one_order(
        {
            "copy": [fanout(1, 10.0, 1)],
            "origin": [Header(1, "in", 10.4), fanout(2, 10.5, 1, cause=1)],
        }
    )
    assert told(found) == [("origin", "in", 0), ("origin", "fanout", 1), ("copy", "fanout", 1)]
    assert found[1].header.cause == found[0].header.seq == 1


def test_journals_that_contradict_each_other_are_merged_all_the_same() -> None:
    found = one_order(
        {
            "a": [fanout(1, 1.0, 2), fanout(2, 1.1, 1, channel="system")],
            "b": [fanout(1, 1.0, 2, channel="system"), fanout(2, 1.1, 1)],
        }
    )
    assert len(found) == 4


@st.composite
def scenes(draw: st.DrawFn) -> Chains:
    """Draw nodes that record the same events, each with a clock of its own and calls of its own in between."""
    names = draw(st.lists(st.sampled_from(["n1", "n2", "n3", "n4"]), min_size=1, max_size=4, unique=True))
    skew = {name: draw(st.floats(0, AHEAD_SECONDS / 3)) for name in names}
    chains: Chains = {name: [] for name in names}
    offsets: defaultdict[str, int] = defaultdict(int)
    at = 1_000.0
    for _ in range(draw(st.integers(0, 25))):
        at += draw(st.floats(0.001, 1.0))
        channel = draw(st.sampled_from(["global", "system", ""]))
        publisher = draw(st.sampled_from(names))
        own = chains[publisher]
        if not channel:
            own.append(Header(len(own) + 1, "http", at + skew[publisher]))
            continue
        offsets[channel] += 1
        own.append(Header(len(own) + 1, "in", at + skew[publisher]))
        own.append(fanout(len(own) + 1, at + skew[publisher], offsets[channel], cause=len(own), channel=channel))
        for other in names:
            if other != publisher and draw(st.booleans()):
                header = fanout(len(chains[other]) + 1, at + 0.0005 + skew[other], offsets[channel], channel=channel)
                chains[other].append(header)
    return chains


@given(scenes())
def test_each_journal_keeps_its_order_and_each_channel_that_of_its_offsets(chains: Chains) -> None:
    found = one_order(chains)
    assert [each.number for each in found] == list(range(1, len(found) + 1))
    assert [each.header.seq for each in found] == [each.number for each in found]
    for number, node in enumerate(sorted(chains)):
        assert [each.place for each in found if each.chain == number] == list(range(len(chains[node])))
    latest: defaultdict[str, int] = defaultdict(int)
    for each in found:
        header = each.header
        if header.offset:
            assert header.offset >= latest[header.channel]
            first = header.offset > latest[header.channel]
            latest[header.channel] = header.offset
            assert not first or header.cause  # it was published before it was delivered elsewhere
            if header.cause:
                assert found[header.cause - 1].header.kind == "in"
                assert found[header.cause - 1].header.node == header.node
