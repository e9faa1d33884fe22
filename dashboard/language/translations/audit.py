"""Texts of the audit page."""

from __future__ import annotations

TRANSLATIONS: dict[str, tuple[str, str]] = {
    # --- audit
    "figure.verified": ("Verified through entry", "تم التحقق حتى القيد"),
    "figure.first": ("Verified from entry", "تم التحقق من القيد"),
    "figure.behind": ("Entries still to verify", "قيود تنتظر التحقق"),
    "figure.lost": ("Entries lost", "قيود مفقودة"),
    "figure.redacted": ("Entries redacted", "قيود محجوبة المحتوى"),
    "table.chain": ("Hash chain of the journal", "سلسلة تجزئة السجل"),
    "table.acts": ("Actions, latest first", "الإجراءات، الأحدث أولاً"),
    "empty.chain": ("No entry has been verified yet", "لم يتم التحقق من أي قيد بعد"),
    "empty.acts": ("No actions yet", "لا إجراءات بعد"),
    "audit.intact": ("The journal is intact through entry {entry}", "السجل سليم حتى القيد {entry}"),
    "audit.behind": (
        "Intact through entry {entry}; {count} entries still to verify",
        "سليم حتى القيد {entry}؛ قيود تنتظر التحقق: {count}",
    ),
    "audit.reading": ("Reading the journal", "جارٍ قراءة السجل"),
    "audit.fault": ("The journal is not intact: entry {entry}: {what}", "السجل غير سليم: القيد {entry}: {what}"),
    "audit.faults": ("{first} (first of {count} faults)", "{first} (الأول؛ عدد الأعطال {count})"),
    "audit.unwritable": (
        "The journal cannot be written now: free disk space, or make its folder writable",
        "تتعذر الكتابة في السجل الآن: أفرِغ مساحة على القرص أو اسمح بالكتابة في مجلده",
    ),
    "audit.unreached": (
        "The service cannot be reached; no new entries are verified",
        "تعذر الوصول إلى الخدمة؛ لا يتم التحقق من قيود جديدة",
    ),
    "audit.rights": (
        "The dashboard’s own token may not read the whole journal: give it admin:* and the highest clearance",
        "رمز اللوحة لا يسمح بقراءة السجل كاملاً: امنحه admin:*‎ وأعلى تصريح",
    ),
    "audit.busy": (
        "The service limits the dashboard’s reading for a moment; the audit resumes by itself",
        "تحدّ الخدمة من قراءة اللوحة مؤقتاً؛ سيُستأنف التدقيق تلقائياً",
    ),
    "audit.unreadable": (
        "The service cannot read its journal from entry {entry} on: run `python run.py verify` there",
        "لا تستطيع الخدمة قراءة سجلها من القيد {entry}: شغّل ‎`python run.py verify`‎ هناك",
    ),
    "audit.other_node": (
        "Only other nodes than {node} answered, without its journal: give the dashboard the address of one node",
        "لم تُجب إلا عقد غير {node} وليس عندها سجلها: أعطِ اللوحة عنوان عقدة واحدة",
    ),
    "fault.changed": (
        "it or the entry before it was changed: its link does not match",
        "غُيِّر هو أو القيد الذي قبله: رابطه غير مطابق",
    ),
    "fault.damaged": (
        "the journal is not intact here: the service reads it no further than this entry",
        "السجل غير سليم هنا: لا تقرؤه الخدمة أبعد من هذا القيد",
    ),
    "fault.missing": ("entries are missing or moved here", "قيود مفقودة أو منقولة هنا"),
    "fault.rewritten": (
        "it does not continue the entry before it as that was verified; the journal was changed before it",
        "لا يتبع القيد السابق كما تم التحقق منه؛ غُيِّر السجل قبله",
    ),
    "fault.lines": (
        "the entries up to here are not the ones that the service signed",
        "القيود حتى هنا ليست التي وقّعت عليها الخدمة",
    ),
    "fault.no_line": ("it cannot be read", "لا يمكن قراءته"),
    "fault.head": ("the journal’s head has another link for it", "رأس السجل يذكر له رابطاً آخر"),
    "fault.gone": ("it was verified before, and is no longer there", "سبق التحقق منه ولم يعد موجوداً"),
    "fault.replaced": ("it was verified before, and another entry is in its place", "سبق التحقق منه وحلّ قيد آخر محله"),
    "chain.intact": ("intact", "سليمة"),
    "chain.broken": ("broken", "مكسورة"),
    "chain.stopped": ("verification stopped", "توقف التحقق"),
    "did.disconnect_user": ("Disconnected a user", "قطع اتصال مستخدم"),
    "did.disconnect_session": ("Ended a session", "إنهاء جلسة"),
    "did.revoke": ("Revoked tokens", "إبطال رموز"),
    "did.lift": ("Lifted limits", "رفع الحدود"),
    "did.restore": ("Ended a lift of limits", "إنهاء رفع الحدود"),
    "did.channel": ("Changed a channel’s settings", "تغيير إعدادات قناة"),
    "did.acknowledge": ("Acknowledged an alert", "إقرار تنبيه"),
    "did.cancel": ("Cancelled a brief", "إلغاء موجز"),
    "did.document": ("Wrote a document", "كتابة مستند"),
    "did.publish": ("Announced", "إعلان"),
    "did.settings": ("Settings took effect", "سريان إعدادات"),
    "did.ended": ("Session was ended by an operator", "جلسة أنهاها مشغّل"),
    "did.clearance": ("Tried to exceed the clearance", "محاولة تجاوز التصريح"),
    "did.identity": ("Sent a message as another user", "انتحال هوية مستخدم آخر"),
    "did.ops": ("Tried to watch the operators’ channels", "محاولة متابعة قنوات المشغّلين"),
    "did.grant.read": ("Tried to read without permission", "محاولة قراءة دون إذن"),
    "did.grant.write": ("Tried to write without permission", "محاولة كتابة دون إذن"),
    "did.grant.admin": ("Tried to administer without permission", "محاولة إدارة دون إذن"),
    "outcome.done": ("done", "تم"),
    "outcome.refused": ("refused", "مرفوض"),
}
