"""Whatever people and programs write is shown as it is written, and runs nothing (P21)."""

from __future__ import annotations

from uuid import uuid4

from playwright.sync_api import Browser, Page, expect

from tests.dashboard.browsing import logged_in, show
from tests.dashboard.company import Company
from tests.dashboard.dashboards import Dashboard
from tests.harness.service import Service

PAYLOADS = (
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<img src=x onerror='alert(1)'",
    "<svg/onload=alert(1)>",
    "<svg><animate onbegin=alert(1) attributeName=x dur=1s>",
    "<svg><script>alert(1)</script></svg>",
    "<body onload=alert(1)>",
    "<iframe src=javascript:alert(1)></iframe>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<object data=javascript:alert(1)>",
    "<embed src=javascript:alert(1)>",
    "<a href=javascript:alert(1)>x</a>",
    "javascript:alert(1)",
    "[x](javascript:alert(1))",
    "![x](x 'onerror=alert(1)')",
    "<details open ontoggle=alert(1)>",
    "<input autofocus onfocus=alert(1)>",
    "<video><source onerror=alert(1)>",
    "<audio src=x onerror=alert(1)>",
    "<marquee onstart=alert(1)>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=x onerror=alert(1)&gt;'>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<template><img src=x onerror=alert(1)></template>",
    "<base href=//evil.test/>",
    "<meta http-equiv=refresh content='0;url=javascript:alert(1)'>",
    "<link rel=stylesheet href=//evil.test/x.css>",
    "<style>@import '//evil.test/x.css';</style>",
    "<form action=//evil.test><button>x</button></form>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&amp;lt;img src=x onerror=alert(1)&amp;gt;",
    "&#60;script&#62;alert(1)&#60;/script&#62;",
    "{{constructor.constructor('alert(1)')()}}",
    "{{7*7}}",
    "<%= 7*7 %>",
    "${alert(1)}",
    "`${alert(1)}`",
    "'-alert(1)-'",
    '"><script>alert(1)</script>',
    "--><script>alert(1)</script>",
    "]]><script>alert(1)</script>",
    "\u202e<script>alert(1)</script>",
)
CHANNEL = "dossier:country:EG"


def both(text: str) -> dict[str, str]:
    return {"en": text, "ar": text}


def events(number: int, text: str) -> list[dict[str, object]]:
    """Every event in which somebody may write what they like."""
    brief, user = str(uuid4()), "user:reader"
    alert = {
        "commitment_id": f"hostile-{number}",
        "mou_id": "mou-1",
        "title": text,
        "days_until_deadline": 3,
        "responsible_department": text,
        "alert_level": 1 + number % 3,
    }
    update = {"entity_type": "country", "entity_id": "EG", "operation": "update", "fields_changed": []}
    note = {"id": str(uuid4()), "title": both(text), "message": both(text)}
    failed = {"error": text, "fallback_available": False}
    return [
        {"type": "commitment_alert", "channel": user, "priority": "high", "payload": alert},
        {"type": "brief_generation_failed", "channel": user, "request_id": brief, "payload": failed},
        {"type": "dossier_update", "channel": CHANNEL, "payload": update},
        {"type": "notification", "channel": "global", "priority": "low", "payload": note},
    ]


def foreign_elements(page: Page) -> int:
    """Elements in the page's blocks that only a payload could have made."""
    kinds = "script, img, iframe, object, embed, form, input, video, audio, math, style, link, base, meta, a, marquee"
    return page.locator(".blocks > :not(.charts)").locator(kinds).count()


def test_no_text_field_runs_anything_on_any_page(browser: Browser, dashboard: Dashboard, service: Service) -> None:
    assert len(PAYLOADS) >= 40
    with Company(service) as people, logged_in(browser, dashboard) as page:
        page.add_init_script("window.alert = () => { console.error('a payload ran') }")
        for number, text in enumerate(PAYLOADS):
            people.come(f"hostile-{number}", text, CHANNEL)
            people.publish(*events(number, text), name=text)
        for name in ("overview", "limits", "briefs", "documents", "relationships"):
            show(page, dashboard, name)
            assert foreign_elements(page) == 0
        show(page, dashboard, "alerts")
        cards = page.locator(".card h3")
        expect(cards.get_by_text(PAYLOADS[0], exact=True)).to_be_visible()
        shown = cards.all_inner_texts()
        assert set(PAYLOADS) <= set(shown)
        assert foreign_elements(page) == 0
        for name, region in (("presence", "By person"), ("connections", "Open sessions")):
            show(page, dashboard, name)
            names = page.get_by_role("region", name=region).locator("tbody tr td:first-child")
            expect(names.get_by_text(PAYLOADS[0], exact=True)).to_be_visible(timeout=15_000)
            expect(names.get_by_text(PAYLOADS[-1], exact=True)).to_be_visible(timeout=15_000)
            assert set(PAYLOADS) <= set(names.all_inner_texts())
            assert foreign_elements(page) == 0
        show(page, dashboard, "tail")
        page.get_by_role("button", name="Inspect").first.click()
        expect(page.get_by_role("dialog").locator("pre")).to_be_visible()
        assert foreign_elements(page) == 0
