"""Display options of a page: language and theme. They stand in its address, so that a link shows the same page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import urlencode

from dashboard.language.i18n import LANGUAGES, Language, direction

Theme = Literal["light", "dark"]
THEMES: tuple[Theme, ...] = ("light", "dark")


@dataclass(frozen=True, slots=True)
class DisplayOptions:
    """The language and the theme of a page."""

    language: Language = "en"
    theme: Theme = "light"

    @classmethod
    def asked(cls, arguments: Mapping[str, list[bytes]], accepts: str = "") -> DisplayOptions:
        """Return the options that a query names; else the browser's language, and the light theme.

        Unknown values count as absent. `accepts` is the Accept-Language header.
        """
        said = {name: values[-1].decode(errors="replace") for name, values in arguments.items() if values}
        language, theme = said.get("lang", accepts[:2].lower()), said.get("theme")
        return cls(
            language if language in LANGUAGES else "en",
            theme if theme in THEMES else "light",
        )

    @property
    def query(self) -> str:
        """The options as the query of an address."""
        return "?" + urlencode({"lang": self.language, "theme": self.theme})

    @property
    def direction(self) -> str:
        """The writing direction, `ltr` or `rtl`."""
        return direction(self.language)

    def other_language(self) -> DisplayOptions:
        """Return the options with the other language."""
        return replace(self, language="en" if self.language == "ar" else "ar")

    def other_theme(self) -> DisplayOptions:
        """Return the options with the other theme."""
        return replace(self, theme="light" if self.theme == "dark" else "dark")
