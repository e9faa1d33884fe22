"""The document of one page, made for the login that opens it."""

from __future__ import annotations

import re
import secrets
from functools import partial
from typing import Any

import jinja2
from bokeh.application.handlers.handler import Handler
from bokeh.document import Document
from tornado.httputil import HTTPServerRequest

from dashboard.language.display_options import DisplayOptions
from dashboard.language.i18n import say, translations_for
from dashboard.live.actions import Actions
from dashboard.live.details import Details
from dashboard.live.inbox_reader import InboxReader
from dashboard.live.service_api import ServiceApi
from dashboard.playback.recording_queue import RecordingQueue
from dashboard.playback.recordings import Recordings
from dashboard.screen.assets import TEMPLATES
from dashboard.screen.panes import PANES
from dashboard.screen.viewer import Viewer
from dashboard.site.login_sessions import LoginSessions
from dashboard.site.page_session import TICK_MS, LoginHooks, OpenPage, PageServices, PageSession
from dashboard.site.view_cache import ViewCache


class PageHandler(Handler):
    """The maker of one page's document, for the login that asks for it."""

    def __init__(
        self, name: str, views: ViewCache, logins: LoginSessions, api: ServiceApi, queue: RecordingQueue
    ) -> None:
        super().__init__()
        self._name = name
        self._views = views
        self._logins = logins
        self._api = api
        self._queue = queue
        self._template = _templates.get_template("page.html")

    def process_request(self, request: HTTPServerRequest) -> dict[str, Any]:
        """Return the session's payload: the key of the page, valid for it alone, and the display options."""
        cookie = request.cookies.get(self._logins.cookie)
        login = None if cookie is None else self._logins.known(cookie.value, request.remote_ip or "")
        if login is None:
            return {}
        display = DisplayOptions.asked(request.query_arguments, request.headers.get("Accept-Language", ""))
        return {"visit": self._logins.open_page(login), "language": display.language, "theme": display.theme}

    def modify_document(self, doc: Document) -> None:
        """Fill the document with the page's component, and tick until its session ends."""
        context: Any = doc.session_context  # the server's class of it has `token_payload`
        payload: dict[str, Any] = context.token_payload
        login = self._logins.owner_of_page(payload.get("visit", ""))
        if login is None:
            return
        display = DisplayOptions(payload["language"], payload["theme"])
        viewer = Viewer(display.language, login.role, login.identity)
        actions = Actions(self._api, self._views.state, viewer, login.token.text, login.user_id)
        page = OpenPage(self._name, viewer, display)
        recordings = Recordings(self._api.url, login.token.text, viewer, self._queue, login.user_id)
        details = Details(self._api, viewer, login.token.text)
        inbox = InboxReader(self._api, self._views.state, login.identity, login.token.text)
        hooks = LoginHooks(partial(self._logins.is_valid, login), partial(self._logins.touch, login))
        session = PageSession(self._views, page, PageServices(actions, recordings, details, inbox), hooks)
        title = f"{say(display.language, f'page.{self._name}')} · {say(display.language, 'title')}"
        session.component.server_doc(doc, title=title, location=False)
        session.component.attach_document(doc)
        doc.template = self._template
        doc.template_variables.update(_shell(self._name, display, login.name, viewer))
        doc.add_periodic_callback(session.tick, TICK_MS)
        login.at_end.add(session.cancel_recordings)

        def closed(_: Any) -> None:
            """End the page with its session."""
            login.at_end.discard(session.cancel_recordings)
            session.cancel_recordings()

        doc.on_session_destroyed(closed)


def _shell(page: str, display: DisplayOptions, who: str, viewer: Viewer) -> dict[str, Any]:
    return {
        "language": display.language,
        "direction": display.direction,
        "look": display.theme,
        "query": display.query,
        "page": page,
        "pages": [(name, say(display.language, f"page.{name}")) for name in PANES],
        "words": translations_for(display.language, "shell.") | {"title": say(display.language, "title")},
        "who": who,
        "role": viewer.word("role", viewer.role),
        "other_language": f"/{page}{display.other_language().query}",
        "other_look": f"/{page}{display.other_theme().query}",
        "nonce": secrets.token_urlsafe(16),
    }


_SHIMS = re.compile(r"<script[^>]*(esms-options|es-module-shims)[^>]*>.*?</script>", re.DOTALL)
_templates = jinja2.Environment(
    loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined
)
_templates.filters["without_shims"] = lambda scripts: _SHIMS.sub("", scripts)  # assets/js/modules.js replaces them
