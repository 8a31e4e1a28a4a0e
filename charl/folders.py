"""Where Charl keeps what it can make again: programs it compiled, its bytecode, reports of faults.

It is `charl` in the user's cache folder (XDG Base Directory Specification). CHARL_CACHE=0 turns
the keeping off; deleting the folder does no harm.
"""

from __future__ import annotations

import os


def cache_folder() -> str:
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(base, "charl")


def keeps() -> bool:
    """Whether programs and bytecode are kept."""
    return os.environ.get("CHARL_CACHE") != "0"
