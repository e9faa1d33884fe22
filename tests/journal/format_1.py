"""The service with a journal of format 1: each entry has a line of its own, as before an edit could share one.

Imported in place of the service's own module by the process that services are forked of.
"""

from __future__ import annotations

import app.commands.cli  # noqa: F401  most of a start
from app.journal import store, writer

for module in (store, writer):
    vars(module)["FORMAT"] = 1
writer.Journal.__init__.__kwdefaults__["joins"] = False  # type: ignore[index]  # it has defaults
