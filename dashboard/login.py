"""The login page: the service's own token opens the dashboard, for the role that the token names."""

from __future__ import annotations

import re
from collections import deque
from pathlib import Path
from typing import Any

import jinja2
import tornado.web

from dashboard.guard import DashboardApplication
from dashboard.i18n import say
from dashboard.looks import Looks
from dashboard.service_api import Answer, ServiceApi
from dashboard.store import Kept
from dashboard.visitors import COOKIE

ASSETS = Path(__file__).parent / "assets"
_TOKEN = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_LONGEST = 8_192  # characters of a token
_ATTEMPTS, _WINDOW = 30, 60.0  # bad tokens of one address in so many seconds
_ADDRESSES = 10_000  # that are remembered

_templates = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
_page = _templates.from_string((ASSETS / "login.html").read_text(encoding="utf-8"))


class Attempts:
    """How often an address came with a bad token of late."""

    def __init__(self) -> None:
        self._failed: Kept[deque[float]] = Kept(_ADDRESSES)

    def allows(self, address: str, now: float) -> bool:
        times = self._failed.get(address)
        return times is None or len(times) < _ATTEMPTS or now - times[0] >= _WINDOW

    def failed(self, address: str, now: float) -> None:
        times = self._failed.get(address) or deque(maxlen=_ATTEMPTS)
        times.append(now)
        self._failed.put(address, times)


class LoginHandler(tornado.web.RequestHandler):
    """`GET`: the form. `POST`: let in whose token the service accepts."""

    application: DashboardApplication

    def initialize(self, api: ServiceApi, attempts: Attempts, *, secure: bool) -> None:
        self._api = api
        self._attempts = attempts
        self._secure = secure
        self._looks = Looks.asked(self.request.query_arguments, self.request.headers.get("Accept-Language", ""))

    def get(self) -> None:
        self._show()

    async def post(self) -> None:
        visitors, address = self.application.visitors, self.request.remote_ip or ""
        if not self._attempts.allows(address, visitors.now()):
            self._show("login.often", 429)
            return
        token = self.get_body_argument("token", "").strip()
        answer = Answer(401)
        if len(token) <= _LONGEST and _TOKEN.fullmatch(token) is not None:
            answer = await self._api.call("GET", "/v1/channels/global", token)
        if answer.status == 401:
            self._attempts.failed(address, visitors.now())
            self._show("login.bad", 401)
            return
        if answer.status not in (200, 403):  # 403: a good token, of somebody who is no administrator
            self._show("login.down", 503)
            return
        visitor = visitors.admit(token, address)
        if visitor is None:
            self._show("login.role", 403)
            return
        self.set_cookie(COOKIE, visitor.key, httponly=True, samesite="Strict", secure=self._secure, path="/")
        self.redirect(f"/overview{self._looks.query}", status=303)

    def _show(self, wrong: str = "", status: int = 200) -> None:
        language = self._looks.language
        self.set_status(status)
        self.set_header("Cache-Control", "no-store")
        words: dict[str, Any] = {
            "title": say(language, "title"),
            "heading": say(language, "login.title"),
            "help": say(language, "login.help"),
            "token": say(language, "login.token"),
            "go": say(language, "login.go"),
            "language": say(language, "shell.language"),
            "dark": say(language, "shell.dark"),
            "light": say(language, "shell.light"),
        }
        self.finish(
            _page.render(
                words=words,
                language=language,
                direction=self._looks.direction,
                look=self._looks.theme,
                query=self._looks.query,
                other_language=f"/login{self._looks.other_language().query}",
                other_look=f"/login{self._looks.other_theme().query}",
                wrong=say(language, wrong) if wrong else "",
            )
        )


class LogoutHandler(tornado.web.RequestHandler):
    """`POST`: the login is over, on every page."""

    application: DashboardApplication

    def post(self) -> None:
        visitor = self.application.visitor(self.request)
        if visitor is not None:
            self.application.visitors.leave(visitor)
        self.clear_cookie(COOKIE, path="/")
        self.redirect(f"/login{Looks.asked(self.request.query_arguments).query}", status=303)


class AliveHandler(tornado.web.RequestHandler):
    """`GET /healthz`: this process answers."""

    def get(self) -> None:
        self.set_header("Cache-Control", "no-store")
        self.finish("ok\n")


class FrontDoorHandler(tornado.web.RequestHandler):
    """`GET /`: to the first page."""

    def get(self) -> None:
        self.redirect(f"/overview{'?' + self.request.query if self.request.query else ''}")
