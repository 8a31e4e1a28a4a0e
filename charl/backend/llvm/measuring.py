"""Code that counts, for `--profile`: around whatever takes time, beginnings and ends.

Statements on tensors, loops, calls and what the host does are measured, each by its site: the time
it takes less what is measured inside it, how often, the bytes that it must read and write at least,
and the floating-point operations that it must do at least (a function such as `exp` counts as one).
Scalar code, lists and strings count to the loop or call around them: to measure them would take
longer than they do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from charl.core.control import FUSED
from charl.core.ir import Statement, Value
from charl.ops.reduce import REDUCTIONS
from charl.types.types import Tensor

if TYPE_CHECKING:
    from charl.backend.llvm.functions import FunctionWriter, Writer

DECLARATIONS = """
@charl_counters = external global i64
declare void @charl_measure_begin(ptr)
declare void @charl_measure_end(ptr, ptr, i64, i64)
"""

WORDS = 4  # of a counter, as in `native/measure.c`

LOOPS = {"for", "while", "scan"}
QUICK = {
    "constant", "undefined", "if", "check", "fail", "ensure_shape", "dim", "reshape", "copy",
    "stop_gradient",
}  # fmt: skip
# Of these an element, or a row, is read; or written, the operand at this position being it.
PARTS = {"index", "slice", "gather", "take_along"}
UPDATES = {
    "index_update": 1, "index_add": 1, "slice_update": 1, "scatter_add": 1, "scatter_set": 1,
    "scatter_add_along": 1,
}  # fmt: skip


def is_measured(w: FunctionWriter, s: Statement, write: Writer) -> bool:
    """Whether a statement that is written so is worth the two calls."""
    name = s.op.name
    if write == type(w).view:
        return False
    if write == type(w).host or name in LOOPS:
        return True
    if name == "call":
        return not w.module.may_recur(s.attributes["function"])
    if name in QUICK or not all(isinstance(v.type, Tensor) for v in s.operands):
        return False
    if name in UPDATES:
        return s.operands[UPDATES[name]].rank > 0
    if name in PARTS:
        return s.results[0].rank > 0
    return any(v.rank for v in (*s.operands, *s.results))


def begin(w: FunctionWriter) -> str:
    """The stack's words that `end` is to be given."""
    stretch = w.text.alloca("i64", 2)
    w.text.put(f"call void @charl_measure_begin(ptr {stretch})")
    return stretch


def end(w: FunctionWriter, s: Statement, stretch: str) -> None:
    if not w.text.reached:
        return
    site = w.module.site(s, w.function)
    counter = w.text.let(f"getelementptr i64, ptr @charl_counters, i64 {WORDS * site}")
    given = f"ptr {stretch}, ptr {counter}, i64 {traffic(w, s)}, i64 {work(w, s)}"
    w.text.put(f"call void @charl_measure_end({given})")


def parts_of(s: Statement) -> Sequence[Statement]:
    return s.blocks[0].statements if s.op is FUSED else (s,)


def traffic(w: FunctionWriter, s: Statement) -> str:
    """The bytes that a statement reads and writes."""
    if s.op.name in LOOPS or s.op.name == "call":
        return "0"
    if s.op.name in UPDATES:
        return total(w, [size(w, s.operands[UPDATES[s.op.name]], in_bytes=True)] * 2)
    parts = parts_of(s)
    moved = [size(w, v, in_bytes=True) for v in s.results]
    for value in dict.fromkeys(s.operands):
        readers = [part for part in parts if value in part.operands]
        if all(p.op.name in PARTS and p.operands[0] is value for p in readers):
            moved += [size(w, p.results[0], in_bytes=True) for p in readers]
        else:
            moved.append(size(w, value, in_bytes=True))
    return total(w, moved)


def work(w: FunctionWriter, s: Statement) -> str:
    """The operations on floats that a statement does."""
    return total(w, [operations(w, part) for part in parts_of(s)])


def operations(w: FunctionWriter, s: Statement) -> str:
    name = s.op.name
    if not s.results or not isinstance(s.results[0].type, Tensor):
        return "0"
    if not s.results[0].dtype.is_float:
        return "0"
    match name:
        case "matmul":
            return product(w, ["2", size(w, s.results[0]), extents(w, s.operands[0])[-1]])
        case "contract":
            x = s.operands[0]
            summed = [extents(w, x)[axis] for axis in s.attributes["left_axes"]]
            return product(w, ["2", size(w, s.results[0]), *summed])
        case "conv":
            return of_convolution(w, s.results[0], s.operands[1])
        case "conv_input_gradient":
            return of_convolution(w, s.operands[0], s.operands[1])
        case "conv_filter_gradient":
            return of_convolution(w, s.operands[1], s.results[0])
    if name in REDUCTIONS:
        return size(w, s.operands[0])
    return size(w, s.results[0]) if s.op.elementwise else "0"


def of_convolution(w: FunctionWriter, y: Value, filter: Value) -> str:
    """y[N, O, *P] from filter[O, C, *K]: each element takes C * K products."""
    return product(w, ["2", size(w, y), *extents(w, filter)[1:]])


# --- Sizes ---------------------------------------------------------------------------------------


def extents(w: FunctionWriter, value: Value) -> Sequence[str]:
    """The sizes of a tensor; those inside a kernel are known by their types."""
    if value in w.held:
        return w.held[value].sizes
    return [w.size(dim) for dim in value.shape]


def size(w: FunctionWriter, value: Value, *, in_bytes: bool = False) -> str:
    """The number of elements or bytes of a tensor; 0 of what is none, 1 element of a scalar."""
    if not isinstance(value.type, Tensor) or (in_bytes and not value.rank):
        return "0"
    factors = [*extents(w, value)]
    if in_bytes:
        factors.append(str(value.dtype.bits // 8))
    return product(w, factors)


def product(w: FunctionWriter, factors: Iterable[str]) -> str:
    return combined(w, "mul", 1, factors)


def total(w: FunctionWriter, terms: Iterable[str]) -> str:
    return combined(w, "add", 0, terms)


def combined(w: FunctionWriter, op: str, neutral: int, names: Iterable[str]) -> str:
    """Numbers are put together here, registers by the program."""
    known, found = neutral, ""
    for name in names:
        if name.lstrip("-").isdecimal():
            known = known * int(name) if op == "mul" else known + int(name)
        else:
            found = w.text.let(f"{op} i64 {found}, {name}") if found else name
    if not found or (op == "mul" and known == 0):
        return str(known)
    return found if known == neutral else w.text.let(f"{op} i64 {found}, {known}")
