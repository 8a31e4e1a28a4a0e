"""The native part of the runtime: a small C library, compiled when the package is built."""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress
from ctypes import CFUNCTYPE, POINTER, c_int32, c_int64, c_void_p
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES

HOST = CFUNCTYPE(c_int32, c_int64, c_int32, c_void_p)
ENTRY = CFUNCTYPE(c_int32, c_void_p)
BODY = CFUNCTYPE(c_int32, c_void_p, c_int64, c_int64)
LOADER = CFUNCTYPE(None)
SEND = CFUNCTYPE(c_int32)

# What compiled code may name: every function and variable of the library that begins with charl_.
FUNCTIONS: dict[str, tuple[object, list[object]]] = {
    "charl_allocate": (c_void_p, [c_int64]),
    "charl_tensor": (c_void_p, [c_int64, c_int32]),
    "charl_object": (c_void_p, [c_int64, c_void_p]),
    "charl_free": (None, [c_void_p]),
    "charl_reset": (None, []),
    "charl_memory_now": (c_int64, []),
    "charl_memory_peak": (c_int64, []),
    "charl_tensors_now": (c_int64, []),
    "charl_tensors_peak": (c_int64, []),
    "charl_largest_tensors": (c_int64, [POINTER(c_int64), c_int64]),
    "charl_memory_reserved": (c_int64, []),
    "charl_host_object": (c_void_p, [c_int64]),
    "charl_host_dropped": (c_int64, [POINTER(c_int64), c_int64]),
    "charl_run": (c_int32, [c_void_p, c_void_p, c_int64]),
    "charl_interrupt": (None, []),
    "charl_parallel": (c_int32, [BODY, c_void_p, c_int64, c_int64]),
    "charl_threads": (c_int64, []),
    "charl_ticks": (c_int64, []),
    "charl_bfloat16_multiplier": (c_int32, []),
    "charl_blas_loader": (None, [LOADER]),
    "charl_output_to": (None, [SEND]),
    "charl_use_blas": (None, [c_void_p] * 4),
    "charl_use_lapack": (None, [c_void_p]),
}


def path() -> str | None:
    """The library's file; None where the package was not built with it."""
    folder = os.path.dirname(__file__)
    for suffix in (*EXTENSION_SUFFIXES, ".so"):
        found = os.path.join(folder, f"_native{suffix}")
        if os.path.exists(found):
            return found
    return None


@cache
def library() -> ctypes.CDLL:
    """The loaded library. Raises OSError where there is none."""
    found = path()
    if found is None:
        raise OSError("the native runtime was not built")
    loaded = ctypes.CDLL(found)
    for name, (result, operands) in FUNCTIONS.items():
        function = getattr(loaded, name)
        function.restype, function.argtypes = result, operands
    loaded.charl_blas_loader(_load_blas)
    return loaded


@LOADER  # type: ignore[untyped-decorator]
def _load_blas() -> None:
    """Called by the first product of the process: most programs have none."""
    from charl.runtime.blas import load_blas

    with suppress(OSError):  # without the wheel there are plain loops
        blas, lapack = load_blas()
        library().charl_use_blas(*blas)
        library().charl_use_lapack((c_void_p * len(lapack))(*lapack))


def address(name: str) -> int | None:
    """Where a function or variable of the library is; None if it has none of this name."""
    try:
        symbol = getattr(library(), name)
    except AttributeError:
        return None
    return ctypes.cast(symbol, c_void_p).value


def variable_of(name: str) -> c_int64:
    return c_int64.in_dll(library(), name)


def variable(name: str) -> int:
    """An integer of the library."""
    return variable_of(name).value


def interrupted() -> c_int32:
    """The flag that stops the program."""
    return c_int32.in_dll(library(), "charl_interrupted")
