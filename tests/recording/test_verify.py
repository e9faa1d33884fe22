from __future__ import annotations

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dossier_realtime.recording.entry import (
    FORMAT,
    GENESIS,
    Head,
    Header,
    SegmentHeader,
    encode_entry,
    encode_segment_header,
    redact,
    segment_name,
)
from dossier_realtime.recording.proof.verify import ChainFault, Report, verify

SEAL = b"0123456789abcdef" * 2
Segments = dict[str, list[bytes]]


def journal(sizes: tuple[int, ...] = (4, 3, 5), *, format_: int = FORMAT) -> tuple[Segments, Head]:
    """A journal of segments with these numbers of entries: frames, commits and a gap (entry 6) among them."""
    segments: Segments = {}
    seq, link, commit = 0, GENESIS, 0
    entry_link = GENESIS
    for size in sizes:
        line, link = encode_segment_header(SegmentHeader(format_, "n1", seq + 1, link.hex(), commit), link)
        lines = segments[segment_name("n1", seq + 1)] = [line]
        for _ in range(size):
            seq += 1
            header = Header(seq, "fanout", seq / 8, channel="global", commit=seq * 2 if seq % 3 else 0)
            frame: str | None = f'{{"n":{seq}}}'
            if seq == 6:
                header, frame = Header(seq, "gap", seq / 8, detail={"lost": 9, "commit": 999}), None
            commit = max(commit, header.commit)
            line, link = encode_entry(header, frame, SEAL, link)
            entry_link = link
            lines.append(line)
    return segments, Head(seq, entry_link.hex())


def check(segments: Segments, head: Head | None) -> Report:
    return verify(segments.items(), head)


def test_an_untouched_journal_is_ok_and_its_gaps_are_counted() -> None:
    assert check(*journal()) == Report(12, None, 0, gaps=1, lost=9, redacted=0, torn=False)


def test_an_empty_journal_is_ok() -> None:
    assert check({}, Head(0, GENESIS.hex())).ok


@given(st.data())
def test_any_change_of_any_byte_is_found_and_the_entry_named(data: st.DataObject) -> None:
    segments, head = journal()
    name = data.draw(st.sampled_from(sorted(segments)))
    lines = segments[name]
    number = data.draw(st.integers(0, len(lines) - 1))
    place = data.draw(st.integers(0, len(lines[number]) - 1))
    line = bytearray(lines[number])
    line[place] ^= data.draw(st.integers(1, 255))
    changed = b"".join([*lines[:number], line, *lines[number + 1 :]])
    segments[name] = BytesIO(changed).readlines()
    report = check(segments, head)
    assert report.fault is not None
    first = int(name[3:19])
    assert report.fault.seq == max(first, first + number - 1)
    assert (report.fault.segment, report.fault.line) == (name, number + 1)


@given(st.sets(st.integers(1, 12)))
def test_redaction_of_any_entries_keeps_the_chain_and_is_counted(seqs: set[int]) -> None:
    segments, head = journal((12,))
    lines = segments[segment_name("n1", 1)]
    for seq in seqs:
        lines[seq] = redact(lines[seq])
    report = check(segments, head)
    assert report.ok
    assert report.redacted == len(seqs - {6})


@pytest.mark.parametrize("digest", [b"0" * 64, b"AB" * 32, b" " * 64, b"00" * 31, b"\xff" * 64, b"zz" * 32])
def test_a_digest_that_is_not_the_frames_own_is_found(digest: bytes) -> None:
    for seq in (5, 6):  # with and without a frame
        segments, head = journal((12,))
        lines = segments[segment_name("n1", 1)]
        link, header, _, _ = lines[seq].split(b"\t")
        lines[seq] = b"\t".join([link, header, digest, b"\n"])
        report = check(segments, head)
        assert report.fault is not None
        assert report.fault.seq == seq


def test_a_digest_in_upper_case_is_found() -> None:
    segments, head = journal((12,))
    lines = segments[segment_name("n1", 1)]
    link, header, digest, _ = redact(lines[5]).split(b"\t")
    lines[5] = b"\t".join([link, header, digest.upper(), b"\n"])
    report = check(segments, head)
    assert report.fault is not None
    assert report.fault.seq == 5


def test_entries_missing_at_the_end_are_counted_against_the_head() -> None:
    segments, head = journal()
    del segments[segment_name("n1", 8)][3:]
    report = check(segments, head)
    assert report.missing_at_end == 3
    assert report.fault is not None
    assert report.fault.seq == 10
    assert "3 entries are missing at the end" in report.fault.what
    assert check({}, head).missing_at_end == 12


def test_a_segment_that_is_gone_is_found_where_its_entries_should_be() -> None:
    for first, seq in ((1, 1), (5, 5), (8, 8)):
        segments, head = journal()
        del segments[segment_name("n1", first)]
        report = check(segments, head)
        assert report.fault is not None
        assert report.fault.seq == seq


def test_segments_out_of_place_are_found() -> None:
    segments, head = journal()
    first, second, third = segments.items()
    for wrong in ([second, first, third], [first, first, second, third], [first, third, second]):
        report = verify(wrong, head)
        assert report.fault is not None
    renamed = verify([("n1-0000000000000002.journal", first[1])], head)
    assert renamed.fault is not None
    assert "not in its place" in renamed.fault.what


def test_a_journal_without_its_head_is_not_ok() -> None:
    segments, _ = journal()
    report = check(segments, None)
    assert report.fault is not None
    assert "head file is missing" in report.fault.what


def test_a_head_of_another_chain_is_found() -> None:
    segments, head = journal()
    report = check(segments, Head(head.seq, "0" * 64))
    assert report.fault is not None
    assert report.fault.seq == 12


def test_a_head_behind_the_end_is_normal_but_not_behind_the_last_segment() -> None:
    segments, _ = journal()
    lines = segments[segment_name("n1", 8)]
    assert check(segments, Head(9, lines[2][:64].decode())).ok
    old = Head(3, segments[segment_name("n1", 1)][3][:64].decode())
    report = check(segments, old)
    assert report.fault is not None
    assert "older than the last segment" in report.fault.what


def test_a_torn_write_behind_the_head_is_told_apart_from_a_cut_file() -> None:
    segments, head = journal()
    lines = segments[segment_name("n1", 8)]
    lines[5] = lines[5][:40]
    report = check(segments, head)
    assert report.fault is not None
    assert "cut off" in report.fault.what
    behind = check(segments, Head(11, lines[4][:64].decode()))
    assert behind.ok
    assert behind.torn
    assert behind.entries == 11


def test_a_torn_write_in_the_middle_is_a_fault() -> None:
    segments, _ = journal()
    lines = segments[segment_name("n1", 5)]
    lines[3] = lines[3][:40]
    report = check(segments, Head(6, lines[2][:64].decode()))
    assert report.fault is not None
    assert report.fault.seq == 7
    assert not report.torn


def test_a_segment_of_another_format_says_so() -> None:
    segments, head = journal((2,), format_=3)
    report = check(segments, head)
    assert report.fault is not None
    assert "written in format 3" in report.fault.what


def test_a_segment_of_the_format_before_is_read() -> None:
    segments, head = journal((2, 3), format_=1)
    assert check(segments, head).ok
    assert check(*journal((2, 3), format_=1)).entries == 5


def test_entries_of_another_node_do_not_fit_in() -> None:
    segments, head = journal((4,))
    line, _ = encode_segment_header(SegmentHeader(FORMAT, "n2", 5, head.link, 8), bytes.fromhex(head.link))
    segments[segment_name("n2", 5)] = [line]
    report = check(segments, head)
    assert report.fault is not None
    assert report.fault.segment == segment_name("n2", 5)


@given(st.lists(st.binary(), max_size=4))
def test_no_bytes_whatever_raise(lines: list[bytes]) -> None:
    segments, head = journal((2,))
    good = segments[segment_name("n1", 1)]
    assert not verify([(segment_name("n1", 1), lines)], head).ok
    assert not verify([(segment_name("n1", 1), [good[0], *lines])], head).ok


def test_a_deeply_nested_header_is_a_fault_not_a_crash() -> None:
    segments, head = journal((2,))
    good = segments[segment_name("n1", 1)]
    for header in (b"[" * 100_000, b'{"seq":' * 100_000, b'{"x":' + b"[" * 100_000):
        line = b"\t".join([b"0" * 64, header, b"", b"\n"])
        assert not verify([(segment_name("n1", 1), [line])], head).ok
        assert not verify([(segment_name("n1", 1), [good[0], line])], head).ok


def test_a_fault_names_no_entry_and_no_file_where_there_is_none() -> None:
    assert str(ChainFault(0, "", 32, "too much")) == "line 32: too much"
    assert str(ChainFault(0, "", 0, "another key")) == "another key"
    assert str(ChainFault(7, "", 8, "changed")) == "entry 7 (line 8): changed"
    assert str(ChainFault(7, "n-1.journal", 0, "missing")) == "entry 7 (n-1.journal): missing"
    assert str(ChainFault(7, "n-1.journal", 8, "changed")) == "entry 7 (n-1.journal, line 8): changed"
