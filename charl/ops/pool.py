"""Pooling: maxima and sums over sliding windows of x[N, C, *S], one to three spatial axes.

Padding counts as nothing: -infinity to a maximum, zero to a sum. `window_argmax` says where a
maximum stands, so that gradients of every order move along known indices.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from charl.core.builder import Builder
from charl.core.ir import Value
from charl.core.op import Fault, Kind, Parameter, RuleContext, Sample
from charl.ops.declare import Cotangents, plain, rank, shape_of, size_dim, tensor, with_shape
from charl.ops.faults import shape_text
from charl.ops.reduce import product
from charl.ops.samples import Array, draw, edge, sample, transposed
from charl.ops.shape import sizes_parameter
from charl.ops.windows import (
    PADDING,
    Geometry,
    check_geometry,
    geometry,
    offsets,
    output_dim,
    padded,
    per_axis,
    unpadded,
)
from charl.types import dtypes
from charl.types.types import Tensor, Type, Typed

Attributes = Mapping[str, Any]
X = Parameter("x", dtype="T:float")
SHAPING = (
    Parameter("window", Kind.INTEGERS),
    Parameter("strides", Kind.INTEGERS, default=(1,)),
    PADDING,
)


def _check(ctx: RuleContext, name: str, x: Typed, attributes: Attributes) -> tuple[int, ...]:
    """The window, after everything written about it was found sound."""
    n = check_geometry(ctx, name, x, attributes)
    window = per_axis(attributes["window"], n)
    if len(window) != n or min(window) < 1:
        ctx.fail(f"the window of `{name}` needs {n} positive integers here", (0,))
    g = geometry(attributes, n)
    for k, before, after in zip(window, g.before, g.after):
        if max(before, after) >= k:
            ctx.fail(f"padding of {max(before, after)} could fill a whole window of {k}", (0,))
    return window


def _pooled(result: dtypes.DType | None, name: str) -> Any:
    def rule(
        ctx: RuleContext, operands: Sequence[Typed], attributes: Attributes
    ) -> tuple[Type, ...]:
        x = operands[0]
        window = _check(ctx, name, x, attributes)
        g = geometry(attributes, len(window))
        spatial = [
            output_dim(ctx, g, i, s, k) for i, (s, k) in enumerate(zip(shape_of(x)[2:], window))
        ]
        shape = (*shape_of(x)[:2], *spatial)
        return (with_shape(x, shape) if result is None else Tensor(result, shape),)

    return rule


def _outputs(x: Array, g: Geometry, window: Sequence[int]) -> list[int]:
    counts = [g.outputs(i, s, k) for i, (s, k) in enumerate(zip(x.shape[2:], window))]
    if min(counts) <= 0:
        raise Fault("E0505", f"a window of {list(window)} does not fit {shape_text(x)}")
    return counts


# --- Maxima --------------------------------------------------------------------------------------


def _window_max(x: Array, window: Any, **attributes: Any) -> Array:
    """One pass per place in the window, each a maximum of whole images."""
    g, window = geometry(attributes, x.ndim - 2), per_axis(window, x.ndim - 2)
    outputs = _outputs(x, g, window)
    image = padded(x, g, -np.inf)
    best: Array | None = None
    for _, covered in offsets(g, window, outputs):
        part = image[covered]
        best = part.copy() if best is None else np.maximum(best, part, out=best)
    assert best is not None
    return best


def _window_argmax(x: Array, window: Any, **attributes: Any) -> Array:
    g, window = geometry(attributes, x.ndim - 2), per_axis(window, x.ndim - 2)
    outputs = _outputs(x, g, window)
    image = padded(x, g, -np.inf)
    spatial = x.shape[2:]
    strides = np.cumprod((1, *spatial[:0:-1]))[::-1]
    starts = np.zeros(outputs, np.int64)  # the flat index of each window's first place
    for i, (o, s, p, stride) in enumerate(zip(outputs, g.strides, g.before, strides)):
        shape = [-1 if j == i else 1 for j in range(len(outputs))]
        starts += ((np.arange(o) * s - p) * stride).reshape(shape)
    best: Array | None = None
    where = np.zeros((*x.shape[:2], *outputs), np.int64)
    for place, covered in offsets(g, window, outputs):
        part = image[covered]
        index = starts + int(np.dot(place, strides))
        if best is None:
            best = part.copy()
            where[...] = index
            inside = _inside(g, place, outputs, spatial)
            found = np.broadcast_to(inside, where.shape).copy()
            continue
        # The first of equals; a NaN beats all, the first NaN included; padding never wins.
        better = (part > best) | (np.isnan(part) & ~np.isnan(best)) | ~found
        better &= _inside(g, place, outputs, spatial)
        found |= better
        best = np.where(better, part, best)
        where = np.where(better, index, where)
    return where


def _inside(
    g: Geometry, place: Sequence[int], outputs: Sequence[int], sizes: Sequence[int]
) -> Array:
    """For every window, whether this place of it is in the image and not in the padding."""
    inside = np.ones(tuple(outputs), bool)
    for i, (k, o, n) in enumerate(zip(place, outputs, sizes)):
        at = np.arange(o) * g.strides[i] + k - g.before[i]
        shape = [-1 if j == i else 1 for j in range(len(outputs))]
        inside &= ((at >= 0) & (at < n)).reshape(shape)
    return inside


def _max_gradient(b: Builder, dy: Value, x: Value, y: Value, **attributes: Any) -> Cotangents:
    return (b("window_max_gradient", x, dy, **attributes),)


def _samples() -> Sequence[Sample]:
    x = draw(2, 3, 5, 6)

    def shaped(window: Any, strides: Any = (1,), padding: Any = (0,)) -> dict[str, Any]:
        return {"window": window, "strides": strides, "padding": padding}

    return (
        sample(x, **shaped((2, 2), (2, 2))),
        sample(x, **shaped((3, 2), (1, 2), (1, 1, 0, 1))),
        sample(transposed(x), **shaped((2,))),
        sample(draw(2, 1, 7), **shaped((3,), (2,), (1,))),
        sample(draw(1, 1, 3, 3, 3), **shaped((2, 2, 2))),
        sample(x[:0], **shaped((2,))),
        sample(x[:1, :1, :1, :1], **shaped((1,))),
        edge(np.round(x), **shaped((2, 2), (1,))),
        edge(x.astype("float32"), **shaped((3,), (2,), (1,))),
        edge(np.where(x > 1, np.nan, x), **shaped((2, 2))),
    )


plain(
    "window_max",
    "The maxima over windows of x[N, C, *S].",
    (X, *SHAPING),
    _pooled(None, "window_max"),
    _window_max,
    gradient=_max_gradient,
    samples=_samples,
    warns=True,
)
plain(
    "window_argmax",
    "Where the first maximum of every window stands, as a row-major index into the spatial axes; "
    "int64.",
    (X, *SHAPING),
    _pooled(dtypes.INT64, "window_argmax"),
    _window_argmax,
    no_gradient="its result is an index",
    samples=lambda: [edge(*s.operands, **s.attributes) for s in _samples()],
    surface=None,
    warns=True,
)


def _max_gradient_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Attributes
) -> tuple[Type, ...]:
    x, dy = operands
    _check(ctx, "window_max_gradient", x, attributes)
    if rank(dy) != rank(x):
        ctx.fail("the gradient of a pooling has the rank of the images", (0, 1))
    return (tensor(x),)


def _window_max_gradient(x: Array, dy: Array, window: Any, **attributes: Any) -> Array:
    places = _window_argmax(x, window, **attributes)
    images, spatial = x.shape[0] * x.shape[1], int(np.prod(x.shape[2:]))
    flat = (
        places.reshape(images, int(np.prod(dy.shape[2:]))) + (np.arange(images) * spatial)[:, None]
    )
    result = np.zeros(images * spatial, x.dtype)
    np.add.at(result, flat.ravel(), dy.ravel())
    return result.reshape(x.shape)


def _max_gradient_gradient(
    b: Builder, g: Value, x: Value, dy: Value, y: Value, **attributes: Any
) -> Cotangents:
    """Linear in dy; x only says where the maxima stand."""
    places = b("window_argmax", x, **attributes)
    rows, columns = b.sizes(x)[:2], b.sizes(places)[2:]
    flat = b("reshape", g, *rows, product(b, b.sizes(x)[2:]))
    at = b("reshape", places, *rows, product(b, columns))
    taken = b("take_along", flat, at, axis=2)
    return None, b("reshape", taken, *b.sizes(dy))


def _max_gradient_samples() -> Sequence[Sample]:
    found = []
    for s in _samples():
        (x,) = s.operands
        shape = _window_max(x, **s.attributes).shape
        found.append(Sample((x, draw(*shape).astype(x.dtype)), s.attributes, s.smooth))
    return found


plain(
    "window_max_gradient",
    "The gradient of `window_max`: dy added where the first maximum of its window stands.",
    (X, Parameter("dy", dtype="T:float"), *SHAPING),
    _max_gradient_rule,
    _window_max_gradient,
    gradient=_max_gradient_gradient,
    samples=_max_gradient_samples,
    surface=None,
    warns=True,
)

# --- Sums ----------------------------------------------------------------------------------------


def _window_sum(x: Array, window: Any, **attributes: Any) -> Array:
    g, window = geometry(attributes, x.ndim - 2), per_axis(window, x.ndim - 2)
    outputs = _outputs(x, g, window)
    image = padded(x, g)
    total = np.zeros((*x.shape[:2], *outputs), np.float32 if x.dtype.itemsize == 2 else x.dtype)
    for _, covered in offsets(g, window, outputs):
        total += image[covered]
    return total.astype(x.dtype, copy=False)


plain(
    "window_sum",
    "The sums over windows of x[N, C, *S].",
    (X, *SHAPING),
    _pooled(None, "window_sum"),
    _window_sum,
    gradient=lambda b, dy, x, y, **attributes: (
        b("window_sum_gradient", dy, *b.sizes(x)[2:], **attributes),
    ),
    samples=_samples,
    warns=True,
)


def _sum_gradient_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Attributes
) -> tuple[Type, ...]:
    dy, *sizes = operands
    _check(ctx, "window_sum_gradient", dy, attributes)
    return (with_shape(dy, (*shape_of(dy)[:2], *(size_dim(ctx, size) for size in sizes))),)


def _window_sum_gradient(dy: Array, *sizes: int, window: Any, **attributes: Any) -> Array:
    g, window = geometry(attributes, dy.ndim - 2), per_axis(window, dy.ndim - 2)
    spread = [p + s + q for p, s, q in zip(g.before, sizes, g.after)]
    result = np.zeros((*dy.shape[:2], *spread), dy.dtype)
    for _, covered in offsets(g, window, dy.shape[2:]):
        result[covered] += dy
    return unpadded(result, g, sizes)


def _sum_gradient_samples() -> Sequence[Sample]:
    found = []
    for s in _samples():
        (x,) = s.operands
        shape = _window_sum(x, **s.attributes).shape
        dy = draw(*shape).astype(x.dtype)
        found.append(Sample((dy, *x.shape[2:]), s.attributes, s.smooth))
    return found


plain(
    "window_sum_gradient",
    "The gradient of `window_sum`: every element of dy added to all places of its window, in "
    "images of spatial sizes `sizes`.",
    (Parameter("dy", dtype="T:float"), sizes_parameter(), *SHAPING),
    _sum_gradient_rule,
    _window_sum_gradient,
    gradient=lambda b, g, dy, *rest, **attributes: (
        b("window_sum", g, **attributes),
        *(None for _ in rest[1:]),
    ),
    samples=_sum_gradient_samples,
    surface=None,
    warns=True,
)
