"""Every form that a field may ask for is said in words, so that a refusal tells what to send."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Annotated, get_origin

import msgspec
import pytest

from dossier_realtime import protocol
from dossier_realtime.client.state.editing.arguments import attributes_of, units_of_text
from dossier_realtime.protocol.codec import reason

_MADE_BY_THE_SERVICE = {"CursorColor", "Sha256"}


def _forms() -> Iterator[tuple[str, object]]:
    for module in pkgutil.walk_packages(protocol.__path__, "dossier_realtime.protocol."):
        for name, value in vars(importlib.import_module(module.name)).items():
            is_form = get_origin(value) is Annotated and name not in _MADE_BY_THE_SERVICE
            if is_form and any(getattr(meta, "pattern", None) for meta in value.__metadata__):
                yield name, value


@pytest.mark.parametrize(("name", "form"), sorted(dict(_forms()).items()), ids=lambda value: str(value)[:40])
def test_a_refused_text_is_told_the_form_of_its_field(name: str, form: object) -> None:
    with pytest.raises(msgspec.ValidationError) as wrong:
        msgspec.convert("\x00 ", form)
    said, _ = reason(wrong.value)
    assert said.startswith("The text is not of the form that this field takes: "), name


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"link": "http://example.org"}, r"an address https://…, without blanks \(at link\)"),
        ({"alternative": "a\nb"}, r"one line without control characters \(at alternative\)"),
        ({"highlight": "red"}, r"it takes blue, green, orange, pink, yellow \(at highlight\)"),
        ({"heading": 4}, r"<= 3 \(at heading\)"),
        ({"colour": "red"}, "unknown field `colour`"),
    ],
)
def test_a_refused_formatting_says_what_to_write(attributes: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said) as refused:
        attributes_of(attributes)
    assert "regex" not in str(refused.value)


def test_what_is_no_text_is_a_wrong_type() -> None:
    with pytest.raises(TypeError, match="make a str of it"):
        units_of_text(5)  # type: ignore[arg-type]  # what a program may do
