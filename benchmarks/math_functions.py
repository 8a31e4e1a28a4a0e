"""Our elementary functions: how far from the truth, and how fast beside NumPy's.

    python benchmarks/math_functions.py                nanoseconds per element, ratio to NumPy
    python benchmarks/math_functions.py ulp            greatest error of each; float32 of one
                                                       operand over all 2**32 floats
    python benchmarks/math_functions.py ulp STEP       over every STEP-th float only
    python benchmarks/math_functions.py ulp STEP NAME...            of these functions only

Each function is compiled alone, in a loop over arrays, as it stands in kernels. The reference is
the function in float64 for float32, and in NumPy's longdouble (64 bits on x86) for float64. An
error is counted in units of the last place of the true result; where the result must be NaN,
infinite or zero with a sign, it must be just that.
"""

from __future__ import annotations

import ctypes
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import llvmlite.binding as llvm
import numpy as np
from scipy import special

from charl.backend.llvm.math import PREFIX
from charl.backend.llvm.math.routines import ROUTINES, definition, routine_name

Array = np.ndarray[Any, Any]

DTYPES = {"float": np.float32, "double": np.float64}
TWO_OPERANDS = ("pow", "atan2")


def long_erf(x: Array) -> Array:
    """erf by its series 2 / sqrt(pi) * exp(-x**2) * sum of 2**n x**(2n + 1) / (2n + 1)!!, whose
    terms are all of one sign."""
    near = np.clip(x, -7, 7)
    term = total = near
    for n in range(1, 160):
        term = term * near * near * 2 / (2 * n + 1)
        total = total + term
    pi = np.longdouble("3.14159265358979323846264338327950288")
    value = np.where(abs(x) < 7, total * np.exp(-near * near) * 2 / np.sqrt(pi), np.sign(x))
    return np.where(x == 0, x, value)


REFERENCES: dict[str, Callable[..., Array]] = {
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "tanh": np.tanh,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "erf": lambda x: special.erf(x) if x.dtype == np.float64 else long_erf(x),
    "pow": np.power,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "atan2": np.arctan2,
}

# --- Compiling -----------------------------------------------------------------------------------

LOOP = """
define void @loop(ptr noalias %a, ptr noalias %b, ptr noalias %c, i64 %n) {{
entry:
  br label %turn
turn:
  %i = phi i64 [ 0, %entry ], [ %next, %turn ]
  %pa = getelementptr {type}, ptr %a, i64 %i
  %x0 = load {type}, ptr %pa
  %pb = getelementptr {type}, ptr %b, i64 %i
  %x1 = load {type}, ptr %pb
  %y = call {type} @{name}({operands})
  %pc = getelementptr {type}, ptr %c, i64 %i
  store {type} %y, ptr %pc
  %next = add i64 %i, 1
  %more = icmp ult i64 %next, %n
  br i1 %more, label %turn, label %end
end:
  ret void
}}
"""


class Compiled:
    """A function over arrays; `assembly` is its machine code."""

    def __init__(self, op: str, type: str) -> None:
        lines: dict[str, str] = {}

        def declare(name: str, result: str, operands: Any) -> str:
            if name not in lines:
                lines[name] = f"declare {result} @{name}({', '.join(operands)})"
                if name.startswith(PREFIX):
                    lines[name] = definition(name, declare)
            return f"@{name}"

        self.count = 2 if op in TWO_OPERANDS else 1
        name = declare(routine_name(op, type), type, [type] * self.count)[1:]
        operands = ", ".join(f"{type} %x{n}" for n in range(self.count))
        text = "\n".join(lines.values()) + LOOP.format(type=type, name=name, operands=operands)
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        machine = llvm.Target.from_default_triple().create_target_machine(
            cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=2
        )
        module = llvm.parse_assembly(text)
        module.triple, module.data_layout = machine.triple, str(machine.target_data)
        options = llvm.create_pipeline_tuning_options(speed_level=2)
        options.loop_vectorization = options.slp_vectorization = True
        options.loop_unrolling = options.loop_interleaving = True
        builder = llvm.create_pass_builder(machine, options)
        builder.getModulePassManager().run(module, builder)
        self.assembly: str = machine.emit_assembly(module)
        self.engine = llvm.create_mcjit_compiler(module, machine)
        self.engine.finalize_object()
        kinds = [ctypes.c_void_p] * 3 + [ctypes.c_int64]
        self.run = ctypes.CFUNCTYPE(None, *kinds)(self.engine.get_function_address("loop"))

    def __call__(self, x: Array, y: Array | None = None, out: Array | None = None) -> Array:
        result = np.empty_like(x) if out is None else out
        other = x if y is None else y
        if x.size:
            self.run(x.ctypes.data, other.ctypes.data, result.ctypes.data, x.size)
        return result


# --- Errors --------------------------------------------------------------------------------------


def wide(x: Array) -> Array:
    return x.astype(np.float64 if x.dtype == np.float32 else np.longdouble)


def errors(op: str, found: Array, *operands: Array) -> Array:
    """The error of each result in units of the last place; infinite where a NaN, an infinity or
    the sign of a zero is not as it should be."""
    with np.errstate(all="ignore"):
        true = REFERENCES[op](*map(wide, operands))
        rounded = true.astype(found.dtype)
        limits = np.finfo(found.dtype)
        size = np.where(np.isfinite(rounded), abs(rounded), 1).astype(found.dtype)
        place = np.spacing(np.maximum(size, limits.smallest_normal))
        difference = abs(wide(found) - true) / wide(place)
        finite = np.isfinite(rounded) & np.isfinite(found)
        same = (found == rounded) | (np.isnan(found) & np.isnan(rounded))
        right_sign = (np.signbit(found) == np.signbit(rounded)) | np.isnan(rounded)
        return np.where(
            right_sign & (finite | same), np.where(finite, difference, 0), np.inf
        ).astype(np.float64)


EDGES = [
    0.0, 5e-324, 1e-45, 1.1754944e-38, 2.2250738585072014e-308, 1e-300, 1e-20, 1e-8, 0.25, 0.5,
    1 - 2.0**-24, 1 - 2.0**-53, 1.0, 1 + 2.0**-23, 1 + 2.0**-52, 1.5, 2.0, 3.0, 4.0, 5.0, 33.0,
    34.0, 88.72283, 88.72284, 103.2789, 103.97208, 104.5, 709.782712893384, 709.7827128933841,
    745.1332191019411, 745.1332191019412, 746.0, 2.0**24 - 1, 2.0**24, 2.0**24 + 2, 2.0**31,
    2.0**40, 2.0**53 - 1, 2.0**53, 2.0**60, 2.0**63, 2.0**94, 1e22, 1e30, 3.4028234e38, 1e300,
    1.7976931348623157e308, np.inf, np.nan,
]  # fmt: skip


def edges(dtype: Any) -> Array:
    with np.errstate(all="ignore"):
        return np.array([sign * x for x in EDGES for sign in (1, -1)], dtype)


def any_bits(random: np.random.Generator, dtype: Any, count: int) -> Array:
    """Floats of any bits."""
    kind = np.uint32 if dtype == np.float32 else np.uint64
    return random.integers(0, np.iinfo(kind).max, count, kind, endpoint=True).view(dtype)


def samples(op: str, dtype: Any, count: int) -> Iterator[tuple[Array, ...]]:
    """Operands: the edges (for two operands each with each), any bits, and where errors are
    greatest."""
    random = np.random.default_rng(7)
    if op in TWO_OPERANDS:
        # NumPy's longdouble pow is wrong for infinities to powers like -2**63.
        some = edges(dtype)
        some = some[(abs(some) < 2.0**63) | np.isinf(some) | np.isnan(some)]
        a, b = np.meshgrid(some, some)
        yield a.ravel(), b.ravel()
        yield any_bits(random, dtype, count), any_bits(random, dtype, count)
        whole = random.integers(-9, 10, count).astype(dtype)
        yield -abs(any_bits(random, dtype, count)), whole
        yield (
            random.uniform(0, 50, count).astype(dtype),
            random.uniform(-30, 30, count).astype(dtype),
        )
        near_one = (1 + random.normal(0, 1e-3, count)).astype(dtype)
        yield near_one, random.uniform(-1e5, 1e5, count).astype(dtype)
        # Powers at the ends of the range of floats.
        least, most = np.log(np.finfo(dtype).smallest_subnormal), np.log(np.finfo(dtype).max)
        base = random.uniform(least, most, count)
        target = np.where(random.random(count) < 0.5, most, least) * random.uniform(0.9, 1.1, count)
        yield np.exp(base).astype(dtype), (target / base).astype(dtype)
        return
    yield (edges(dtype),)
    yield (any_bits(random, dtype, count),)
    for low, high in ((-1, 1), (-10, 10), (-110, 110), (0.9, 1.1), (-750, 750), (-1e6, 1e6)):
        yield (random.uniform(low, high, count).astype(dtype),)


def greatest_error(op: str, type: str, count: int) -> tuple[float, tuple[float, ...]]:
    """In samples of so many; and the operands it is found at."""
    compiled = Compiled(op, type)
    worst: tuple[float, tuple[float, ...]] = (0.0, ())
    for operands in samples(op, DTYPES[type], count):
        worst = worse(worst, op, compiled(*operands), operands)
    return worst


def greatest_error_of_all(op: str, step: int) -> tuple[float, tuple[float, ...]]:
    """Over every step-th float32."""
    compiled = Compiled(op, "float")
    worst: tuple[float, tuple[float, ...]] = (0.0, ())
    size = min(1 << 22, (1 << 32) // step)
    for first in range(0, 1 << 32, size * step):
        last = min(first + size * step, 1 << 32)
        x = np.arange(first, last, step, np.uint64).astype(np.uint32).view(np.float32)
        worst = worse(worst, op, compiled(x), (x,))
    return worst


def worse(
    worst: tuple[float, tuple[float, ...]], op: str, found: Array, operands: tuple[Array, ...]
) -> tuple[float, tuple[float, ...]]:
    wrong = errors(op, found, *operands)
    place = int(wrong.argmax())
    return max(worst, (float(wrong[place]), tuple(float(x[place]) for x in operands)))


def print_errors(step: int = 1, *names: str) -> None:
    print(f"{'':8}{'float32':>10}{'float64':>10}   at")
    for op in names or ROUTINES["float"]:
        row, places = f"{op:8}", []
        for type in ("float", "double"):
            if op not in ROUTINES[type]:
                row += f"{'libm':>10}"
                continue
            worst = greatest_error(op, type, 1_000_000)
            if type == "float" and op not in TWO_OPERANDS:
                worst = max(worst, greatest_error_of_all(op, step))
            row += f"{worst[0]:10.3f}"
            places.append(", ".join(map(repr, worst[1])))
        print(row + "   " + "; ".join(places), flush=True)


# --- Times ---------------------------------------------------------------------------------------


def nanoseconds(function: Callable[[], Any], count: int) -> float:
    """Per element; the best of 100 runs."""
    best = float("inf")
    for _ in range(100):
        start = time.perf_counter()
        function()
        best = min(best, time.perf_counter() - start)
    return best / count * 1e9


def print_times() -> None:
    print(f"{'ns per element':16}{'Charl':>8}{'NumPy':>8}{'ratio':>8}")
    for type, dtype in DTYPES.items():
        for op in ROUTINES[type]:
            compiled = Compiled(op, type)
            peer: Any = special.erf if op == "erf" else REFERENCES[op]
            x = np.random.default_rng(0).uniform(0.01, 0.99, 8192).astype(dtype)
            y, out = x[::-1].copy(), np.empty_like(x)
            operands = (x, y)[: compiled.count]
            ours = nanoseconds(lambda: compiled(x, y, out), x.size)  # noqa: B023 (runs now)
            theirs = nanoseconds(lambda: peer(*operands, out=out), x.size)  # noqa: B023
            name = f"{op} {np.dtype(dtype).name}"
            print(f"{name:16}{ours:8.2f}{theirs:8.2f}{theirs / ours:8.2f}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["ulp"]:
        print_errors(int(sys.argv[2]) if sys.argv[2:] else 1, *sys.argv[3:])
    else:
        print_times()
