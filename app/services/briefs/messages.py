"""Sentences about briefs that people read, in both languages."""

from __future__ import annotations

from typing import Final

from dossier_realtime.protocol.fields import Localized

COLLECTING: Final = Localized("Collecting what is known…", "جارٍ جمع المعلومات المتوفرة…")
WRITING: Final = Localized("Writing the brief…", "جارٍ كتابة الموجز…")
REVIEWING: Final = Localized("Checking the text against its sources…", "جارٍ التحقق من النص وفق مصادره…")
FINALIZING: Final = Localized("Storing the brief…", "جارٍ حفظ الموجز…")

SILENT: Final = Localized(
    "The generator gave no sign of life; ask again, or ask for the template brief",
    "لم تصدر عن المولّد أي إشارة؛ أعد الطلب أو اطلب الموجز المبني على القالب",
)
TOO_SLOW: Final = Localized(
    "The generator took too long; ask for the template brief, or ask again later",
    "استغرق المولّد وقتًا أطول من اللازم؛ اطلب الموجز المبني على القالب أو أعد الطلب لاحقًا",
)
INTERRUPTED: Final = Localized(
    "The service was interrupted too often while it wrote this brief; ask again",
    "انقطعت الخدمة مرات كثيرة أثناء كتابة هذا الموجز؛ أعد الطلب",
)
BROKEN: Final = Localized(
    "The brief could not be written because of a fault of the service; ask for the template brief",
    "تعذّرت كتابة الموجز بسبب خلل في الخدمة؛ اطلب الموجز المبني على القالب",
)
NOT_SERVED: Final = Localized(
    "This generator is not set up any more; ask for the template brief",
    "هذا المولّد لم يعد مهيّأً؛ اطلب الموجز المبني على القالب",
)
MODEL_AWAY: Final = Localized(
    "The language model is not available now; ask again later, or ask for the template brief",
    "النموذج اللغوي غير متاح الآن؛ أعد الطلب لاحقًا أو اطلب الموجز المبني على القالب",
)
UNFIT: Final = Localized(
    "The language model's text did not pass the checks; ask again, or ask for the template brief",
    "لم يجتز نص النموذج اللغوي عمليات التحقق؛ أعد الطلب أو اطلب الموجز المبني على القالب",
)
NO_FACTS: Final = Localized(
    "Nothing is known that a model could write about; the template brief says so",
    "لا تتوفر معلومات يمكن للنموذج أن يكتب عنها؛ والموجز المبني على القالب يذكر ذلك",
)
