"""Matrix products and contractions: how their operands lie, and the call of the runtime.

Every product is a contraction: paired axes of the batch, the axes kept of the left side, the
summed axes in pairs, those kept of the right side; the result is [batch, left, right]. Axes that
follow each other in the memory of every operand that has them are one longer axis. What is left is
a matrix product, c[i, j] = sum over l of a[i, l] b[l, j], with strides, inside some outer axes.
BLAS takes matrices whose rows or whose columns are dense, so transposed operands and heads of
attention need no copy. An operand that lies otherwise is first copied into the order batch, kept,
summed.

The description of a product is written into words on the stack (`Product` in `native/product.h`),
and the runtime spreads its rows or columns over threads. Products of a few small matrices of
constant sizes are written out here instead (`small_products.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

from charl.backend.llvm.functions import FunctionWriter, writer
from charl.backend.llvm.layout import dtype_of, rank
from charl.backend.llvm.runtime_calls import RuntimeCall, wide
from charl.backend.llvm.small_products import is_small, write_small_product
from charl.backend.llvm.strided import MatrixProduct, Operand, product_of, stride
from charl.backend.llvm.tensors import (
    demand_equal,
    item_bytes,
)
from charl.core.ir import Statement, Value
from charl.types.dtypes import DType

KINDS = ("float32", "float64", "int8", "int16", "int32", "int64")  # as in `native/product.h`
MOST_OUTER = 6
HEAD_WORDS = 13


@writer("matmul")
def _matmul(w: FunctionWriter, s: Statement) -> None:
    n = rank(s.operands[0].type)
    batch = tuple(range(n - 2))
    product(w, s, batch, batch, (n - 1,), (n - 2,))


@writer("contract")
def _contract(w: FunctionWriter, s: Statement) -> None:
    n, m = (rank(v.type) for v in s.operands)
    axes = s.attributes
    lb, la = (tuple(i % n for i in axes.get(key, ())) for key in ("left_batch", "left_axes"))
    rb, ra = (tuple(i % m for i in axes.get(key, ())) for key in ("right_batch", "right_axes"))
    product(w, s, lb, rb, la, ra)


def product(
    w: FunctionWriter,
    s: Statement,
    left_batch: Sequence[int],
    right_batch: Sequence[int],
    left_axes: Sequence[int],
    right_axes: Sequence[int],
) -> None:
    x, y = s.operands
    (result,) = s.results
    dtype = dtype_of(result.type)
    for i, j in (*zip(left_batch, right_batch), *zip(left_axes, right_axes)):
        demand_equal(w, x, i, y, j)
    call = RuntimeCall(w)
    a, b = operand(call, x), operand(call, y)
    left = [i for i in range(rank(x.type)) if i not in {*left_batch, *left_axes}]
    right = [i for i in range(rank(y.type)) if i not in {*right_batch, *right_axes}]
    sizes = [a.sizes[i] for i in (*left_batch, *left)] + [b.sizes[i] for i in right]
    working = wide(dtype)
    c = Operand(call.write(result, sizes, reckons=True), tuple(sizes))
    batch, summed = list(zip(left_batch, right_batch)), list(zip(left_axes, right_axes))
    p = product_of(w.text, a, b, c, batch, left, right, summed, MOST_OUTER)
    if p is None:
        a = ordered(call, a, (*left_batch, *left, *left_axes), working)
        b = ordered(call, b, (*right_batch, *right_axes, *right), working)
        n, m, k, o = len(batch), len(left), len(summed), len(right)
        batch, summed = [(i, i) for i in range(n)], [(n + m + i, n + i) for i in range(k)]
        columns = range(n + k, n + k + o)
        p = product_of(w.text, a, b, c, batch, range(n, n + m), columns, summed, MOST_OUTER)
        assert p is not None
    if is_small(p, working):
        write_small_product(w, p, working)
    else:
        call_runtime(w, p, working)
    call.finish()


# --- Operands ------------------------------------------------------------------------------------


def operand(call: RuntimeCall, value: Value) -> Operand:
    """A value as a product sees it; a scalar is a tensor without axes."""
    w = call.w
    return Operand(call.read(value, reckons=True), w.held[value].sizes, w.views.get(value))


def ordered(call: RuntimeCall, x: Operand, order: Sequence[int], dtype: DType) -> Operand:
    """The operand copied so that its axes lie in this order."""
    w = call.w
    sizes = tuple(x.sizes[i] for i in order)
    pointer = call.room(dtype, sizes)
    kept = [i for i in order if x.sizes[i] != "1"]
    words = w.text.alloca("i64", max(2 * len(kept), 1))
    put_words(w, words, [x.sizes[i] for i in kept])
    steps = [stride(w.text, x, x.place(i)) for i in kept]
    put_words(w, words, steps, len(kept))
    gather = w.declare("charl_gather_strided", "void", ["ptr", "ptr", "i64", "i64", "ptr"])
    width = item_bytes(dtype)
    w.text.put(
        f"call void {gather}(ptr {pointer}, ptr {x.pointer}, i64 {width}, i64 {len(kept)}, "
        f"ptr {words})"
    )
    return Operand(pointer, sizes)


# --- The call ------------------------------------------------------------------------------------


def describe(w: FunctionWriter, p: MatrixProduct, dtype: DType) -> str:
    """The words of a product, on the stack."""
    words = w.text.alloca("i64", HEAD_WORDS + 4 * MOST_OUTER)
    for n, pointer in enumerate((p.a, p.b, p.c)):
        put_words(w, words, [pointer], n, "ptr")
    head = [str(KINDS.index(dtype.name)), p.m, p.n, p.k]
    head += [p.a_row, p.a_column, p.b_row, p.b_column, p.c_row, str(len(p.outer))]
    axes = [word for axis in p.outer for word in (axis.size, axis.a, axis.b, axis.c)]
    put_words(w, words, [*head, *axes], 3)
    return words


def put_words(
    w: FunctionWriter, place: str, values: Sequence[str], first: int = 0, kind: str = "i64"
) -> None:
    for n, value in enumerate(values):
        at = w.text.let(f"getelementptr i64, ptr {place}, i64 {first + n}")
        w.text.put(f"store {kind} {value}, ptr {at}")


def call_runtime(w: FunctionWriter, p: MatrixProduct, dtype: DType) -> None:
    words = describe(w, p, dtype)
    call = w.declare("charl_product", "i32", ["ptr"])
    w.text.let(f"call i32 {call}(ptr {words})")
