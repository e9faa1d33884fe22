"""Links that notifications offer: which hosts they may lead to."""

from __future__ import annotations

import msgspec
import pytest

from app.core.domain.errors import ImpossibleFactError
from app.core.domain.projections.action_links import ActionLinks
from dossier_realtime.protocol.events import Event, Notification

OWN = ("dossier.example.org", "calendar.example.org:8443", "[::1]")


def notice(*urls: str) -> Event:
    texts = {"title": {"en": "a", "ar": "ب"}, "message": {"en": "a", "ar": "ب"}}
    actions = [{"label": "Open", "url": url} for url in urls]
    return msgspec.convert(
        {"type": "notification", "priority": "low", "payload": {"id": "n1", **texts, "actions": actions}}, Notification
    )


@pytest.mark.parametrize(
    "url",
    [
        "/dossiers/country/SA",
        "/",
        "https://dossier.example.org",
        "https://dossier.example.org/a?b#c",
        "https://DOSSIER.example.org:9000/a",
        "https://calendar.example.org:8443/a",
        "https://[0:0::1]/a",
    ],
)
def test_a_path_or_an_allowed_host_may_be_opened(url: str) -> None:
    ActionLinks(OWN).check(notice(url))


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example",
        "https://dossier.example.org.evil.example/",
        "https://evil.example\\.dossier.example.org/",
        "https://evil.example/https://dossier.example.org",
        "https://dossier.example.org@evil.example/",
        "https://user:secret@dossier.example.org/",
        "https://dossier.example.org:80:90/",
        "https://calendar.example.org/",
        "https://dossier.example.org./",
        "https://dossier.example.org%2eevil.example/",
        "https://dossıer.example.org/",
        "https:///dossier.example.org",
        "https://",
    ],
)
def test_another_host_is_refused_with_the_path_of_its_link(url: str) -> None:
    with pytest.raises(ImpossibleFactError, match="action_hosts") as refused:
        ActionLinks(OWN).check(notice("/fine", url))
    assert (refused.value.path, refused.value.subject) == ("$.payload.actions[1].url", "n1")
    ActionLinks(("*",)).check(notice(url))
    with pytest.raises(ImpossibleFactError):
        ActionLinks(()).check(notice(url))


def test_a_list_that_names_no_host_is_refused() -> None:
    with pytest.raises(ValueError, match="is no host"):
        ActionLinks(("https://dossier.example.org",))
