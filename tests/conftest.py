"""Every test: what Charl keeps goes to a folder of the tests, not to the user's."""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import settings

# Set for the processes that tests start, too; one folder, so that bytecode is compiled once.
os.environ["XDG_CACHE_HOME"] = str(Path(__file__).resolve().parent.parent / ".pytest_cache")

# A loaded machine is no failure: examples have no deadline.
settings.register_profile("charl", deadline=None)
settings.load_profile("charl")
