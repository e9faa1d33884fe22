"""The dashboard with more time for what others do for it: a loaded machine is slow, not wrong.

Imported in place of the dashboard's own module by the process that dashboards are forked of.
"""

from __future__ import annotations

import dashboard.site.server  # noqa: F401  most of a start
from dashboard.playback import recordings
from dashboard.site import oidc
from tests.harness.eventually import HANG_SECONDS

recordings._PROCESS_TIMEOUT_SECONDS = HANG_SECONDS
oidc._CALL_TIMEOUT_SECONDS = HANG_SECONDS
