"""Texts of the simulated office in both languages, as the contract's `{en, ar}`."""

from __future__ import annotations

from demo.content.world import Entity, Mou
from dossier_realtime.protocol.domain.day_words import days_left

Localized = dict[str, str]


def _both(en: str, ar: str) -> Localized:
    return {"en": en, "ar": ar}


REVIEW = _both("Review", "مراجعة")
OPEN = _both("Open", "فتح")

BRIEF_STAGES: tuple[tuple[str, Localized], ...] = (
    ("analyzing", _both("Analyzing past interactions…", "تحليل التعاملات السابقة…")),
    ("generating", _both("Writing the brief…", "كتابة الموجز…")),
    ("reviewing", _both("Checking figures and sources…", "مراجعة الأرقام والمصادر…")),
    ("finalizing", _both("Laying out both languages…", "تنسيق اللغتين…")),
)
BRIEF_FAILED = _both("The AI service is not available now", "خدمة الذكاء الاصطناعي غير متاحة الآن")
BRIEF_TYPES = ("meeting", "country", "visit", "negotiation")

TASKS: tuple[Localized, ...] = (
    _both("Prepare the briefing for the bilateral meeting", "إعداد موجز الاجتماع الثنائي"),
    _both("Update the economic indicators", "تحديث المؤشرات الاقتصادية"),
    _both("Translate the annex of the agreement", "ترجمة ملحق الاتفاقية"),
    _both("Collect comments of the departments", "جمع ملاحظات الإدارات"),
    _both("Draft the reply to the questionnaire", "صياغة الرد على الاستبيان"),
    _both("Arrange the visit of the delegation", "ترتيب زيارة الوفد"),
)

RECOMMENDATIONS: tuple[Localized, ...] = (
    _both("Schedule a bilateral meeting", "جدولة اجتماع ثنائي"),
    _both("Review the open commitments", "مراجعة الالتزامات القائمة"),
    _both("Send the overdue data set", "إرسال مجموعة البيانات المتأخرة"),
    _both("Invite to the statistical forum", "الدعوة إلى المنتدى الإحصائي"),
)
TRIGGERS_DOWN = ("no_interaction_90_days", "commitment_overdue", "meeting_cancelled")
TRIGGERS_UP = ("meeting_held", "commitment_delivered", "mou_signed")

ANNOUNCEMENTS: tuple[tuple[Localized, Localized], ...] = (
    (
        _both("Planned maintenance", "صيانة مجدولة"),
        _both("The archive is read-only on Thursday from 18:00", "الأرشيف للقراءة فقط يوم الخميس من الساعة 18:00"),
    ),
    (
        _both("Weekly coordination", "التنسيق الأسبوعي"),
        _both("All departments meet at 10:00 in hall 2", "تجتمع جميع الإدارات الساعة 10:00 في القاعة 2"),
    ),
    (
        _both("New classification guide", "دليل التصنيف الجديد"),
        _both("Read it before you share a dossier", "يرجى قراءته قبل مشاركة أي ملف"),
    ),
)


def mou_expires(mou: Mou, days: int) -> tuple[Localized, Localized]:
    """Return title and message of the reminder that an MoU expires."""
    title = _both("MoU expiring soon", "مذكرة التفاهم على وشك الانتهاء")
    left = days_left(days)
    return title, _both(f"{mou.dossier.en} ends: {left.en}", f"تنتهي مذكرة {mou.dossier.ar}؛ {left.ar}")


def comment_on(entity: Entity, name: str) -> tuple[Localized, Localized]:
    """Return title and message of the notification about a comment."""
    title = _both("New comment", "تعليق جديد")
    return title, _both(f"{name} commented on {entity.en}", f"علّق {name} على {entity.ar}")


def deadline_near(mou: Mou) -> Localized:
    """Return the title of a commitment's alert."""
    return _both(f"Delivery due: {mou.dossier.en}", f"موعد تسليم يقترب: {mou.dossier.ar}")


DEPARTMENTS: dict[str, Localized] = {
    "bilateral": _both("Bilateral relations", "العلاقات الثنائية"),
    "multilateral": _both("International organisations", "المنظمات الدولية"),
    "agreements": _both("Agreements", "الاتفاقيات"),
    "statistics": _both("Statistical cooperation", "التعاون الإحصائي"),
    "protocol": _both("Protocol", "المراسم"),
}

_PARAGRAPH = _both("The annex lists every series, its source and its unit. ", "يتضمن الملحق كل سلسلة ومصدرها ووحدتها. ")


def circular(number: int) -> tuple[Localized, Localized]:
    """Return title and message of a circular of some 11 kB: a few of them fill a slow connection."""
    title = _both(f"Circular no. {number}", f"تعميم رقم {number}")
    return title, {language: (text * 100)[:3900] for language, text in _PARAGRAPH.items()}
