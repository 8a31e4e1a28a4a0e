"""Charl's own bytecode, kept where Python has been told not to keep any.

Python compiles a module when it is first imported, and keeps the result beside the source unless
PYTHONDONTWRITEBYTECODE is set, as it is in most containers. Every start of Charl would then compile
its 20,000 lines again: half a second, twice what the rest takes. The variable is there to keep
source folders clean, so the bytecode goes to the user's cache folder instead. Only the modules of
this package are concerned; those of others are imported as ever.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import SOURCE_SUFFIXES, FileFinder, SourceFileLoader
from types import CodeType

from charl.folders import cache_folder, keeps

PACKAGE = os.path.dirname(__file__)


class KeepingLoader(SourceFileLoader):
    """Reads and writes bytecode under the cache folder; Python's own rules say when it is stale."""

    def get_code(self, fullname: str) -> CodeType | None:
        before = sys.dont_write_bytecode, sys.pycache_prefix
        sys.dont_write_bytecode = False
        sys.pycache_prefix = os.path.join(cache_folder(), "bytecode")
        try:
            return super().get_code(fullname)
        finally:
            sys.dont_write_bytecode, sys.pycache_prefix = before


def keep_bytecode() -> None:
    """From here on, where Python keeps no bytecode, that of Charl is kept in the cache folder."""
    if sys.dont_write_bytecode and keeps():
        sys.path_hooks.insert(0, _finder)
        for folder in [f for f in sys.path_importer_cache if _is_ours(f)]:
            del sys.path_importer_cache[folder]


def _is_ours(folder: str) -> bool:
    return folder == PACKAGE or folder.startswith(PACKAGE + os.sep)


def _finder(folder: str) -> FileFinder:
    if not _is_ours(folder):
        raise ImportError(f"{folder} is not of Charl")
    return FileFinder(folder, (KeepingLoader, SOURCE_SUFFIXES))
