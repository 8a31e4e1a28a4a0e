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

The runtime reads and writes bfloat16 as it is, for the CPU may have instructions for that
(`native/bfloat16.c`). float16, and bfloat16 in small products, is widened first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

from charl.backend.llvm.functions import FunctionWriter, writer
from charl.backend.llvm.runtime_calls import RuntimeCall, wide
from charl.backend.llvm.small_products import is_small, write_small_product
from charl.backend.llvm.strided import MatrixProduct, Operand, product_of, stride, times
from charl.backend.llvm.tensors import copy_bytes, demand_equal, item_bytes, no_memory_if
from charl.backend.llvm.text import Text
from charl.core.ir import Statement, Value
from charl.kernel.sweep import Rows, size_known
from charl.ops.contract import PRODUCTS
from charl.records import record
from charl.types.dims import Dim
from charl.types.dtypes import BFLOAT16, FLOAT32, FLOAT64, DType

# As in `native/product.h`.
KINDS = ("float32", "float64", "int8", "int16", "int32", "int64", "bfloat16")
MOST_OUTER = 6
AT_ONCE = 28  # rows; below that BLAS takes longer to rearrange the right side than to multiply
HEAD_WORDS = 13
SEVERAL = 4  # words that are quicker to copy than to write one by one


@record
class Axes:
    """The axes of a product: those of the batch and the summed ones in pairs, and those kept of
    each side."""

    batch: tuple[tuple[int, int], ...]
    summed: tuple[tuple[int, int], ...]
    left: tuple[int, ...]
    right: tuple[int, ...]


def axes_of(s: Statement) -> Axes:
    n, m = (v.rank for v in s.operands)
    if s.op.name == "matmul":
        return Axes(tuple((i, i) for i in range(n - 2)), ((n - 1, n - 2),), (n - 2,), (n - 1,))
    given = {key: tuple(axes) for key, axes in s.attributes.items()}
    lb, la = (tuple(i % n for i in given.get(key, ())) for key in ("left_batch", "left_axes"))
    rb, ra = (tuple(i % m for i in given.get(key, ())) for key in ("right_batch", "right_axes"))
    left = tuple(i for i in range(n) if i not in {*lb, *la})
    right = tuple(i for i in range(m) if i not in {*rb, *ra})
    return Axes(tuple(zip(lb, rb)), tuple(zip(la, ra)), left, right)


@writer(*PRODUCTS)
def _product(w: FunctionWriter, s: Statement) -> None:
    x, y = s.operands
    (result,) = s.results
    axes = axes_of(s)
    for i, j in (*axes.batch, *axes.summed):
        demand_equal(w, x, i, y, j)
    call = RuntimeCall(w)
    narrow = stays_narrow(s, w.views)
    a, b = (operand(call, v, reckons=not narrow) for v in s.operands)
    sizes = sizes_of(axes, a, b)
    working = result.dtype if narrow else wide(result.dtype)
    c = Operand(call.write(result, sizes, reckons=not narrow), tuple(sizes))
    p = matrix_product(w.text, axes, a, b, c)
    if p is None:
        (bi, bj), (si, sj) = (tuple(zip(*pairs)) or ((), ()) for pairs in (axes.batch, axes.summed))
        a = ordered(call, a, (*bi, *axes.left, *si), working)
        b = ordered(call, b, (*bj, *sj, *axes.right), working)
        p = matrix_product(w.text, in_order(axes), a, b, c)
        assert p is not None
    if not narrow and is_small(p, working):
        write_small_product(w, p, working)
    else:
        status = call_runtime(w, p, working)
        if narrow:  # the runtime needs memory for it
            no_memory_if(w, w.text.let(f"icmp ne i32 {status}, 0"), working, sizes)
    call.finish()


def stays_narrow(s: Statement, views: Mapping[Value, tuple[int, ...]]) -> bool:
    """Whether the runtime makes a product of bfloat16 from the operands as they lie."""
    if s.results[0].dtype != BFLOAT16:
        return False
    p = _planned(s, views)
    return p is None or not is_small(p, FLOAT32)


def _planned(s: Statement, views: Mapping[Value, tuple[int, ...]]) -> MatrixProduct | None:
    """The product, as far as the types tell: sizes known only to the run have no name of their own,
    and there are no pointers."""
    axes = axes_of(s)
    a, b = (Operand("", names_of(v.shape), views.get(v)) for v in s.operands)
    return matrix_product(Text(), axes, a, b, Operand("", tuple(sizes_of(axes, a, b))))


def sizes_of(axes: Axes, a: Operand, b: Operand) -> list[str]:
    """Those of the result."""
    left = [a.sizes[i] for i in (*(i for i, _ in axes.batch), *axes.left)]
    return left + [b.sizes[i] for i in axes.right]


def matrix_product(
    text: Text, axes: Axes, a: Operand, b: Operand, c: Operand
) -> MatrixProduct | None:
    return product_of(text, a, b, c, axes.batch, axes.left, axes.right, axes.summed, MOST_OUTER)


def in_order(axes: Axes) -> Axes:
    """The axes of operands that lie in the order batch, kept, summed and batch, summed, kept."""
    n, m, k, o = (len(x) for x in (axes.batch, axes.left, axes.summed, axes.right))
    return Axes(
        tuple((i, i) for i in range(n)),
        tuple((n + m + i, n + i) for i in range(k)),
        tuple(range(n, n + m)),
        tuple(range(n + k, n + k + o)),
    )


def rows_of_product(s: Statement, views: Mapping[Value, tuple[int, ...]]) -> Rows | None:
    """How a product is done by rows; None where its operands need more than a call of BLAS."""
    x, y = s.operands
    (result,) = s.results
    axes = axes_of(s)
    p = _planned(s, views)
    if (
        p is None
        or result.dtype not in (FLOAT32, FLOAT64)
        or not (axes.batch or axes.left)
        or any(x.shape[i] != y.shape[j] for i, j in (*axes.batch, *axes.summed))
        or any(axis.a == "0" for axis in p.outer)  # columns that are cut
    ):
        return None
    a, b = (Operand("", names_of(v.shape), views.get(v)) for v in s.operands)
    first, other = axes.batch[0] if axes.batch else (axes.left[0], None)
    aligned = {x} if a.memory_axis(first) == 0 else set()
    if other is None:
        aligned.discard(y)
    elif b.memory_axis(other) == 0:
        aligned.add(y)
    each = 1
    for size in (*result.shape[1:], *(x.shape[i] for i, _ in axes.summed)):
        each *= size_known(size)
    least = 1 if axes.batch else AT_ONCE
    return Rows(result.shape[0], frozenset(aligned), each, least)


def names_of(shape: Sequence[Dim]) -> tuple[str, ...]:
    return tuple(str(n) if isinstance(n, int) else "%size" for n in shape)


def turns_of_row(text: Text, p: MatrixProduct, rows: str) -> str:
    """The rows of all matrices that make one row of the result."""
    total = times(text, [p.m, *(axis.size for axis in p.outer)])
    if total.isdecimal() and rows.isdecimal():
        return str(int(total) // max(int(rows), 1))
    return text.let(f"sdiv i64 {total}, {rows}")


# --- Operands ------------------------------------------------------------------------------------


def operand(call: RuntimeCall, value: Value, *, reckons: bool = True) -> Operand:
    """A value as a product sees it; a scalar is a tensor without axes."""
    w = call.w
    return Operand(call.read(value, reckons=reckons), w.held[value].sizes, w.views.get(value))


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
    """Writes words to memory; numbers in a row, which say the same at every turn, are copied."""
    words = enumerate(values, first)
    for numbers, group in groupby(words, lambda word: kind == "i64" and word[1].isdecimal()):
        row = list(group)
        if numbers and len(row) >= SEVERAL:
            at = w.text.let(f"getelementptr i64, ptr {place}, i64 {row[0][0]}")
            copy_bytes(w, at, w.module.words([text for _, text in row]), str(8 * len(row)))
            continue
        for n, text in row:
            at = w.text.let(f"getelementptr i64, ptr {place}, i64 {n}")
            w.text.put(f"store {kind} {text}, ptr {at}")


def call_runtime(w: FunctionWriter, p: MatrixProduct, dtype: DType) -> str:
    """Returns the status, which only bfloat16 can spoil."""
    words = describe(w, p, dtype)
    call = w.declare("charl_product", "i32", ["ptr"])
    return w.text.let(f"call i32 {call}(ptr {words})")
