"""Channel names and the patterns that stand for sets of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dossier_realtime.protocol import channels

_SEGMENT = st.from_regex(r"[A-Za-z0-9._-]{1,64}", fullmatch=True).filter(lambda text: text not in (".", ".."))
_SEGMENTS = st.lists(_SEGMENT, min_size=1, max_size=4)


@st.composite
def _names(draw: st.DrawFn) -> str:
    namespace, shape = draw(st.sampled_from(sorted(channels.SHAPES.items())))
    return ":".join([namespace, *(draw(_SEGMENT) for _ in shape)])


@given(name=_names())
def test_every_name_of_a_known_shape_parses_into_its_parts(name: str) -> None:
    channel = channels.parse(name)
    assert channel.name == name
    assert ":".join([channel.namespace, *channel.segments]) == name
    assert channel.id == ("" if name == "global" else name.rpartition(":")[2])


@pytest.mark.parametrize(
    "name",
    [
        "",
        ":",
        "*",
        "dossier",
        "dossier:",
        "dossier:country",
        "dossier:country:",
        "dossier::SA",
        ":dossier:country:SA",
        "dossier:country:SA:x",
        "dossier:country:SA:x:y",
        "global:x",
        "user",
        "user:a:b",
        "user:*",
        "dossier:*:*",
        "dossier:country:S?",
        "dossier:country:SA*",
        "dossier:country:[a-z]",
        "[a-z]",
        "../../x",
        "dossier:..:..",
        "dossier:country:.",
        "document:..",
        "document:' OR 1=1--",
        "document:{{7*7}}",
        "document:a b",
        "document:a\n",
        "document:a\x00",
        "document:é",
        "document:١",
        "document:\u2028",
        "document:" + "a" * 65,
        "document:" + "a" * 100_000,
        "document/uuid",
        " global",
    ],
    ids=lambda name: repr(name[:40]),
)
def test_bad_grammar_is_refused_with_what_a_name_looks_like(name: str) -> None:
    with pytest.raises(channels.ChannelError, match=r"^a channel (is|of this namespace is) ") as refused:
        channels.parse(name)
    assert len(str(refused.value)) < 120


@pytest.mark.parametrize("name", ["foo:1", "Global", "GLOBAL", "dossiers:country:SA", "a", "a:b:c:d", "-", "___"])
def test_a_good_name_of_no_namespace_is_unknown(name: str) -> None:
    with pytest.raises(channels.UnknownNamespace, match="use document, dossier, global"):
        channels.parse(name)


@given(text=st.text(max_size=80))
def test_any_text_is_a_channel_or_refused(text: str) -> None:
    try:
        channel = channels.parse(text)
    except (channels.ChannelError, channels.UnknownNamespace):
        return
    assert channel.name == text
    assert channel.namespace in channels.SHAPES


# --- patterns ------------------------------------------------------------------------------------------------


def _pattern(text: str) -> channels.Pattern:
    pattern = channels.parse_pattern(text)
    assert pattern is not None, text
    return pattern


@pytest.mark.parametrize(
    ("pattern", "inside", "outside"),
    [
        ("*", ["global", "user:a", "dossier:country:SA"], []),
        ("dossier:*", ["dossier:country:SA", "dossier:mou:1"], ["dossier", "document:1", "global"]),
        ("dossier:country:*", ["dossier:country:SA"], ["dossier:country", "dossier:mou:SA"]),
        ("dossier:*:SA", ["dossier:country:SA", "dossier:mou:SA"], ["dossier:country:FR", "dossier:SA"]),
        ("dossier:*:*", ["dossier:country:SA"], ["dossier:country", "dossier"]),
        ("*:country:SA", ["dossier:country:SA"], ["dossier:mou:SA", "country:SA"]),
        ("*:*", ["user:a", "dossier:country:SA"], ["global"]),
        ("user:a", ["user:a"], ["user:A", "user:ab", "user:a:b", "user"]),
        ("user:a.c", ["user:a.c"], ["user:abc"]),
        ("global", ["global"], ["global:x", "user:global"]),
    ],
)
def test_a_pattern_is_the_set_that_it_looks_like(pattern: str, inside: list[str], outside: list[str]) -> None:
    assert [name for name in inside if not _pattern(pattern).matches(name)] == []
    assert [name for name in outside if _pattern(pattern).matches(name)] == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "dossier:",
        "dossier:**",
        "dossier:S*",
        "*SA",
        "a:b:c:d:e",
        "..",
        "a:..:*",
        "a b",
        "a\n",
        "[a]",
        "?",
    ],
)
def test_what_is_no_pattern_is_none(text: str) -> None:
    assert channels.parse_pattern(text) is None


@given(mine=_SEGMENTS, theirs=_SEGMENTS)
def test_a_pattern_without_a_star_matches_itself_alone(mine: list[str], theirs: list[str]) -> None:
    pattern = _pattern(":".join(mine))
    assert pattern.matches(":".join(mine))
    assert pattern.matches(":".join(theirs)) == (mine == theirs)


@given(segments=_SEGMENTS, at=st.integers(min_value=0, max_value=3), other=_SEGMENT)
def test_a_star_inside_stands_for_exactly_one_segment(segments: list[str], at: int, other: str) -> None:
    assume(at < len(segments) - 1)
    pattern = _pattern(":".join([*segments[:at], "*", *segments[at + 1 :]]))
    assert pattern.matches(":".join([*segments[:at], other, *segments[at + 1 :]]))
    assert not pattern.matches(":".join([*segments[:at], *segments[at + 1 :]]))
    assert not pattern.matches(":".join([*segments[:at], other, other, *segments[at + 1 :]]))


@given(prefix=st.lists(_SEGMENT, min_size=1, max_size=3), rest=st.lists(_SEGMENT, max_size=3))
def test_a_last_star_stands_for_one_segment_or_more(prefix: list[str], rest: list[str]) -> None:
    pattern = _pattern(":".join([*prefix, "*"]))
    assert pattern.matches(":".join([*prefix, *rest])) == (len(rest) > 0)


@given(name=_SEGMENTS, prefix=st.lists(_SEGMENT, min_size=1, max_size=3))
def test_a_last_star_leaves_what_is_before_it_as_it_is(name: list[str], prefix: list[str]) -> None:
    assume(name[: len(prefix)] != prefix)
    assert not _pattern(":".join([*prefix, "*"])).matches(":".join(name))


@given(name=_names())
def test_a_star_alone_matches_every_channel(name: str) -> None:
    assert _pattern("*").matches(name)


@pytest.mark.parametrize(
    ("build", "namespace"),
    [
        (channels.document, "document"),
        (channels.workspace, "workspace"),
        (channels.user, "user"),
        (channels.relationship, "relationship"),
        (channels.ops, "ops"),
        (lambda name: channels.dossier("country", name), "dossier"),
    ],
)
@given(name=_SEGMENT)
def test_a_name_that_is_built_is_taken_apart_as_it_was(build: Callable[[str], str], namespace: str, name: str) -> None:
    channel = build(name)
    parsed = channels.parse(channel)
    assert (parsed.namespace, parsed.id) == (namespace, name)
    assert channels.namespace(channel) == namespace
    assert channels.identifier(channel) == ":".join(parsed.segments)
    assert [each for each in channels.SHAPES if channels.is_in(channel, each)] == [namespace]  # type: ignore[arg-type]  # SHAPES has every namespace


def test_a_pattern_that_is_cut_short_stands_for_all_the_rest() -> None:
    assert channels.filled("dossier:*") == channels.filled("dossier") == "dossier:*:*"
    assert channels.filled("dossier:country:SA") == "dossier:country:SA"
    assert channels.filled("nothing:of:ours:at") == "nothing:of:ours:at"
    assert [channels.is_whole_namespace(text) for text in ("ops", "ops:*", "ops:x")] == [True, True, False]
