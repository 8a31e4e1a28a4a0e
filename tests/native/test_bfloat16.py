"""Products of bfloat16 by every instruction, on any machine.

`squares.c` is built with a header that does in plain C what the instructions do
(`bfloat16/intrinsics.h`), so that what lies around them is tested: blocks, packing, what is left at
the edges, tiles and their shapes. Where products are of small whole numbers every sum is exact, and
so is the one rounding at the end. Where there is an emulator of such a CPU, the instructions
themselves must give the same bits as that header.
"""

from __future__ import annotations

import ctypes
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from native.single import assert_same_for_any_threads

from charl.runtime import library as runtime

ROOT = Path(__file__).parents[2]
NATIVE = ROOT / "charl/runtime/native"
SOURCES = ("bfloat16.c", "squares.c", "product.c", "tiles.c", "threads.c", "scratch.c")
MODEL = ROOT / "tests/native/bfloat16/intrinsics.h"
AS_FLOAT32, AVX512, AMX = MULTIPLIERS = range(3)  # as in `native/squares.h`
BFLOAT16_KIND = 6  # as in `native/product.h`

BF16 = np.dtype(ml_dtypes.bfloat16)
SENTINEL = 0x1234


class Matrix(ctypes.Structure):
    _fields_ = (("at", ctypes.c_void_p), ("row", ctypes.c_int64), ("column", ctypes.c_int64))


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler")
    path = tmp_path_factory.mktemp("model") / "model.so"
    # -march: fmaf is then an instruction, not a long function.
    command = [compiler, "-std=c11", "-D_GNU_SOURCE", "-O2", "-march=native", "-fPIC", "-shared"]
    command += ["-Wall", "-Wextra", "-Werror", "-Wno-psabi", f'-DCHARL_INTRINSICS="{MODEL}"']
    command += [str(NATIVE / name) for name in SOURCES]
    subprocess.run([*command, "-o", str(path), "-lm", "-lpthread"], check=True)
    return path


@pytest.fixture
def library(built: Path) -> ctypes.CDLL:
    found = ctypes.CDLL(str(built))
    sizes = [ctypes.c_int64] * 4
    found.charl_multiply_bfloat16.argtypes = [
        ctypes.c_int, Matrix, Matrix, ctypes.c_void_p, *sizes
    ]  # fmt: skip
    found.charl_multiply_bfloat16.restype = ctypes.c_int32
    return found


def inside(x: np.ndarray[Any, Any], transposed: bool, around: float) -> np.ndarray[Any, Any]:
    """The matrix as a part of a larger one, its rows or its columns dense in memory."""
    given = x.T if transposed else x
    room = np.full((given.shape[0] + 2, given.shape[1] + 3), around, BF16)
    room[1:-1, 2:-1] = given
    found = room[1:-1, 2:-1]
    return found.T if transposed else found


def matrix(x: np.ndarray[Any, Any]) -> Matrix:
    row, column = (stride // x.itemsize for stride in x.strides)
    return Matrix(x.ctypes.data, row, column)


def multiply(
    library: ctypes.CDLL, multiplier: int, a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]
) -> np.ndarray[Any, Any]:
    """a @ b; what lies around the result is not written."""
    (m, k), n = a.shape, b.shape[1]
    room = np.full((m + 2, n + 5), SENTINEL, np.uint16)
    at = room[1:, 3:].ctypes.data
    assert not library.charl_multiply_bfloat16(multiplier, matrix(a), matrix(b), at, n + 5, m, n, k)
    found = room[1:-1, 3:-2].copy()
    room[1:-1, 3:-2] = SENTINEL
    assert (room == SENTINEL).all()
    return found.view(BF16)


def whole(rng: np.random.Generator, *shape: int) -> np.ndarray[Any, Any]:
    return rng.integers(-8, 9, shape).astype(BF16)


def exact(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The product of whole numbers, rounded once."""
    return np.asarray((a.astype(np.float64) @ b.astype(np.float64)).astype(np.float32).astype(BF16))


def sizes() -> Iterator[tuple[int, int, int]]:
    yield from product((1, 7, 8, 9, 16, 17, 33), (1, 2, 31, 32, 35), (1, 15, 16, 32, 33))
    yield from [(3, 0, 4), (0, 3, 4), (3, 4, 0), (64, 64, 64), (100, 200, 300)]
    yield from [(513, 40, 3), (5, 513, 6), (2, 33, 600), (530, 545, 550), (3, 1100, 2)]


@pytest.mark.parametrize("multiplier", MULTIPLIERS)
@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize("right", [False, True])
def test_whole_numbers_are_exact(
    library: ctypes.CDLL, multiplier: int, left: bool, right: bool
) -> None:
    rng = np.random.default_rng(1)
    for m, k, n in sizes():
        a, b = whole(rng, m, k), whole(rng, k, n)
        # What is read beyond a matrix would spoil the sums.
        x, y = inside(a, left, np.nan), inside(b, right, np.nan)
        found = multiply(library, multiplier, x, y)
        np.testing.assert_array_equal(
            found.astype(np.float32), exact(a, b).astype(np.float32), err_msg=str((m, k, n))
        )


@pytest.mark.parametrize("multiplier", MULTIPLIERS)
def test_strides_that_are_neither(library: ctypes.CDLL, multiplier: int) -> None:
    rng = np.random.default_rng(2)
    a, b = whole(rng, 80, 90)[::2, ::3], whole(rng, 60, 120)[::2, ::3]
    np.testing.assert_array_equal(multiply(library, multiplier, a, b), exact(a, b))


@pytest.mark.parametrize("multiplier", MULTIPLIERS)
def test_sums_are_made_in_float32(library: ctypes.CDLL, multiplier: int) -> None:
    rng = np.random.default_rng(3)
    for m, k, n in [(40, 700, 50), (1, 1000, 90), (70, 3, 1)]:
        a, b = (rng.standard_normal(shape).astype(BF16) for shape in ((m, k), (k, n)))
        wide, other = a.astype(np.float64), b.astype(np.float64)
        expected = wide @ other
        rounded = np.abs(expected) * 2.0**-8
        summed = 2 * k * 2.0**-24 * (np.abs(wide) @ np.abs(other))
        found = multiply(library, multiplier, a, b).astype(np.float64)
        assert (np.abs(found - expected) <= rounded + summed).all()


@pytest.mark.parametrize("multiplier", MULTIPLIERS)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_stays_in_its_row(
    library: ctypes.CDLL, multiplier: int, bad: float
) -> None:
    a, b = np.ones((40, 50), BF16), np.ones((50, 60), BF16)
    a[17, 33] = bad
    expected = np.full((40, 60), 50, np.float32)
    expected[17] = bad
    np.testing.assert_array_equal(multiply(library, multiplier, a, b).astype(np.float32), expected)
    a[17, 33], b[33, 59] = 1, bad
    expected = np.full((40, 60), 50, np.float32)
    expected[:, 59] = bad
    np.testing.assert_array_equal(multiply(library, multiplier, a, b).astype(np.float32), expected)


def test_only_float32_knows_denormals(library: ctypes.CDLL) -> None:
    tiny = 2.0**-130
    given = [[tiny, 1], [2.0**-100, 0], [2.0**-100, 1]]
    a, b = np.array(given, BF16), np.array([[1, 2.0**-30], [0, 1]], BF16)
    expected = [[tiny, 1], [2.0**-100, 2.0**-130], [2.0**-100, 1]]
    found = multiply(library, AS_FLOAT32, a, b).astype(np.float64)
    np.testing.assert_array_equal(found, expected)
    for multiplier in (AVX512, AMX):
        found = multiply(library, multiplier, a, b).astype(np.float64)
        np.testing.assert_array_equal(found, np.where(np.array(expected) < 2.0**-126, 0, expected))


class Product(ctypes.Structure):
    """As in `native/product.h`."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("a", "b", "c")),
        *((name, ctypes.c_int64) for name in ("kind", "m", "n", "k", "a_row", "a_column")),
        *((name, ctypes.c_int64) for name in ("b_row", "b_column", "c_row", "outer")),
        ("axes", ctypes.c_int64 * 24),
    )


@pytest.mark.parametrize("shape", [(1, 300, 200, 130), (1, 5, 600, 2000), (70, 20, 64, 33)])
def test_stacks_over_several_threads(library: ctypes.CDLL, shape: tuple[int, ...]) -> None:
    count, m, k, n = shape
    rng = np.random.default_rng(4)
    a, b = whole(rng, count, m, k), whole(rng, count, k, n)
    c = np.zeros((count, m, n), BF16)
    axes = (ctypes.c_int64 * 24)(count, m * k, k * n, m * n)
    pointers = (x.ctypes.data for x in (a, b, c))
    words = Product(*pointers, BFLOAT16_KIND, m, n, k, k, 1, n, 1, n, 1, axes)
    assert not library.charl_product(ctypes.byref(words))
    np.testing.assert_array_equal(c, exact(a, b))


PROGRAM = """
import sys
sys.path.insert(0, "tests")
import ctypes, hashlib
import numpy as np
from native.test_bfloat16 import BF16, BFLOAT16_KIND, Product
library = ctypes.CDLL(PATH)
rng = np.random.default_rng(5)
found = hashlib.sha256()
for m, k, n in [(700, 90, 130), (40, 600, 900)]:
    a, b = (rng.standard_normal(s).astype(BF16) for s in ((m, k), (k, n)))
    c = np.zeros((m, n), BF16)
    at = (x.ctypes.data for x in (a, b, c))
    words = Product(*at, BFLOAT16_KIND, m, n, k, k, 1, n, 1, n, 0)
    assert not library.charl_product(ctypes.byref(words))
    found.update(c.tobytes())
print(found.hexdigest())
"""


def test_the_bits_do_not_depend_on_the_number_of_threads(built: Path) -> None:
    assert_same_for_any_threads(PROGRAM.replace("PATH", repr(str(built))))


def test_the_runtime_finds_what_linux_tells_of_the_cpu() -> None:
    told = Path("/proc/cpuinfo")
    if not told.exists() or platform.machine() != "x86_64":
        pytest.skip("no Linux on x86")
    flags = set(told.read_text().split())
    expected = AVX512 if "avx512_bf16" in flags else AS_FLOAT32
    # The tiles are given where a process asks, which may be forbidden it.
    allowed = {expected, AMX} if {"amx_tile", "amx_bf16"} <= flags else {expected}
    assert runtime.library().charl_bfloat16_multiplier() in allowed


@pytest.mark.skipif(
    shutil.which("bochs") is None, reason="there is no emulator of such a CPU (Bochs)"
)
def test_the_instructions_do_what_the_model_does() -> None:
    script = ROOT / "tests/native/bfloat16/emulator/run.py"
    run = subprocess.run([sys.executable, str(script)], capture_output=True, text=True)
    if run.stdout.startswith("skipped"):
        pytest.skip(run.stdout)
    assert run.returncode == 0, run.stdout + run.stderr
