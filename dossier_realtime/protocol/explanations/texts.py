"""The sentences of explanations, in English and Arabic: one for every rule by which anything is decided.

`{channel}`, `{value}` and `{action}` are filled in. An action's word and a remedy's sentence stand here too.
"""

from __future__ import annotations

from typing import Final

Sentence = tuple[str, str]
"""English and Arabic."""

RULES: Final[dict[str, Sentence]] = {
    # Allowed by
    "grant": ("Allowed: the permission {value} reaches {channel}.", "مسموح: الإذن {value} يشمل {channel}."),
    "everybody": ("Allowed: everybody may read {channel}.", "مسموح: للجميع قراءة {channel}."),
    "own": ("Allowed: {channel} is the user’s own channel.", "مسموح: {channel} هي قناة المستخدم نفسه."),
    "admin.all": ("Allowed: the token holds admin:*.", "مسموح: الرمز يحمل admin:*."),
    # Refused by rights
    "grant.read": (
        "Refused: no permission of the token allows reading {channel}.",
        "مرفوض: لا إذن في الرمز يسمح بقراءة {channel}.",
    ),
    "grant.write": (
        "Refused: no permission of the token allows writing to {channel}.",
        "مرفوض: لا إذن في الرمز يسمح بالكتابة في {channel}.",
    ),
    "grant.admin": (
        "Refused: no permission of the token allows administering {channel}.",
        "مرفوض: لا إذن في الرمز يسمح بإدارة {channel}.",
    ),
    "grant.all": ("Refused: this call needs admin:*.", "مرفوض: يتطلب هذا النداء admin:*."),
    "personal": (
        "Refused: names and addresses of sessions need admin:*.",
        "مرفوض: أسماء الجلسات وعناوينها تتطلب admin:*.",
    ),
    "ops": (
        "Refused: {channel} is for operators; a permission less than admin does not reach it.",
        "مرفوض: {channel} للمشغّلين؛ لا يكفي إذن أقل من admin.",
    ),
    "clearance": (
        "Refused: the token’s clearance does not reach the level of {channel}.",
        "مرفوض: تصريح الرمز لا يبلغ مستوى {channel}.",
    ),
    "document.closed": (
        "Refused: {channel} does not exist, or its level is above the token’s clearance.",
        "مرفوض: لا يوجد المستند {channel}، أو أن مستواه أعلى من تصريح الرمز.",
    ),
    "frozen": ("Refused: {channel} is frozen.", "مرفوض: القناة {channel} مجمّدة."),
    "identity": (
        "Refused: the message on {channel} names another user than its sender.",
        "مرفوض: الرسالة على {channel} تذكر مستخدماً غير مرسلها.",
    ),
    "not_subscribed": (
        "Refused: the connection does not subscribe to {channel}.",
        "مرفوض: الاتصال غير مشترك في {channel}.",
    ),
    # Refused by form
    "format": ("Refused: the message is not of its form.", "مرفوض: الرسالة ليست بالشكل المطلوب."),
    "format.abuse": (
        "Ended: too many messages within a minute were not of their form.",
        "أُنهيت: رسائل كثيرة خلال دقيقة ليست بالشكل المطلوب.",
    ),
    "grammar.namespace": (
        "Refused: the channel’s name begins with no known namespace.",
        "مرفوض: اسم القناة لا يبدأ بنطاق معروف.",
    ),
    # Refused by bounds
    "rate": (
        "Refused: more messages of the class {value} than the user may send within a minute.",
        "مرفوض: رسائل من الفئة {value} أكثر مما يجوز للمستخدم خلال دقيقة.",
    ),
    "flood": ("Ended: too many control frames.", "أُنهيت: إطارات تحكم كثيرة جداً."),
    "limit.subscriptions": (
        "Refused: the connection has as many subscriptions as it may.",
        "مرفوض: بلغ الاتصال حد الاشتراكات.",
    ),
    "limit.connections": ("Refused: the user has too many connections.", "مرفوض: للمستخدم اتصالات كثيرة جداً."),
    # The session
    "auth.first": ("Ended: the first message was not a login.", "أُنهيت: الرسالة الأولى ليست تسجيل دخول."),
    "auth.timeout": ("Ended: no login came in time.", "أُنهيت: لم يصل تسجيل دخول في الوقت المحدد."),
    "auth.token": ("Refused: the token is not valid.", "مرفوض: الرمز غير صالح."),
    "auth.revoked": ("Refused: the token was revoked.", "مرفوض: أُبطل الرمز."),
    "auth.expired": ("Ended: the token expired.", "أُنهيت: انتهت صلاحية الرمز."),
    "auth.other_user": ("Ended: the new token is another user’s.", "أُنهيت: الرمز الجديد لمستخدم آخر."),
    "session.revoked": ("Ended by an operator, or because the token was revoked.", "أنهاها مشغّل، أو أُبطل الرمز."),
    "session.replaced": ("Ended: the session was resumed elsewhere.", "أُنهيت: استؤنفت الجلسة في مكان آخر."),
    "session.closed": ("Refused: the session had ended already.", "مرفوض: كانت الجلسة قد انتهت."),
    "liveness": ("Ended: nothing came from the client for too long.", "أُنهيت: لم يصل شيء من العميل مدة طويلة."),
}
"""By rule; of `rate.{class}` the row `rate`."""

UNKNOWN: Final[Sentence] = ("Decided by the rule {value}.", "تقرر وفق القاعدة {value}.")
ACCEPTED: Final[Sentence] = ("Accepted: every check let it through.", "مقبول: اجتاز كل الفحوص.")

REMEDIES: Final[dict[str, Sentence]] = {
    "permissions": ("The token would need the permission {value}.", "يلزم أن يحمل الرمز الإذن {value}."),
    "clearance": ("The token would need the clearance {value}.", "يلزم أن يكون تصريح الرمز {value}."),
    "level": (
        "{channel} is classified {value} now: the token needs that clearance too.",
        "تصنيف {channel} الآن {value}: يلزم أن يبلغه تصريح الرمز أيضاً.",
    ),
    "higher": ("The token would need a higher clearance.", "يلزم أن يكون تصريح الرمز أعلى."),
    "frozen": (
        "An administrator of the channel would have to unfreeze it.",
        "يلزم أن يلغي مسؤول القناة تجميدها.",
    ),
    "identity": (
        "The message would have to name its own sender.",
        "يلزم أن تذكر الرسالة مرسلها نفسه.",
    ),
    "not_subscribed": (
        "The connection would have to subscribe first.",
        "يلزم أن يشترك الاتصال أولاً.",
    ),
}
"""By the claim or setting that would have to change."""

STATUSES: Final[dict[int, Sentence]] = {
    0: ("Refused with the HTTP status {value}.", "رُفض بحالة HTTP {value}."),
    400: ("Refused: the call is not of its form.", "مرفوض: النداء ليس بالشكل المطلوب."),
    401: ("Refused: the token is not valid.", "مرفوض: الرمز غير صالح."),
    403: ("Refused: the token’s rights do not reach this call.", "مرفوض: حقوق الرمز لا تشمل هذا النداء."),
    404: ("Refused: there is nothing of this name.", "مرفوض: لا شيء بهذا الاسم."),
    409: (
        "Refused: it was changed meanwhile, or its id or key stands for something else.",
        "مرفوض: تغيّر في هذه الأثناء، أو أن معرّفه أو مفتاحه يخص شيئاً آخر.",
    ),
    413: ("Refused: the call is too large.", "مرفوض: النداء كبير جداً."),
    429: ("Refused: more calls than the user may make.", "مرفوض: نداءات أكثر مما يجوز للمستخدم."),
    503: ("Refused: changes could not be stored then.", "مرفوض: تعذر حفظ التغييرات حينها."),
}
"""By the HTTP status that an act was answered with; 0 for every other."""
