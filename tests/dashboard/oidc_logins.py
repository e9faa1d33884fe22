"""A browser's way to the provider and back, one request at a time, so that each may be another than it should be."""

from __future__ import annotations

import http.client
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from dashboard.site.login_sessions import COOKIE
from tests.dashboard.dashboard_process import Dashboard
from tests.dashboard.identity_provider import CLIENT, SECRET, Provider, asked_of
from tests.harness.eventually import HANG_SECONDS

OPERATOR = {"role": "operator", "permissions": ["admin:*"], "clearance": "secret"}


def oidc_settings(provider: Provider, folder: Path, **changed: str) -> dict[str, str]:
    """Return the environment of a dashboard that people may log in to through `provider`."""
    token = folder / "token"
    token.write_text(provider.token(sub="dashboard", role="service", permissions=["admin:*"], clearance="secret"))
    secret = folder / "client-secret"
    secret.write_text(SECRET + "\n")
    settings = {
        "issuer": provider.issuer,
        "client_id": CLIENT,
        "client_secret_file": str(secret),
        "name": "Office <Account>",
        "name_ar": "حساب المكتب",
    } | changed
    return {f"DOSSIER_DASHBOARD__OIDC__{name.upper()}": value for name, value in settings.items()} | {
        "DOSSIER_DASHBOARD__TOKEN_FILE": str(token),
        "DOSSIER_LOG__LEVEL": "debug",
    }


class Traveller:
    """A browser as far as this is about: it keeps cookies, and goes only where it is told. `seen`: all that it got."""

    def __init__(self, dashboard: Dashboard, provider: Provider) -> None:
        self._dashboard = dashboard
        self._provider = provider
        self.cookies: dict[str, str] = {}
        self.seen: list[str] = []

    def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[int, http.client.HTTPMessage, str]:
        """One request to the dashboard, with the cookies."""
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        status, answered, body = self._dashboard.ask(path, method, **headers)
        self.seen += [body, str(answered)]
        for line in answered.get_all("Set-Cookie") or []:
            for name, morsel in SimpleCookie(line).items():
                self.cookies[name] = morsel.value
                if not morsel.value:
                    del self.cookies[name]
        return status, answered, body

    def leave(self, query: str = "", **headers: str) -> str:
        """Press the button; the address at the provider."""
        status, answered, body = self.ask(f"/login/oidc{query}", **headers)
        assert status == 302, body
        return str(answered["Location"])

    def agree(self, address: str, user: str = "omar") -> dict[str, str]:
        """Log in at the provider; what comes back along with the browser."""
        at, form = urlsplit(address), urlencode({"user": user, "yes": "1"})
        connection = http.client.HTTPConnection(at.netloc, timeout=HANG_SECONDS)
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST", f"{at.path}?{at.query}", form, kind)
        answer = connection.getresponse()
        body, location = answer.read().decode(), answer.headers["Location"] or ""
        connection.close()
        assert answer.status == 302, body
        assert location.startswith(asked_of(address)["redirect_uri"] + "?")
        return asked_of(location)

    def arrive(self, answer: dict[str, str] | str) -> str:
        """Come back with this; where the dashboard sends the browser then."""
        query = answer if isinstance(answer, str) else urlencode(answer)
        status, answered, body = self.ask(f"/login/oidc/callback?{query}")
        assert (status, body) == (303, "")
        return str(answered["Location"])

    @property
    def is_in(self) -> bool:
        """Return whether the dashboard has a login session of this browser."""
        return COOKIE in self.cookies and self.ask("/overview")[0] == 200
