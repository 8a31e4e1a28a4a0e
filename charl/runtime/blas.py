"""The BLAS behind matrix products: OpenBLAS, from the `scipy-openblas32` wheel.

It is loaded when the first product runs (`library.py`), since that takes some milliseconds. The
wheel's Python module is not imported: it would look for its version and configuration, and take
longer than everything else. OpenBLAS works on one thread; work is spread by our own pool
(`native/threads.c`), as one pool beside another would have both wait for the CPU.
"""

from __future__ import annotations

import ctypes
import os
from importlib.util import find_spec

PREFIX = "scipy_"
ROUTINES = ("cblas_sgemm", "cblas_dgemm", "cblas_sgemv", "cblas_dgemv")


def path() -> str:
    """The file of OpenBLAS. Raises OSError where the wheel is not installed."""
    spec = find_spec("scipy_openblas32")
    if spec is not None and spec.origin is not None:
        folder = os.path.join(os.path.dirname(spec.origin), "lib")
        for name in sorted(os.listdir(folder)):
            if name.startswith("libscipy_openblas") and not name.endswith(".lib"):
                return os.path.join(folder, name)
    raise OSError("scipy-openblas32 is not installed")


def load_blas() -> tuple[int | None, ...]:
    """Loads OpenBLAS; the addresses of its ROUTINES. Raises OSError where there is none."""
    wanted = os.environ.get("OPENBLAS_NUM_THREADS")
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # else threads are started when it is loaded
    try:
        blas = ctypes.CDLL(path())
    finally:
        if wanted is None:
            del os.environ["OPENBLAS_NUM_THREADS"]
        else:
            os.environ["OPENBLAS_NUM_THREADS"] = wanted
    getattr(blas, f"{PREFIX}openblas_set_num_threads")(1)
    routines = (getattr(blas, PREFIX + name) for name in ROUTINES)
    return tuple(ctypes.cast(routine, ctypes.c_void_p).value for routine in routines)
