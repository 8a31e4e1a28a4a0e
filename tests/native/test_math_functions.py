"""Our elementary functions are right to 2 units of the last place, and vectorise.

Everything is in benchmarks/math_functions.py, which also goes over all 2**32 floats; here it takes
samples of 100,000 from each of some ranges, every 4001st float32, and edges.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("scipy")
PATH = Path(__file__).parents[2] / "benchmarks" / "math_functions.py"
_spec = importlib.util.spec_from_file_location("math_functions", PATH)
assert _spec is not None and _spec.loader is not None
functions = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(functions)

SINGLE = [op for op in functions.ROUTINES["float"] if op not in functions.TWO_OPERANDS]


@pytest.mark.parametrize("op", functions.ROUTINES["float"])
def test_float32(op: str) -> None:
    worst = functions.greatest_error(op, "float", 100_000)
    assert worst[0] <= 2, worst


@pytest.mark.parametrize("op", SINGLE)
def test_float32_over_its_range(op: str) -> None:
    worst = functions.greatest_error_of_all(op, 4001)
    assert worst[0] <= 2, worst


@pytest.mark.skipif(np.finfo(np.longdouble).nmant < 63, reason="longdouble is no better here")
@pytest.mark.parametrize("op", functions.ROUTINES["double"])
def test_float64(op: str) -> None:
    worst = functions.greatest_error(op, "double", 100_000)
    assert worst[0] <= 2, worst


@pytest.mark.parametrize("type", ["float", "double"])
@pytest.mark.parametrize("op", ["pow", "atan2"])
def test_exceptions_of_two_operands(op: str, type: str) -> None:
    """C99's tables, as NumPy follows them."""
    if op not in functions.ROUTINES[type]:
        pytest.skip("libm's")
    dtype = functions.DTYPES[type]
    some = functions.edges(dtype)
    x, y = (z.ravel() for z in np.meshgrid(some, some))
    found = functions.Compiled(op, type)(x, y)
    with np.errstate(all="ignore"):
        expected = functions.REFERENCES[op](x, y)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    special = ~np.isfinite(expected) | (expected == 0) | (abs(expected) == 1)
    np.testing.assert_array_equal(found[special], expected[special])
    signs = np.signbit(found) == np.signbit(expected)
    assert (signs | np.isnan(expected)).all()


@pytest.mark.parametrize("op", ["sin", "cos"])
def test_large_angles_within_a_vector(op: str) -> None:
    """Angles that libm is asked for, beside others."""
    x = np.array([1.0, 1e300, -2.0, 2.0**41, np.inf, 3.0, -1e22, np.nan, 0.5, 4.0, 1e15], float)
    found = functions.Compiled(op, "double")(x)
    assert functions.errors(op, found, x).max() <= 1


@pytest.mark.skipif(
    not functions.llvm.get_host_cpu_features().get("avx2"), reason="looks for AVX2's registers"
)
@pytest.mark.parametrize(
    ("type", "op"), [(type, op) for type, ops in functions.ROUTINES.items() for op in ops]
)
def test_vectorises(type: str, op: str) -> None:
    assert "ymm" in functions.Compiled(op, type).assembly
