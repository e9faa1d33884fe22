"""The shape of the table `[relationships]`: how scores are computed, and the words about them."""

from typing import Annotated

from msgspec import Meta, Struct

_Weight = Annotated[float, Meta(ge=0, le=1)]
_Score = Annotated[int, Meta(ge=1, le=100)]
_Points = Annotated[int, Meta(ge=0, le=20)]
_Days = Annotated[int, Meta(ge=1, le=3_650)]
_Hours = Annotated[float, Meta(ge=0, le=8_760)]
_Sentence = Annotated[
    str, Meta(pattern=r"\A[^\x00-\x1f\x7f-\x9f]{1,200}\Z", description="what people read, 1 to 200 characters")
]


class TriggerRow(Struct, frozen=True, forbid_unknown_fields=True):
    """One row of `relationships.triggers`: the name of a trigger, and its words."""

    name: Annotated[
        str, Meta(pattern=r"\A[A-Za-z][A-Za-z0-9_]{0,63}\Z", description="a name such as commitment_missed")
    ]
    en: _Sentence
    ar: _Sentence


class RecommendationRow(Struct, frozen=True, forbid_unknown_fields=True):
    """One row of `relationships.recommendations`: a recommendation for a trigger, or for a status."""

    on: Annotated[
        str, Meta(pattern=r"\A[A-Za-z][A-Za-z0-9_]{0,63}\Z", description="a trigger or a status, such as at_risk")
    ]
    en: _Sentence
    ar: _Sentence


class RelationshipSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The table `[relationships]`."""

    healthy_from: _Score
    monitor_from: _Score
    at_risk_from: _Score
    hysteresis: _Points
    engagement_weight: _Weight
    commitment_weight: _Weight
    response_weight: _Weight
    engagements: Annotated[int, Meta(ge=1, le=100)]
    engagement_days: _Days
    commitment_days: _Days
    response_days: _Days
    full_hours: _Hours
    zero_hours: _Hours
    silence_days: _Days
    silence_score: Annotated[int, Meta(ge=0, le=100)]
    triggers: Annotated[
        tuple[TriggerRow, ...], Meta(description='rows { name = "commitment_missed", en = "…", ar = "…" }')
    ]
    recommendations: Annotated[
        tuple[RecommendationRow, ...], Meta(description='rows { on = "at_risk", en = "…", ar = "…" }')
    ]
