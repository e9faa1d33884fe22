/** The words of the room, in English and Arabic. */

export type Language = "en" | "ar";

const EN = {
  title: "Dossier Realtime · the room",
  other: "العربية",
  invite: "Invite another guest",
  break: "Break the network for 10 seconds",
  present: "Present in the dossier",
  dossier: "Dossier of Saudi Arabia",
  update: "Change the dossier",
  document: "Document",
  alert: "Commitment",
  commit: "Register a commitment",
  acknowledge: "Acknowledge the alert",
  brief: "Brief",
  ask: "Ask for a brief",
  tasks: "Tasks",
  assign: "Give yourself a task",
  inbox: "Notifications",
  none: "Nothing yet.",
  you: "you",
  editing: "editing",
  hidden: "{count} more",
  entry: "{name} changed {fields}",
  level: "Level {level} of 3, {days} until the deadline",
  acknowledged: "Acknowledged by {name}",
  assigned: "{name} gave you a task: {title}",
  raised: "{title}: level {level} of 3",
  task: "{title}: {status}",
  refused: "The service refused: {message}",
  gone: "The service was started again and knows you no more when your token ends. Come in by the link that it printed.",
  link: "A link for one other guest, good for one use:",
  connecting: "connecting",
  connected: "checking the token",
  authenticated: "connected",
  reconnecting: "connecting again",
  disconnected: "not connected",
  error: "ended",
  live: "all is kept",
  saving: "saving",
  throttled: "slowed down: the rate of edits is limited",
  stale: "not connected: your changes are kept here",
  refused_document: "the last edit was refused",
  "read-only": "read only",
  analyzing: "analysing",
  generating: "writing",
  reviewing: "checking",
  finalizing: "finishing",
  complete: "The brief is complete.",
  not_complete: "The brief failed: {reason}",
  pending: "pending",
  in_progress: "in progress",
  completed: "completed",
  cancelled: "cancelled",
  days: { one: "1 day", other: "{count} days" },
};

type Words = { [Key in keyof typeof EN]: (typeof EN)[Key] extends string ? string : Partial<Record<Intl.LDMLPluralRule, string>> };

const AR: Words = {
  title: "خدمة الملفات الفورية · الغرفة",
  other: "English",
  invite: "ادعُ ضيفًا آخر",
  break: "اقطع الشبكة ١٠ ثوانٍ",
  present: "الحاضرون في الملف",
  dossier: "ملف المملكة العربية السعودية",
  update: "غيّر الملف",
  document: "الوثيقة",
  alert: "الالتزام",
  commit: "سجّل التزامًا",
  acknowledge: "أقِرّ باستلام التنبيه",
  brief: "الإحاطة",
  ask: "اطلب إحاطة",
  tasks: "المهام",
  assign: "أسند إلى نفسك مهمة",
  inbox: "الإشعارات",
  none: "لا شيء بعد.",
  you: "أنت",
  editing: "يحرّر",
  hidden: "و{count} غيرهم",
  entry: "غيّر {name}: {fields}",
  level: "المستوى {level} من ٣، وبقي {days} حتى الموعد النهائي",
  acknowledged: "أقَرّ بالاستلام {name}",
  assigned: "أسند إليك {name} مهمة: {title}",
  raised: "{title}: المستوى {level} من ٣",
  task: "{title}: {status}",
  refused: "رفضت الخدمة: {message}",
  gone: "أُعيد تشغيل الخدمة ولن تعرفك بعد انتهاء رمزك. ادخل بالرابط الذي طبعته.",
  link: "رابط لضيف آخر، صالح لاستعمال واحد:",
  connecting: "جارٍ الاتصال",
  connected: "جارٍ التحقق من الرمز",
  authenticated: "متصل",
  reconnecting: "تجري إعادة الاتصال",
  disconnected: "غير متصل",
  error: "انتهى الاتصال",
  live: "حُفظ كل شيء",
  saving: "جارٍ الحفظ",
  throttled: "أبطأ: معدّل التعديلات محدود",
  stale: "غير متصل: تغييراتك محفوظة هنا",
  refused_document: "رُفض التعديل الأخير",
  "read-only": "للقراءة فقط",
  analyzing: "تحليل",
  generating: "كتابة",
  reviewing: "مراجعة",
  finalizing: "إنهاء",
  complete: "اكتملت الإحاطة.",
  not_complete: "أخفقت الإحاطة: {reason}",
  pending: "معلّقة",
  in_progress: "قيد التنفيذ",
  completed: "منجزة",
  cancelled: "ملغاة",
  days: {
    zero: "٠ يوم",
    one: "يوم واحد",
    two: "يومان",
    few: "{count} أيام",
    many: "{count} يومًا",
    other: "{count} يوم",
  },
};

const WORDS: Record<Language, Words> = { en: EN, ar: AR };

/** The words of one language, with their numbers and plurals. */
export class Speech {
  readonly #words: Words;
  readonly #plurals: Intl.PluralRules;
  readonly #numbers: Intl.NumberFormat;

  constructor(readonly language: Language) {
    this.#words = WORDS[language];
    this.#plurals = new Intl.PluralRules(language);
    this.#numbers = new Intl.NumberFormat(language === "ar" ? "ar-SA-u-nu-arab" : "en");
  }

  /** Return a sentence; names in braces are replaced, isolated so that their own direction stays theirs. */
  say(key: keyof Words, values: Record<string, string | number> = {}): string {
    const words = this.#words[key];
    const count = typeof values.count === "number" ? values.count : 0;
    const form = typeof words === "string" ? words : (words[this.#plurals.select(count)] ?? words.other ?? "");
    return form.replace(/\{(\w+)\}/g, (_, name: string) => {
      const value = values[name] ?? "";
      return typeof value === "number" ? this.#numbers.format(value) : `\u2068${value}\u2069`;
    });
  }

  /** Return the text of the page's language. */
  local(text: string | { readonly en: string; readonly ar: string }): string {
    return typeof text === "string" ? text : text[this.language];
  }

  /** Return the words for a name of the protocol; the name itself where it has none. */
  named(name: string): string {
    return name in this.#words ? this.say(name as keyof Words) : name;
  }
}

/** Return the language that the address names, else the browser's. */
export function languageOf(search: string, browser: readonly string[]): Language {
  const asked = new URLSearchParams(search).get("language");
  if (asked === "en" || asked === "ar") return asked;
  return browser.find((each) => /^(en|ar)\b/.test(each))?.startsWith("ar") ? "ar" : "en";
}
