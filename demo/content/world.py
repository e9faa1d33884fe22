"""Entities of the simulated office: countries (ISO 3166-1), organisations, MoUs, relationships, workspaces."""

from __future__ import annotations

from dataclasses import dataclass

from dossier_realtime.protocol import channels


@dataclass(frozen=True, slots=True)
class Entity:
    """An entity with a dossier. `kind` and `id` are the segments of its channel; `en` and `ar` are its names."""

    kind: str
    id: str
    en: str
    ar: str

    @property
    def channel(self) -> str:
        return channels.dossier(self.kind, self.id)


@dataclass(frozen=True, slots=True)
class Mou:
    """A memorandum of understanding; `days` before its deadlines at which the three alerts come."""

    dossier: Entity
    days: tuple[int, int, int]


def _entities(kind: str, rows: str) -> tuple[Entity, ...]:
    return tuple(Entity(kind, *(part.strip() for part in row.split("|"))) for row in rows.strip().splitlines())


COUNTRIES = _entities(
    "country",
    """
    SA | Saudi Arabia | المملكة العربية السعودية
    AE | United Arab Emirates | الإمارات العربية المتحدة
    BH | Bahrain | البحرين
    KW | Kuwait | الكويت
    OM | Oman | عُمان
    QA | Qatar | قطر
    JO | Jordan | الأردن
    EG | Egypt | مصر
    MA | Morocco | المغرب
    TN | Tunisia | تونس
    IQ | Iraq | العراق
    TR | Türkiye | تركيا
    DE | Germany | ألمانيا
    FR | France | فرنسا
    GB | United Kingdom | المملكة المتحدة
    NL | Netherlands | هولندا
    ES | Spain | إسبانيا
    US | United States | الولايات المتحدة
    CA | Canada | كندا
    BR | Brazil | البرازيل
    JP | Japan | اليابان
    KR | Republic of Korea | جمهورية كوريا
    CN | China | الصين
    IN | India | الهند
    ID | Indonesia | إندونيسيا
    MY | Malaysia | ماليزيا
    AU | Australia | أستراليا
    ZA | South Africa | جنوب أفريقيا
    """,
)
ORGANIZATIONS = _entities(
    "organization",
    """
    UNSD | United Nations Statistics Division | شعبة الإحصاءات بالأمم المتحدة
    GCC-STAT | GCC Statistical Centre | المركز الإحصائي الخليجي
    ESCWA | UN Economic and Social Commission for Western Asia | الإسكوا
    SESRIC | Statistical Centre of the OIC | مركز الأبحاث الإحصائية لمنظمة التعاون الإسلامي
    AITRS | Arab Institute for Training and Research in Statistics | المعهد العربي للتدريب والبحوث الإحصائية
    OECD | Organisation for Economic Co-operation and Development | منظمة التعاون الاقتصادي والتنمية
    EUROSTAT | Eurostat | المكتب الإحصائي للاتحاد الأوروبي
    IMF | International Monetary Fund | صندوق النقد الدولي
    WB | World Bank | البنك الدولي
    ILO | International Labour Organization | منظمة العمل الدولية
    FAO | Food and Agriculture Organization | منظمة الأغذية والزراعة
    UNICEF | United Nations Children’s Fund | منظمة الأمم المتحدة للطفولة
    """,
)
_MOU_DOSSIERS = _entities(
    "mou",
    """
    unsd-2023-data | Data exchange with the UN Statistics Division | تبادل البيانات مع شعبة الإحصاءات
    gcc-stat-2024-data | Data exchange with the GCC Statistical Centre | تبادل البيانات مع المركز الإحصائي الخليجي
    eurostat-2022-data | Data exchange with Eurostat | تبادل البيانات مع المكتب الإحصائي الأوروبي
    aitrs-2024-training | Training with the Arab Institute for Statistics | التدريب مع المعهد العربي للإحصاء
    jo-2023-capacity | Capacity building with Jordan | بناء القدرات مع الأردن
    ma-2024-capacity | Capacity building with Morocco | بناء القدرات مع المغرب
    kr-2022-partnership | Strategic partnership with Statistics Korea | شراكة استراتيجية مع هيئة الإحصاء الكورية
    gb-2021-partnership | Strategic partnership with the United Kingdom | شراكة استراتيجية مع المملكة المتحدة
    jp-2024-technical | Technical cooperation with Japan | تعاون فني مع اليابان
    nl-2023-technical | Technical cooperation with Statistics Netherlands | تعاون فني مع هيئة الإحصاء الهولندية
    """,
)
_DAYS = {
    "data": (60, 30, 7),
    "training": (90, 60, 30),
    "capacity": (90, 60, 30),
    "partnership": (90, 30, 14),
    "technical": (30, 14, 7),
}
MOUS = tuple(Mou(dossier, _DAYS[dossier.id.rpartition("-")[2]]) for dossier in _MOU_DOSSIERS)
DOSSIERS = COUNTRIES + ORGANIZATIONS + _MOU_DOSSIERS

RELATIONSHIPS = tuple(f"SA-{country.id}" for country in COUNTRIES[1:])
"""Ids of the relationships that are watched: the Kingdom's with each other country."""

SCORED_RELATIONSHIPS = RELATIONSHIPS[:4]
"""Those that the service scores from facts; the others' changes are published by a program."""

FIELDS = (
    "cooperation_areas",
    "relationship_status",
    "key_contacts",
    "visit_history",
    "commitments",
    "economic_indicators",
    "summary_en",
    "summary_ar",
)
"""Fields of a dossier, as people edit them."""


def health_of(score: int) -> str:
    """Return the status of a relationship with that score."""
    if score >= 80:
        return "healthy"
    if score >= 60:
        return "monitor"
    return "at_risk" if score >= 40 else "critical"
