"""Machine code in this process: an object file loaded, and the addresses of what it offers.

The loader of the runtime's library (`native/load.c`) does it without LLVM. Where it does not know
the kind of object file, LLVM links it.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterable, Mapping
from ctypes import c_char_p, c_int64, c_void_p
from functools import cache

from charl.runtime.library import library

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Symbol(ctypes.Structure):
    """As in `native/charl.h`."""

    _fields_ = (("name", c_char_p), ("address", c_void_p))


@cache
def loader() -> tuple[Callable[..., int], Callable[..., None]]:
    """What loads an object file, and what frees its memory."""
    load, unload = library().charl_load, library().charl_unload
    load.restype = c_int64
    load.argtypes = [c_char_p, c_int64, c_void_p, c_void_p, c_int64, c_void_p, c_int64, c_void_p]
    unload.restype, unload.argtypes = None, [c_void_p, c_int64]
    return load, unload


class Engine:
    """Loaded machine code, which leaves memory with this object. `symbols` are addresses that only
    this program knows."""

    def __init__(
        self, code: bytes, exported: Iterable[str], symbols: Mapping[str, int | None]
    ) -> None:
        self.memory: tuple[int, int] | None = None  # of the loader's: where, and how much
        found = self._load(code, sorted(exported), symbols)
        if found is None:
            from charl.runtime.linked import link  # loads LLVM

            found = link(code, sorted(exported), symbols)
        self.addresses = found

    def address(self, name: str) -> int:
        found: int = self.addresses[name]
        return found

    def __del__(self) -> None:
        # At the end of the process everything leaves anyway.
        if self.memory is not None and not sys.is_finalizing():
            _, unload = loader()
            unload(*self.memory)

    def _load(
        self, code: bytes, exported: list[str], symbols: Mapping[str, int | None]
    ) -> Mapping[str, Any] | None:
        imports = (Symbol * len(symbols))(*(Symbol(n.encode(), a) for n, a in symbols.items()))
        exports = (Symbol * len(exported))(*(Symbol(n.encode(), None) for n in exported))
        memory = c_void_p()
        load, _ = loader()
        size = load(
            code,
            len(code),
            library()._handle,
            imports,
            len(imports),
            exports,
            len(exports),
            ctypes.byref(memory),
        )
        if size < 0:
            return None
        self.memory = memory.value or 0, size
        return {name: symbol.address for name, symbol in zip(exported, exports)}
