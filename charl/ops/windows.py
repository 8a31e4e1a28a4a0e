"""Sliding windows: the geometry convolution and pooling share.

Images are [N, C, *spatial] with one to three spatial axes. `strides` and `dilation` are one integer
per spatial axis, or one for all; `padding` is one pair (before, after) per axis, flattened, or one
integer per axis, or one for all. A window of k elements, dilated by d, covers (k - 1) d + 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from charl.core.op import Kind, Parameter, RuleContext
from charl.ops.declare import combine, rank
from charl.ops.samples import Array
from charl.records import record
from charl.types.dims import Dim, Known
from charl.types.types import Typed

Attributes = Mapping[str, Any]
STRIDES = Parameter("strides", Kind.INTEGERS, default=(1,))
PADDING = Parameter("padding", Kind.INTEGERS, default=(0,))
DILATION = Parameter("dilation", Kind.INTEGERS, default=(1,))


@record
class Geometry:
    """Strides and dilation per spatial axis, padding before and after."""

    strides: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]
    dilation: tuple[int, ...]

    def extent(self, axis: int, size: Any) -> Any:
        """What a window of so many elements covers along an axis."""
        return (size - 1) * self.dilation[axis] + 1

    def outputs(self, axis: int, size: Any, window: Any) -> Any:
        """How many windows fit."""
        padded = size + self.before[axis] + self.after[axis]
        return (padded - self.extent(axis, window)) // self.strides[axis] + 1


def per_axis(given: Sequence[int] | int, n: int) -> tuple[int, ...]:
    values = (given,) if isinstance(given, int) else tuple(given)
    return values * n if len(values) == 1 else values


def geometry(attributes: Attributes, n: int) -> Geometry:
    """The geometry of n spatial axes; `check_geometry` has seen that the lengths fit."""
    padding = per_axis(attributes.get("padding", 0), n)
    if len(padding) == n:
        padding = tuple(p for p in padding for _ in range(2))
    return Geometry(
        per_axis(attributes.get("strides", 1), n),
        padding[0::2],
        padding[1::2],
        per_axis(attributes.get("dilation", 1), n),
    )


def check_geometry(ctx: RuleContext, name: str, x: Typed, attributes: Attributes) -> int:
    """The number of spatial axes, after everything written about them was found sound."""
    n = rank(x) - 2
    if not 1 <= n <= 3:
        ctx.fail(f"`{name}` works on [batch, channels, ...] with one to three more axes", (0,))
    for key, lengths in (("strides", (n,)), ("dilation", (n,)), ("padding", (n, 2 * n))):
        values = per_axis(attributes.get(key, 1), n)
        if len(values) not in lengths:
            ctx.fail(f"`{key}` of `{name}` needs {n} integers here, not {len(values)}", (0,))
        if min(values) < (0 if key == "padding" else 1):
            ctx.fail(f"`{key}` of `{name}` cannot contain {min(values)}", (0,))
    return n


def output_dim(ctx: RuleContext, g: Geometry, axis: int, size: Dim, window: Dim) -> Dim:
    def count(size: Known, window: Known) -> Known:
        result: Known = g.outputs(axis, size, window)
        return result

    dim = combine(ctx, "n", count, size, window)
    if isinstance(dim, int) and dim <= 0:
        ctx.fail(f"a window of {window} is larger than axis {axis + 2}, which has {size}", (0,))
    return dim


def padded(x: Array, g: Geometry, value: float = 0.0) -> Array:
    """x with its padding, as the windows see it."""
    if not any(g.before) and not any(g.after):
        return x
    spatial = x.shape[2:]
    shape = [p + s + q for p, s, q in zip(g.before, spatial, g.after)]
    result = np.full((*x.shape[:2], *shape), value, x.dtype)
    inside: Any = (..., *(slice(p, p + s) for p, s in zip(g.before, spatial)))
    result[inside] = x
    return result


def windows(x: Array, g: Geometry, window: Sequence[int]) -> Array:
    """The windows of a padded image, a view: [N, C, *outputs, *window]."""
    n = len(window)
    extents = tuple(g.extent(i, k) for i, k in enumerate(window))
    view = np.lib.stride_tricks.sliding_window_view(x, extents, tuple(range(2, 2 + n)))
    chosen = [slice(None, None, step) for step in (*g.strides, *g.dilation)]
    region: Any = (..., *chosen)
    result: Array = view[region]
    return result


def offsets(g: Geometry, window: Sequence[int], outputs: Sequence[int]) -> Any:
    """For every place in the window, its index and the slice of the padded image it covers."""
    for place in np.ndindex(*window):
        covered = tuple(
            slice(k * d, k * d + (o - 1) * s + 1, s)
            for k, d, o, s in zip(place, g.dilation, outputs, g.strides)
        )
        yield place, (..., *covered)


def unpadded(x: Array, g: Geometry, sizes: Sequence[int]) -> Array:
    inside: Any = (..., *(slice(p, p + s) for p, s in zip(g.before, sizes)))
    result: Array = x[inside]
    return result
