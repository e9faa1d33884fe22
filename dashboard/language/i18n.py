"""What the dashboard says, in the reader's language. The words themselves are in words/."""

from __future__ import annotations

from typing import Literal

from dashboard.language.translations import TRANSLATIONS as TRANSLATIONS  # noqa: PLC0414 - the table, from here too
from dossier_realtime.protocol.plain_text import isolated

Language = Literal["en", "ar"]
LANGUAGES: tuple[Language, ...] = ("en", "ar")


def direction(language: Language) -> str:
    """The writing direction, as HTML says it."""
    return "rtl" if language == "ar" else "ltr"


def locale(language: Language) -> str:
    """How browsers write numbers and times: Gregorian, and with digits that both languages read."""
    return "ar-u-nu-latn-ca-gregory" if language == "ar" else "en-GB"


def say(language: Language, key: str, **values: object) -> str:
    """The words of a key, each value in its own direction. Raises KeyError for a key that nobody wrote."""
    return TRANSLATIONS[key][LANGUAGES.index(language)].format(**{name: _own(value) for name, value in values.items()})


def _own(value: object) -> object:
    """Return a text isolated from what surrounds it; one that is ASCII alone turns nothing around it."""
    return isolated(value) if isinstance(value, str) and not value.isascii() else value


def translate_value(language: Language, prefix: str, word: str) -> str:
    """The words for a value of a closed list, such as a status; the value itself when it is a new one."""
    row = TRANSLATIONS.get(f"{prefix}.{word}")
    return row[LANGUAGES.index(language)] if row else word


def translations_for(language: Language, prefix: str) -> dict[str, str]:
    """All words under a prefix, by what follows it: what the browser needs for its own part."""
    at = LANGUAGES.index(language)
    return {key.removeprefix(prefix): row[at] for key, row in TRANSLATIONS.items() if key.startswith(prefix)}
