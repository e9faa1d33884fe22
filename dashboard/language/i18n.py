"""Texts of the dashboard in the reader's language; the texts themselves are in translations/."""

from __future__ import annotations

from typing import Literal

from dashboard.language.translations import TRANSLATIONS as TRANSLATIONS  # noqa: PLC0414 - the table, from here too
from dossier_realtime.protocol.plain_text import isolated

Language = Literal["en", "ar"]
LANGUAGES: tuple[Language, ...] = ("en", "ar")


def direction(language: Language) -> str:
    """Return the writing direction, as HTML names it."""
    return "rtl" if language == "ar" else "ltr"


def locale(language: Language) -> str:
    """Return the locale of numbers and times: Gregorian, with digits that both languages read."""
    return "ar-u-nu-latn-ca-gregory" if language == "ar" else "en-GB"


def say(language: Language, key: str, **values: object) -> str:
    """Return the text of a key, each value isolated in its own direction. Raises KeyError for an unknown key."""
    return TRANSLATIONS[key][LANGUAGES.index(language)].format(
        **{name: _own(value, language) for name, value in values.items()}
    )


def _own(value: object, language: Language) -> object:
    """Return a text isolated from what surrounds it, unless it turns nothing and is not turned by it.

    ASCII turns nothing around it; between letters of Arabic its last sign would come to stand before it, as in `a:*`.
    """
    if not isinstance(value, str) or not value:
        return value
    stands = value.isascii() and (language == "en" or (value[0].isalnum() and value[-1].isalnum()))
    return value if stands else isolated(value)


def translate_value(language: Language, prefix: str, word: str) -> str:
    """Return the text for a value of a closed list, such as a status; an unknown value itself."""
    row = TRANSLATIONS.get(f"{prefix}.{word}")
    return row[LANGUAGES.index(language)] if row else word


def translations_for(language: Language, prefix: str) -> dict[str, str]:
    """Return all texts under a prefix, by the rest of their keys: the texts that the browser needs."""
    at = LANGUAGES.index(language)
    return {key.removeprefix(prefix): row[at] for key, row in TRANSLATIONS.items() if key.startswith(prefix)}
