"""The BLAS behind matrix products and the LAPACK behind linear algebra: OpenBLAS, from the wheel
`scipy-openblas32`.

It is loaded when the first of them runs (`library.py`), since that takes some milliseconds. The
wheel's Python module is not imported: it would look for its version and configuration, and take
longer than everything else. OpenBLAS works on one thread; work is spread by our own pool
(`native/threads.c`), as one pool beside another would have both wait for the CPU.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable
from importlib.util import find_spec

PREFIX = "scipy_"
ROUTINES = ("cblas_sgemm", "cblas_dgemm", "cblas_sgemv", "cblas_dgemv")
# Of LAPACK (the last is BLAS's), for float32 and for float64: in the order of `native/lapack.c`.
LAPACK = ("gesv", "getrf", "potrf", "geqrf", "orgqr", "gesdd", "syevd", "trsm")


def path() -> str:
    """The file of OpenBLAS. Raises OSError where the wheel is not installed."""
    spec = find_spec("scipy_openblas32")
    if spec is not None and spec.origin is not None:
        folder = os.path.join(os.path.dirname(spec.origin), "lib")
        for name in sorted(os.listdir(folder)):
            if name.startswith("libscipy_openblas") and not name.endswith(".lib"):
                return os.path.join(folder, name)
    raise OSError("scipy-openblas32 is not installed")


def load_blas() -> tuple[list[int | None], list[int | None]]:
    """Loads OpenBLAS; the addresses of its ROUTINES, and of those of LAPACK. Raises OSError where
    there is none."""
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

    def addresses(names: Iterable[str]) -> list[int | None]:
        routines = (getattr(blas, PREFIX + name) for name in names)
        return [ctypes.cast(routine, ctypes.c_void_p).value for routine in routines]

    return addresses(ROUTINES), addresses(f"{kind}{name}_" for kind in "sd" for name in LAPACK)
