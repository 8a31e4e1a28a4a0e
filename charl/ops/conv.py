"""Convolution (cross-correlation, as the field uses the word) in one to three dimensions.

    y[n, o, p] = sum over c, k of x[n, c, p * stride + k * dilation - padding] * w[o, c, k]

x[N, C, *S], w[O, C / groups, *K], y[N, O, *P]. The operation is linear in x and in w; the three
primitives here are its two adjoints and itself, and each one's gradient is made of the others, so
derivatives of every order exist. On NumPy each is a matrix product of the patches ("im2col"),
made for a few images at a time so that they stay in the cache.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from charl.core.builder import Builder
from charl.core.ir import Value
from charl.core.op import Fault, Kind, Parameter, RuleContext, Sample
from charl.ops.contract import widened
from charl.ops.declare import Cotangents, combine, plain, rank, shape_of, size_dim, with_shape
from charl.ops.faults import shape_text
from charl.ops.samples import Array, draw, edge, sample, sliced, transposed
from charl.ops.shape import sizes_parameter
from charl.ops.windows import (
    DILATION,
    PADDING,
    STRIDES,
    Geometry,
    check_geometry,
    geometry,
    offsets,
    output_dim,
    padded,
    unpadded,
    windows,
)
from charl.types.types import Type, Typed

Attributes = Mapping[str, Any]
GROUPS = Parameter("groups", Kind.INTEGER, default=1)
SHAPING = (STRIDES, PADDING, DILATION, GROUPS)
PATCHES = 1 << 21  # elements of patches made at a time, about what a second-level cache holds


def _rows(y: Array, groups: int) -> Array:
    """[images, groups, channels of a group, places]."""
    places = int(np.prod(y.shape[2:]))
    return y.reshape(len(y), groups, y.shape[1] // groups, places)


def _of_groups(w: Array, groups: int) -> Array:
    """The filters as [groups, filters of a group, elements of one]."""
    return widened(w).reshape(groups, len(w) // groups, math.prod(w.shape[1:]))


def _patches(x: Array, g: Geometry, window: Sequence[int], groups: int) -> Iterator[Any]:
    """(images, their patches [images, groups, C / groups * K, P]) for a few images at a time."""
    n = len(window)
    view = windows(padded(x, g), g, window)
    order = (0, 1, *range(2 + n, 2 + 2 * n), *range(2, 2 + n))
    view = view.transpose(order)
    elements = int(np.prod(view.shape[1:], dtype=np.int64))
    step = max(1, PATCHES // max(elements, 1))
    rows = view.shape[1] // groups * int(np.prod(window))
    places = int(np.prod(view.shape[2 + n :], dtype=np.int64))
    for start in range(0, len(x), step):
        part = view[start : start + step]
        yield slice(start, start + step), part.reshape(len(part), groups, rows, places)


def check_channels(ctx: RuleContext, x: Typed, w: Typed, groups: int) -> None:
    if rank(w) != rank(x):
        ctx.fail("the filters of `conv` have as many axes as the images", (0, 1))
    per_group = combine(ctx, "C", lambda c: c * groups, shape_of(w)[1])
    why = "the filters of `conv` need as many input channels as the images have"
    ctx.equal(shape_of(x)[1], per_group, why, (0, 1))
    filters = shape_of(w)[0]
    if isinstance(filters, int) and filters % groups:
        ctx.fail(f"{filters} filters cannot be split into {groups} groups", (1,))


def _groups(ctx: RuleContext, attributes: Attributes) -> int:
    groups: int = attributes.get("groups", 1)
    if groups < 1:
        ctx.fail(f"`conv` cannot have {groups} groups")
    return groups


# --- conv ----------------------------------------------------------------------------------------


def _conv_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Attributes
) -> tuple[Type, ...]:
    x, w = operands
    n = check_geometry(ctx, "conv", x, attributes)
    check_channels(ctx, x, w, _groups(ctx, attributes))
    g = geometry(attributes, n)
    sizes, kernel = shape_of(x)[2:], shape_of(w)[2:]
    spatial = [output_dim(ctx, g, i, s, k) for i, (s, k) in enumerate(zip(sizes, kernel))]
    return (with_shape(x, (shape_of(x)[0], shape_of(w)[0], *spatial)),)


def _conv(x: Array, w: Array, groups: int = 1, **attributes: Any) -> Array:
    n = x.ndim - 2
    g = geometry(attributes, n)
    outputs = [g.outputs(i, s, k) for i, (s, k) in enumerate(zip(x.shape[2:], w.shape[2:]))]
    fits = x.shape[1] == w.shape[1] * groups and len(w) % groups == 0
    if not fits or min(outputs) <= 0 or min(w.shape[2:]) == 0:
        raise Fault("E0505", f"filters of {shape_text(w)} do not fit images of {shape_text(x)}")
    filters = _of_groups(w, groups)
    result = np.empty((len(x), groups, len(w) // groups, int(np.prod(outputs))), filters.dtype)
    for part, patches in _patches(widened(x), g, w.shape[2:], groups):
        np.matmul(filters, patches, out=result[part])
    return result.reshape(len(x), len(w), *outputs).astype(x.dtype, copy=False)


def _conv_gradient(
    b: Builder, dy: Value, x: Value, w: Value, y: Value, **attributes: Any
) -> Cotangents:
    return (
        b("conv_input_gradient", dy, w, *b.sizes(x)[2:], **attributes),
        b("conv_filter_gradient", x, dy, *b.sizes(w)[2:], **attributes),
    )


def shaping(
    strides: tuple[int, ...] = (1,),
    padding: tuple[int, ...] = (0,),
    dilation: tuple[int, ...] = (1,),
    groups: int = 1,
) -> dict[str, Any]:
    return {"strides": strides, "padding": padding, "dilation": dilation, "groups": groups}


def _conv_samples() -> Sequence[Sample]:
    x, w = draw(2, 3, 5, 6), draw(4, 3, 3, 2)
    return (
        sample(x, w, **shaping()),
        sample(x, w, **shaping((2, 1), (1, 1, 0, 2))),
        sample(x, w, **shaping((1,), (1,), (2, 1))),
        sample(sliced(draw(2, 4, 5, 5)), draw(6, 2, 3, 3), **shaping((2,), (1, 1), groups=2)),
        sample(transposed(draw(2, 3, 7)), draw(2, 3, 3), **shaping((2,))),
        sample(draw(1, 2, 3, 3, 3), draw(2, 2, 2, 2, 2), **shaping((1,), (0, 1, 0, 1, 0, 1))),
        sample(draw(2, 3, 4), draw(3, 1, 2), **shaping(groups=3)),
        sample(x[:0], w, **shaping()),
        sample(x[:, :, :1, :1], w[:, :, :1, :1], **shaping()),
        edge(x.astype("float32"), w.astype("float32"), **shaping((2,))),
        edge(x.astype("float16"), w.astype("float16"), **shaping()),
    )


plain(
    "conv",
    "The convolution of x[N, C, *S] with filters w[O, C / groups, *K], S of one to three axes, "
    "zero padding; axis i of the result has (S + before + after - (K - 1) * dilation - 1) // "
    "stride + 1 elements.",
    (Parameter("x", dtype="T:float"), Parameter("w", dtype="T:float"), *SHAPING),
    _conv_rule,
    _conv,
    gradient=_conv_gradient,
    samples=_conv_samples,
    warns=True,
)

# --- conv_input_gradient -------------------------------------------------------------------------


def _input_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Attributes
) -> tuple[Type, ...]:
    dy, w, *sizes = operands
    n = check_geometry(ctx, "conv_input_gradient", dy, attributes)
    if rank(w) != rank(dy) or len(sizes) != n:
        ctx.fail("the gradient of `conv` needs filters and sizes of its rank", (0, 1))
    why = "the gradient of `conv` needs one filter for every channel of the result"
    ctx.equal(shape_of(dy)[1], shape_of(w)[0], why, (0, 1))
    groups = _groups(ctx, attributes)
    channels = combine(ctx, "C", lambda c: c * groups, shape_of(w)[1])
    spatial = [size_dim(ctx, size) for size in sizes]
    return (with_shape(dy, (shape_of(dy)[0], channels, *spatial)),)


def _input_gradient(dy: Array, w: Array, *sizes: int, groups: int = 1, **attributes: Any) -> Array:
    n = dy.ndim - 2
    g = geometry(attributes, n)
    check_fit(g, sizes, w.shape[2:], dy.shape[2:])
    filters = np.swapaxes(_of_groups(w, groups), -1, -2)
    signal = _rows(widened(dy), groups)
    spread = [p + s + q for p, s, q in zip(g.before, sizes, g.after)]
    channels = w.shape[1] * groups
    result = np.zeros((len(dy), channels, *spread), filters.dtype)
    step = max(1, PATCHES // max(1, filters.size // groups * signal.shape[-1] * groups))
    for start in range(0, len(dy), step):
        part = slice(start, start + step)
        patches = np.matmul(filters, signal[part])
        patches = patches.reshape(len(patches), channels, *w.shape[2:], *dy.shape[2:])
        for place, covered in offsets(g, w.shape[2:], dy.shape[2:]):
            result[part][covered] += patches[(slice(None), slice(None), *place)]
    return unpadded(result, g, sizes).astype(dy.dtype, copy=False)


def check_fit(
    g: Geometry, sizes: Sequence[int], window: Sequence[int], outputs: Sequence[int]
) -> None:
    """Demand that the outputs are those of windows over images of these sizes."""
    for i, (s, k, o) in enumerate(zip(sizes, window, outputs)):
        if s < 0 or g.outputs(i, s, k) != o:
            raise Fault(
                "E0505", f"windows of {k} over {s} elements of axis {i + 2} do not give {o} results"
            )


def _input_gradient_gradient(
    b: Builder, g: Value, dy: Value, w: Value, *rest: Value, **attributes: Any
) -> Cotangents:
    return (
        b("conv", g, w, **attributes),
        b("conv_filter_gradient", g, dy, *b.sizes(w)[2:], **attributes),
        *(None for _ in rest[1:]),
    )


def _input_samples() -> Sequence[Sample]:
    w = draw(4, 3, 3, 2)
    return (
        sample(draw(2, 4, 3, 5), w, 5, 6, **shaping()),
        sample(draw(2, 4, 3, 7), w, 5, 6, **shaping((2, 1), (1, 1, 0, 2))),
        sample(draw(2, 6, 3, 3), draw(6, 2, 3, 3), 5, 5, **shaping((2,), (1,), groups=2)),
        sample(draw(2, 4, 2), draw(4, 3, 3), 6, **shaping((2,))),
        edge(draw(2, 4, 3, 5, dtype="float32"), w.astype("float32"), 5, 6, **shaping()),
    )


plain(
    "conv_input_gradient",
    "The gradient of `conv` with respect to x, of spatial sizes `sizes`; also known as the "
    "transposed convolution of dy[N, O, *P] with w[O, C / groups, *K].",
    (
        Parameter("dy", dtype="T:float"),
        Parameter("w", dtype="T:float"),
        sizes_parameter(),
        *SHAPING,
    ),
    _input_rule,
    _input_gradient,
    gradient=_input_gradient_gradient,
    samples=_input_samples,
    warns=True,
)

# --- conv_filter_gradient ------------------------------------------------------------------------


def _filter_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Attributes
) -> tuple[Type, ...]:
    x, dy, *sizes = operands
    n = check_geometry(ctx, "conv_filter_gradient", x, attributes)
    if rank(dy) != rank(x) or len(sizes) != n:
        ctx.fail("the gradient of `conv` needs results and sizes of its rank", (0, 1))
    why = "the gradient of `conv` needs as many results as images"
    ctx.equal(shape_of(x)[0], shape_of(dy)[0], why, (0, 1))
    groups = _groups(ctx, attributes)
    channels = combine(ctx, "C", lambda c: c // groups, shape_of(x)[1])
    spatial = [size_dim(ctx, size) for size in sizes]
    return (with_shape(x, (shape_of(dy)[1], channels, *spatial)),)


def _filter_gradient(x: Array, dy: Array, *sizes: int, groups: int = 1, **attributes: Any) -> Array:
    n = x.ndim - 2
    g = geometry(attributes, n)
    check_fit(g, x.shape[2:], sizes, dy.shape[2:])
    filters = dy.shape[1]
    signal = _rows(widened(dy), groups)
    shape = (groups, filters // groups, x.shape[1] // groups * int(np.prod(sizes)))
    result = np.zeros(shape, signal.dtype)
    for part, patches in _patches(widened(x), g, sizes, groups):
        places = len(patches) * patches.shape[-1]
        left = np.moveaxis(signal[part], 0, 2).reshape(*shape[:2], places)
        right = np.moveaxis(patches, 0, 2).reshape(groups, shape[2], places)
        result += np.matmul(left, np.swapaxes(right, -1, -2))
    return result.reshape(filters, x.shape[1] // groups, *sizes).astype(x.dtype, copy=False)


def _filter_gradient_gradient(
    b: Builder, g: Value, x: Value, dy: Value, *rest: Value, **attributes: Any
) -> Cotangents:
    return (
        b("conv_input_gradient", dy, g, *b.sizes(x)[2:], **attributes),
        b("conv", x, g, **attributes),
        *(None for _ in rest[1:]),
    )


def _filter_samples() -> Sequence[Sample]:
    x = draw(2, 3, 5, 6)
    return (
        sample(x, draw(2, 4, 3, 5), 3, 2, **shaping()),
        sample(x, draw(2, 4, 3, 7), 3, 2, **shaping((2, 1), (1, 1, 0, 2))),
        sample(draw(2, 4, 5, 5), draw(2, 6, 3, 3), 3, 3, **shaping((2,), (1,), groups=2)),
        sample(draw(2, 3, 6), draw(2, 4, 2), 3, **shaping((2,))),
        sample(draw(0, 3, 6), draw(0, 4, 2), 3, **shaping((2,))),
        edge(x.astype("float32"), draw(2, 4, 3, 5, dtype="float32"), 3, 2, **shaping()),
    )


plain(
    "conv_filter_gradient",
    "The gradient of `conv` with respect to w, of spatial sizes `sizes`, from x[N, C, *S] and "
    "dy[N, O, *P].",
    (
        Parameter("x", dtype="T:float"),
        Parameter("dy", dtype="T:float"),
        sizes_parameter(),
        *SHAPING,
    ),
    _filter_rule,
    _filter_gradient,
    gradient=_filter_gradient_gradient,
    samples=_filter_samples,
    surface=None,
    warns=True,
)
