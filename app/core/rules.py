"""Every rule by which a message is refused or a connection ended, by its name in the journal and in the metrics.

The set is closed: a counter of refusals has a series for each from the start; `tests/telemetry` holds the code to it.
"""

from __future__ import annotations

from typing import Final, get_args

from dossier_realtime.protocol.responses import RateClass

RATES: Final = frozenset(f"rate.{each}" for each in (*get_args(RateClass), "auth"))
ACCESS: Final = frozenset(
    {"grant.read", "grant.write", "grant.admin", "grant.all", "clearance", "frozen", "ops", "personal"}
)
RULES: Final = (
    RATES
    | ACCESS
    | {"auth.expired", "auth.first", "auth.other_user", "auth.revoked", "auth.timeout", "auth.token"}
    | {"flood", "format", "format.abuse", "grammar.namespace", "identity", "liveness", "not_subscribed"}
    | {"limit.connections", "limit.silent", "limit.subscriptions"}
    | {"session.closed", "session.replaced", "session.revoked"}
)
