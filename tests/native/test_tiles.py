"""Products in tiles (`native/tiles.c`) against NumPy's in more precision: rows and columns that
fill no tile or panel, sums longer than a slab, operands that lie in any order, results that are
added to."""

from __future__ import annotations

import ctypes
from itertools import product
from typing import Any

import numpy as np
import pytest

from charl.runtime.library import library

KINDS = {"float32": 0, "float64": 1}  # as in `native/product.h`


class Matrix(ctypes.Structure):
    _fields_ = [("at", ctypes.c_void_p), ("row", ctypes.c_int64), ("column", ctypes.c_int64)]


def seen(x: Any) -> Matrix:
    return Matrix(x.ctypes.data, *(step // x.itemsize for step in x.strides))


def tiles(x: Any, y: Any, z: Any, adds: bool) -> None:
    """z = or += x @ y."""
    (m, k), n = x.shape, y.shape[1]
    run = library().charl_tiles
    size = ctypes.c_int64
    run.argtypes = [ctypes.c_int, Matrix, Matrix, ctypes.c_void_p, *[size] * 4, ctypes.c_int]
    step = z.strides[0] // z.itemsize
    run(KINDS[z.dtype.name], seen(x), seen(y), z.ctypes.data, step, m, n, k, adds)


def laid(rng: np.random.Generator, shape: tuple[int, int], dtype: str, order: str) -> Any:
    """A matrix whose rows are dense, whose columns are, or neither."""
    rows, columns = shape
    if order == "columns":
        return rng.standard_normal((columns, rows)).astype(dtype).T
    if order == "rows":
        return rng.standard_normal(shape).astype(dtype)
    return rng.standard_normal((3 * rows, 2 * columns)).astype(dtype)[::3, ::2]


needs_tiles = pytest.mark.skipif(
    not library().charl_has_tiles(), reason="this machine has no vectors of the width"
)


@needs_tiles
@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize("order", ["rows", "columns", "neither"])
def test_every_size(dtype: str, order: str) -> None:
    rng = np.random.default_rng(1)
    rows, columns, depths = (1, 2, 3, 4, 5, 6, 7, 11, 50), (1, 3, 8, 10, 16, 21, 32), (1, 5, 90)
    sizes = [*product(rows, columns, depths), (9, 16, 401), (50, 33, 1203), (700, 9, 400)]
    for (m, n, k), adds in product(sizes, (False, True)):
        x, y = laid(rng, (m, k), dtype, order), laid(rng, (k, n), dtype, order)
        wide = rng.standard_normal((m, n + 3)).astype(dtype)
        before = wide.copy()
        z = wide[:, 1 : n + 1]
        tiles(x, y, z, adds)
        expected = x.astype("longdouble") @ y.astype("longdouble")
        expected += before[:, 1 : n + 1] if adds else 0
        bound = 4 * np.finfo(dtype).eps * np.sqrt(k + 1)
        np.testing.assert_allclose(z, expected, rtol=bound, atol=4 * bound)
        wide[:, 1 : n + 1] = before[:, 1 : n + 1]
        np.testing.assert_array_equal(wide, before)  # nothing beside the result


@needs_tiles
def test_the_bits_do_not_depend_on_the_cut() -> None:
    rng = np.random.default_rng(2)
    x, y = (rng.standard_normal(shape).astype("float32") for shape in ((120, 900), (900, 70)))
    whole = np.empty((120, 70), "float32")
    tiles(x, y, whole, False)
    for rows, columns in ((1, 70), (7, 70), (50, 33), (120, 5)):
        part = np.empty_like(whole)
        for i, j in product(range(0, 120, rows), range(0, 70, columns)):
            cell = part[i : i + rows, j : j + columns]
            tiles(x[i : i + rows], y[:, j : j + columns], cell, False)
        np.testing.assert_array_equal(part, whole)
