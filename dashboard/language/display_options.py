"""How a page is asked for: language and theme stand in its address, so that a link shows what its sender saw."""

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
    """A language and a theme."""

    language: Language = "en"
    theme: Theme = "light"

    @classmethod
    def asked(cls, arguments: Mapping[str, list[bytes]], accepts: str = "") -> DisplayOptions:
        """As the query says; else the browser's language, and light. Anything unknown counts as not said."""
        said = {name: values[-1].decode(errors="replace") for name, values in arguments.items() if values}
        language, theme = said.get("lang", accepts[:2].lower()), said.get("theme")
        return cls(
            language if language in LANGUAGES else "en",
            theme if theme in THEMES else "light",
        )

    @property
    def query(self) -> str:
        return "?" + urlencode({"lang": self.language, "theme": self.theme})

    @property
    def direction(self) -> str:
        return direction(self.language)

    def other_language(self) -> DisplayOptions:
        return replace(self, language="en" if self.language == "ar" else "ar")

    def other_theme(self) -> DisplayOptions:
        return replace(self, theme="light" if self.theme == "dark" else "dark")
