"""The people of the simulated office, and the permissions of each role."""

from __future__ import annotations

from dataclasses import dataclass

_EVERYBODY = ("read:dossier:*", "read:workspace:*", "read:relationship:*")
PERMISSIONS: dict[str, tuple[str, ...]] = {
    "reader": _EVERYBODY,
    "editor": (*_EVERYBODY, "write:dossier:*", "write:workspace:*", "write:document:*"),
    "analyst": (*_EVERYBODY, "write:workspace:*", "write:relationship:*"),
    "head": (*_EVERYBODY, "write:dossier:*", "write:workspace:*", "write:document:*", "write:user:*"),
    "director": (*_EVERYBODY, "write:workspace:*", "write:user:*", "write:global"),
    "consultant": ("read:dossier:country:*",),
    "operator": ("admin:*",),
    "service": ("write:*",),
}
"""Permissions of each role, as tokens carry them."""


@dataclass(frozen=True, slots=True)
class Person:
    """One person, or one program with an account of its own (`role` service)."""

    user_id: str
    name: str
    role: str
    department: str
    clearance: str = "internal"

    @property
    def permissions(self) -> tuple[str, ...]:
        return PERMISSIONS[self.role]

    def may(self, permission: str) -> bool:
        """Return True when the role has exactly this permission."""
        return permission in self.permissions


def _people(rows: str) -> tuple[Person, ...]:
    return tuple(Person(*(part.strip() for part in row.split("|"))) for row in rows.strip().splitlines())


PEOPLE = _people(
    """
    nora.alqahtani | نورة القحطاني | director | bilateral | secret
    omar.haddad | Omar Haddad | head | bilateral | confidential
    ahmed.alrashid | Ahmed Al-Rashid | editor | bilateral
    layla.mansour | ليلى منصور | analyst | statistics
    sarah.johnson | Sarah Johnson | head | multilateral | confidential
    khalid.alotaibi | خالد العتيبي | editor | agreements
    mei.tanaka | Mei Tanaka | editor | bilateral
    fatimah.alzahrani | فاطمة الزهراني | editor | statistics
    jonas.weber | Jonas Weber | analyst | multilateral
    reem.alshehri | ريم الشهري | head | agreements | confidential
    yusuf.demir | Yusuf Demir | editor | bilateral
    amal.benali | أمل بن علي | editor | multilateral
    pierre.lefevre | Pierre Lefèvre | reader | protocol
    turki.alharbi | تركي الحربي | analyst | statistics
    hanan.aldosari | حنان الدوسري | editor | protocol
    priya.raman | Priya Raman | analyst | statistics
    sultan.alghamdi | سلطان الغامدي | head | statistics | confidential
    clara.nunez | Clara Núñez | editor | bilateral
    abdullah.alsubaie | عبدالله السبيعي | editor | agreements
    grace.okafor | Grace Okafor | analyst | multilateral
    maha.alenezi | مها العنزي | editor | bilateral
    hassan.elsayed | حسن السيد | editor | multilateral
    ingrid.solberg | Ingrid Solberg | reader | statistics
    faisal.almutairi | فيصل المطيري | head | protocol | confidential
    dana.khoury | Dana Khoury | editor | agreements
    bandar.aljohani | بندر الجهني | analyst | bilateral
    soojin.park | Soo-jin Park | editor | bilateral
    salma.idrissi | سلمى الإدريسي | editor | multilateral
    marco.rinaldi | Marco Rinaldi | reader | multilateral
    ibrahim.alasmari | إبراهيم الأسمري | editor | statistics
    huda.alamri | هدى العمري | editor | protocol
    tariq.najjar | طارق النجار | analyst | agreements
    emily.clarke | Emily Clarke | editor | agreements
    wael.shamsi | Wael Shamsi | editor | statistics
    noor.alkhaldi | نور الخالدي | reader | bilateral
    aziz.rahimov | Aziz Rahimov | editor | bilateral
    lulwa.alroumi | لولوة الرومي | editor | multilateral
    anders.lind | Anders Lind | analyst | statistics
    majed.alshammari | ماجد الشمري | editor | agreements
    rania.qasem | رانيا قاسم | editor | protocol
    jawaher.alfahad | جواهر الفهد | director | multilateral | secret
    mateo.silva | Mateo Silva | editor | bilateral
    samir.bouaziz | سمير بوعزيز | reader | agreements
    adwoa.mensah | Adwoa Mensah | analyst | multilateral
    """
)
"""In the order in which they are taken: a small office has the first of them, of all roles that scenarios need."""

SMALLEST_OFFICE = 6  # a director, two heads, two editors and an analyst: every scenario finds its roles

ALERTS = Person("svc.commitments", "Commitment monitor", "service", "systems", "secret")
BRIEFS = Person("svc.briefs", "Brief generator", "service", "systems", "secret")
HEALTH = Person("svc.relationships", "Relationship monitor", "service", "systems", "secret")
OPERATOR = Person("svc.operations", "Operations desk", "operator", "systems", "secret")

FLOODER = Person("rayan.import", "ريان الشهراني", "editor", "statistics")
CONSULTANT = Person("victor.hale", "Victor Hale", "consultant", "visitors")
CURIOUS = Person("lina.farouk", "لينا فاروق", "reader", "visitors")
STRANGER = Person("sami.darwish", "سامي درويش", "editor", "visitors")
TINKERER = Person("petra.novak", "Petra Novák", "editor", "visitors")
STUBBORN = Person("anton.keller", "Anton Keller", "editor", "visitors")
HOARDER = Person("ghada.alturki", "غادة التركي", "reader", "visitors")
SLOW_READER = Person("bilal.saeed", "بلال سعيد", "reader", "archive")
