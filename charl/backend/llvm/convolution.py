"""Convolution, its gradients, and pooling: the call of the runtime (`native/conv.c`, `pool.c`).

The description of the windows is written into words on the stack (`Windows` in
`native/windows.h`). The runtime knows three spatial axes; what has fewer has axes of size one in
front. float16 and bfloat16 are computed in float32 and rounded once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from charl.backend.llvm.functions import FunctionWriter, writer
from charl.backend.llvm.layout import dtype_of, rank
from charl.backend.llvm.products import KINDS, put_words
from charl.backend.llvm.runtime_calls import RuntimeCall, wide
from charl.backend.llvm.strided import times
from charl.backend.llvm.tensors import (
    no_memory_if,
)
from charl.core.ir import Statement, Value
from charl.ops.windows import Geometry, geometry, per_axis
from charl.records import record
from charl.types.dtypes import DType

HEAD_WORDS, AXIS_WORDS, SPATIAL = 9, 6, 3
NOTHING = "null"


@record
class Windows:
    """What the runtime is told; names or literals. `axes` are the spatial ones: the sizes of the
    images, of the window and of the outputs."""

    images: str
    groups: str
    channels: str
    filters: str
    axes: tuple[tuple[str, str, str], ...]
    geometry: Geometry


# --- Convolution ---------------------------------------------------------------------------------


@writer("conv")
def _conv(w: FunctionWriter, s: Statement) -> None:
    x, filters = s.operands
    g, groups = _geometry(s, x)
    images, channels, *sizes = w.held[x].sizes
    amount, per_group, *window = w.held[filters].sizes
    _demand_groups(w, channels, per_group, amount, groups)
    outputs = [_outputs(w, g, i, n, k) for i, (n, k) in enumerate(zip(sizes, window))]
    for size in (*outputs, *window):
        w.fail_if(_compared(w, "sle", size, "0"))
    p = _windows(w, images, amount, per_group, groups, zip(sizes, window, outputs), g)
    _run(w, s, "charl_conv", p, [x, filters, None], 2, [images, amount, *outputs])


@writer("conv_input_gradient")
def _conv_input_gradient(w: FunctionWriter, s: Statement) -> None:
    dy, filters, *given = s.operands
    g, groups = _geometry(s, dy)
    images, results, *outputs = w.held[dy].sizes
    amount, per_group, *window = w.held[filters].sizes
    sizes = [w.of(n) for n in given]
    w.fail_if(_compared(w, "ne", results, amount))
    channels = times(w.text, [per_group, str(groups)])
    _demand_groups(w, channels, per_group, amount, groups)
    _demand_fit(w, g, sizes, window, outputs)
    p = _windows(w, images, amount, per_group, groups, zip(sizes, window, outputs), g)
    operands = [None, filters, dy]
    _run(w, s, "charl_conv_input_gradient", p, operands, 0, [images, channels, *sizes])


@writer("conv_filter_gradient")
def _conv_filter_gradient(w: FunctionWriter, s: Statement) -> None:
    x, dy, *given = s.operands
    g, groups = _geometry(s, x)
    images, channels, *sizes = w.held[x].sizes
    others, amount, *outputs = w.held[dy].sizes
    window = [w.of(n) for n in given]
    per_group = _divided(w, channels, groups)
    w.fail_if(_compared(w, "ne", images, others))
    _demand_groups(w, channels, per_group, amount, groups)
    _demand_fit(w, g, sizes, window, outputs)
    p = _windows(w, images, amount, per_group, groups, zip(sizes, window, outputs), g)
    shape = [amount, per_group, *window]
    _run(w, s, "charl_conv_filter_gradient", p, [x, None, dy], 1, shape, chunked=True)


def _geometry(s: Statement, images: Value) -> tuple[Geometry, int]:
    groups: int = s.attributes.get("groups", 1)
    return geometry(s.attributes, rank(images.type) - 2), groups


def _windows(
    w: FunctionWriter,
    images: str,
    amount: str,
    per_group: str,
    groups: int,
    axes: Iterable[tuple[str, str, str]],
    g: Geometry,
) -> Windows:
    filters = _divided(w, amount, groups)
    return Windows(images, str(groups), per_group, filters, tuple(axes), g)


def _demand_groups(
    w: FunctionWriter, channels: str, per_group: str, amount: str, groups: int
) -> None:
    w.fail_if(_compared(w, "ne", channels, times(w.text, [per_group, str(groups)])))
    w.fail_if(_compared(w, "ne", amount, times(w.text, [_divided(w, amount, groups), str(groups)])))


def _demand_fit(
    w: FunctionWriter,
    g: Geometry,
    sizes: Sequence[str],
    window: Sequence[str],
    outputs: Sequence[str],
) -> None:
    """Stops the program unless the outputs are those of windows over images of these sizes."""
    for i, (size, k, output) in enumerate(zip(sizes, window, outputs)):
        w.fail_if(_compared(w, "slt", size, "0"))
        w.fail_if(_compared(w, "slt", k, "0"))
        w.fail_if(_compared(w, "ne", _outputs(w, g, i, size, k), output))


# --- Pooling -------------------------------------------------------------------------------------


@writer("window_max", "window_argmax", "window_sum")
def _pool(w: FunctionWriter, s: Statement) -> None:
    (x,) = s.operands
    images, channels, *sizes = w.held[x].sizes
    g, window = _pooling(s, len(sizes))
    outputs = [_outputs(w, g, i, n, k) for i, (n, k) in enumerate(zip(sizes, window))]
    for output in outputs:
        w.fail_if(_compared(w, "sle", output, "0"))
    p = _pool_windows(w, images, channels, zip(sizes, window, outputs), g)
    call = f"charl_{s.op.name}"
    _run(w, s, call, p, [x, None, None], 2, [images, channels, *outputs])


@writer("window_max_gradient")
def _window_max_gradient(w: FunctionWriter, s: Statement) -> None:
    x, dy = s.operands
    images, channels, *sizes = w.held[x].sizes
    others, signals, *outputs = w.held[dy].sizes
    g, window = _pooling(s, len(sizes))
    w.fail_if(_compared(w, "ne", images, others))
    w.fail_if(_compared(w, "ne", channels, signals))
    _demand_fit(w, g, sizes, window, outputs)
    p = _pool_windows(w, images, channels, zip(sizes, window, outputs), g)
    _run(w, s, "charl_window_max_gradient", p, [None, x, dy], 0, w.held[x].sizes)


@writer("window_sum_gradient")
def _window_sum_gradient(w: FunctionWriter, s: Statement) -> None:
    dy, *given = s.operands
    images, channels, *outputs = w.held[dy].sizes
    sizes = [w.of(n) for n in given]
    g, window = _pooling(s, len(sizes))
    _demand_fit(w, g, sizes, window, outputs)
    p = _pool_windows(w, images, channels, zip(sizes, window, outputs), g)
    shape = [images, channels, *sizes]
    _run(w, s, "charl_window_sum_gradient", p, [None, None, dy], 0, shape)


def _pooling(s: Statement, n: int) -> tuple[Geometry, list[str]]:
    return geometry(s.attributes, n), [str(k) for k in per_axis(s.attributes["window"], n)]


def _pool_windows(
    w: FunctionWriter,
    images: str,
    channels: str,
    axes: Iterable[tuple[str, str, str]],
    g: Geometry,
) -> Windows:
    return Windows(times(w.text, [images, channels]), "1", "1", "1", tuple(axes), g)


# --- The call ------------------------------------------------------------------------------------


def _run(
    w: FunctionWriter,
    s: Statement,
    function: str,
    p: Windows,
    operands: Sequence[Value | None],
    made: int,
    sizes: Sequence[str],
    chunked: bool = False,
) -> None:
    """Calls the runtime. `operands` are x, w and y, `made` which of them is the result, of these
    sizes; with `chunked` there is room for its partial sums."""
    (result,) = s.results
    given = next(v for v in operands if v is not None)
    dtype, result_dtype = dtype_of(given.type), dtype_of(result.type)
    working = wide(dtype)
    c = RuntimeCall(w)
    pointers = [NOTHING] * 4
    for place, value in enumerate(operands):
        if value is not None:
            pointers[place] = c.read(value, reckons=True)
    pointers[made] = c.write(result, sizes, reckons=True)
    words = _describe(w, p, pointers, working)
    if chunked:
        call = w.declare("charl_conv_chunks", "i64", ["ptr"])
        chunks = w.text.let(f"call i64 {call}(ptr {words})")
        put_words(w, words, [c.room(working, [chunks, *sizes])], 3, "ptr")
    call = w.declare(function, "i32", ["ptr"])
    status = w.text.let(f"call i32 {call}(ptr {words})")
    no_memory_if(w, w.text.let(f"icmp ne i32 {status}, 0"), result_dtype, sizes)
    c.finish()


def _describe(w: FunctionWriter, p: Windows, pointers: Sequence[str], dtype: DType) -> str:
    words = w.text.alloca("i64", HEAD_WORDS + AXIS_WORDS * SPATIAL)
    put_words(w, words, pointers, 0, "ptr")
    g = p.geometry
    head = [str(KINDS.index(dtype.name)), p.images, p.groups, p.channels, p.filters]
    axes = ["1", "1", "1", "1", "0", "1"] * (SPATIAL - len(p.axes))
    for i, sizes in enumerate(p.axes):
        axes += [*sizes, *(str(n) for n in (g.strides[i], g.before[i], g.dilation[i]))]
    put_words(w, words, [*head, *axes], len(pointers))
    return words


# --- Sizes ---------------------------------------------------------------------------------------


def _outputs(w: FunctionWriter, g: Geometry, axis: int, size: str, window: str) -> str:
    """How many windows fit, zero or less where none does."""
    if size.isdecimal() and window.isdecimal():
        return str(g.outputs(axis, int(size), int(window)))
    dilation = g.dilation[axis]
    around = w.text.let(f"add i64 {size}, {g.before[axis] + g.after[axis] + dilation - 1}")
    extent = times(w.text, [window, str(dilation)])
    span = w.text.let(f"sub i64 {around}, {extent}")
    if g.strides[axis] != 1:
        call = w.declare("charl_floor_div_size", "i64", ["i64", "i64"])
        span = w.text.let(f"call i64 {call}(i64 {span}, i64 {g.strides[axis]})")
    return w.text.let(f"add i64 {span}, 1")


def _divided(w: FunctionWriter, size: str, by: int) -> str:
    if size.isdecimal():
        return str(int(size) // by)
    return size if by == 1 else w.text.let(f"udiv i64 {size}, {by}")


def _compared(w: FunctionWriter, how: str, x: str, y: str) -> str:
    """The bit of a comparison of sizes; `false` where it is known to be."""
    if x == y and how in ("ne", "slt"):
        return "false"
    if x.lstrip("-").isdecimal() and y.lstrip("-").isdecimal():
        a, b = int(x), int(y)
        return "true" if {"ne": a != b, "slt": a < b, "sle": a <= b}[how] else "false"
    return w.text.let(f"icmp {how} i64 {x}, {y}")
