"""Texts of recordings and of their player."""

from __future__ import annotations

TRANSLATIONS: dict[str, tuple[str, str]] = {
    # --- recordings
    "js.opening": ("The recording is being fetched", "جارٍ جلب التسجيل"),
    "recordings.title": ("Replay a recording", "إعادة عرض تسجيل"),
    "recordings.help": (
        "Limited to your own permissions. Your request is recorded in the journal.",
        "في حدود صلاحياتك. يُسجَّل طلبك في السجل.",
    ),
    "recordings.time": ("The last", "آخر"),
    "recordings.user": ("User (all, if empty)", "المستخدم (الكل إن تُرك فارغاً)"),
    "recordings.channel": ("Channel or pattern, such as dossier:*", "قناة أو نمط مثل dossier:*\u200e"),
    "recordings.go": ("Replay", "إعادة العرض"),
    "recordings.place": (
        "Recordings are made in turn. Your place in the queue: {place}",
        "تُعدّ التسجيلات بالدور. موقعك في الطابور: {place}",
    ),
    "recordings.busy": (
        "You have several recordings in the queue already: wait for one of them",
        "لديك عدة تسجيلات في الطابور: انتظر حتى يكتمل أحدها",
    ),
    "recordings.full": (
        "Too many people wait for recordings. Try again in a minute",
        "عدد المنتظرين للتسجيلات كبير. حاول مجدداً بعد دقيقة",
    ),
    "recordings.failed": ("The recording is not available: {why}", "التسجيل غير متاح: {why}"),
    "recordings.nothing": (
        "The recording is not available: {why}",
        "التسجيل غير متاح: لا قيود تطابق هذا الاختيار. راجع المستخدم والقناة والمدة. قالت الخدمة: {why}",
    ),
    "recordings.rights": (
        "The recording is not available: {why}",
        "التسجيل غير متاح: حقوق رمزك لا تشمله. قالت الخدمة: {why}",
    ),
    "recordings.wrong": (
        "The recording is not available: {why}",
        "التسجيل غير متاح: الاختيار غير صحيح. راجع المستخدم والقناة. قالت الخدمة: {why}",
    ),
    "recordings.away": (
        "The recording is not available now, try again later: {why}",
        "التسجيل غير متاح الآن. حاول لاحقاً. السبب: {why}",
    ),
    "recordings.slow": (
        "The recording is not available: it took more than {why}. Ask for one user, one channel or a shorter time.",
        "التسجيل غير متاح: استغرق أكثر من {why}. اطلب مستخدماً واحداً أو قناة واحدة أو مدة أقصر.",
    ),
    # --- the player of recordings
    "player.own_name": ("English", "العربية"),
    "player.title": ("Recording", "تسجيل"),
    "player.noscript": (
        "This recording plays in a browser with JavaScript.",
        "يُعرض هذا التسجيل في متصفح يدعم JavaScript.",
    ),
    "player.proven": ("The hash chain is intact", "سلسلة التجزئة سليمة"),
    "player.broken": ("The hash chain is broken:", "سلسلة التجزئة مكسورة:"),
    "player.cut": (
        "Too much for one page: the last {count} entries are left out. Choose a shorter time.",
        "أكثر مما تتسع له صفحة: أُسقط آخر {count} من القيود. اختر مدة أقصر.",
    ),
    "player.dark": ("Dark", "داكن"),
    "player.light": ("Light", "فاتح"),
    "player.cut_first": (
        "Too much for one page: the first {count} entries are left out. Choose a shorter time.",
        "أكثر مما تتسع له صفحة: أُسقط أول {count} من القيود. اختر مدة أقصر.",
    ),
    "player.utc": ("Show UTC", "بالتوقيت العالمي"),
    "player.local_time": ("Show local time", "بالتوقيت المحلي"),
    "player.play": ("Play", "تشغيل"),
    "player.pause": ("Pause", "إيقاف مؤقت"),
    "player.previous": ("Previous entry", "القيد السابق"),
    "player.next": ("Next entry", "القيد التالي"),
    "player.speed": ("Speed", "السرعة"),
    "player.skip_idle": ("Skip idle time", "تخطّي أوقات السكون"),
    "player.time": ("Time in the recording", "الوقت في التسجيل"),
    "player.window": ("Lanes show", "تعرض المسارات"),
    "player.all_time": ("the whole time", "المدة كلها"),
    "player.seconds": ("{count} s", "{count} ث"),
    "player.none_match": (
        "{shown} of {all} entries: nothing matches the filter; change its words, or clear it",
        "القيود: {shown} من {all}. لا شيء يطابق التصفية؛ غيّر كلماتها أو امسحها",
    ),
    "player.shown": ("{shown} of {all} entries", "القيود: {shown} من {all}"),
    "player.lanes": ("Connections, one lane each", "الاتصالات، مسار لكل اتصال"),
    "player.lanes_told": (
        "{frames} entries on {lanes} connections; the table of frames lists the same as text",
        "القيود: {frames}، الاتصالات: {lanes}؛ جدول الإطارات يعرضها نصاً",
    ),
    "player.more_lanes": (
        "and {count} more connections: use the filter to show them",
        "اتصالات أخرى: {count}. استخدم التصفية لعرضها",
    ),
    "player.key_sent": ("sent by the client (upper half)", "أرسله العميل (النصف الأعلى)"),
    "player.key_received": ("received by the client (lower half)", "استلمه العميل (النصف الأسفل)"),
    "player.key_refused": ("refused (the whole height)", "مرفوض (كامل الارتفاع)"),
    "player.state": ("At this moment", "في هذه اللحظة"),
    "player.as_of": ("As of {time}", "كما في {time}"),
    "player.nothing_yet": ("No entries yet", "لا قيود بعد"),
    "player.frames": ("Entries up to this moment, latest first", "القيود حتى هذه اللحظة، الأحدث أولاً"),
    "player.kinds": (
        "sent|refused|received|broadcast|connected|disconnected|decided|settings|HTTP|node",
        "أُرسل|رُفض|استُلم|أُعلن للجميع|اتصل|انقطع|قرار|إعدادات|HTTP|العقدة",
    ),
    "player.col_time": ("Time", "الوقت"),
    "player.col_kind": ("Kind", "الحدث"),
    "player.col_name": ("User", "المستخدم"),
    "player.col_type": ("Type", "النوع"),
    "player.col_channel": ("Channel", "القناة"),
    "player.col_payload": ("Message", "الرسالة"),
    "player.document": ("Document", "المستند"),
    "player.beside": ("Beside it", "إلى جانبه"),
    "player.nothing_beside": ("nothing", "لا شيء"),
    "player.beside_text": ("The text beside it, by author", "النص المجاور، حسب الكاتب"),
    "player.clauses": ("The clauses of both texts", "بنود النصّين"),
    "player.unpaired": (
        "No pair of these two is recorded at this moment: it is unknown which clauses changed since their translation",
        "لا إقران مسجّلاً بين هذين النصّين في هذه اللحظة: لا يُعرف أي البنود تغيّر منذ ترجمته",
    ),
    "player.document_text": ("The text, by author", "النص، حسب الكاتب"),
    "player.version": ("Version {version}", "الإصدار {version}"),
    "player.before": ("from before this recording", "من قبل هذا التسجيل"),
    "js.left": ("in {time}", "بعد {time}"),
    "js.overdue": ("overdue by {time}", "متأخر منذ {time}"),
}
