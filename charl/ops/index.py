"""Indexing: elements chosen by integers and masks, and their adjoints.

Indices may be negative and then count from the end; out of bounds is E0501. `index` and its kin
take scalars on the leading axes; masks choose on the leading axes. Indexing by tensors of integers
stands in `gather.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from charl.core.builder import Builder
from charl.core.ir import Statement, Value
from charl.core.op import Elements, Fault, Kind, Parameter, RuleContext, Sample
from charl.ops.declare import (
    Cotangents,
    dtype_of,
    normal_axis,
    plain,
    rank,
    scalar,
    shape_of,
    size_dim,
    with_shape,
)
from charl.ops.faults import out_of_bounds, shape_text
from charl.ops.gather import AXIS, INDICES, in_bounds
from charl.ops.samples import Array, bits, draw, edge, sample, sliced, transposed, whole
from charl.ops.shape import X, check_sizes, sizes_parameter
from charl.types import dtypes
from charl.types.dims import Dim
from charl.types.types import Tensor, Type, Typed

Attributes = Mapping[str, Any]
INDEX = Parameter("indices", Kind.DIMS, dtype="int")

# --- Scalars on the leading axes -----------------------------------------------------------------


def _rest(ctx: RuleContext, x: Typed, indices: Sequence[Typed]) -> tuple[Dim, ...]:
    """The shape of one element of the leading axes that are indexed."""
    if len(indices) > rank(x):
        ctx.fail(f"a tensor of rank {rank(x)} cannot take {len(indices)} indices", (0,))
    return shape_of(x)[len(indices) :]


def _index_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Attributes
) -> tuple[Type, ...]:
    x, *indices = operands
    return (with_shape(x, _rest(ctx, x, indices)),)


def _bad_index(x: Array, indices: Sequence[int]) -> Fault:
    for axis, (i, n) in enumerate(zip(indices, x.shape)):
        if not -n <= i < n:
            return out_of_bounds(i, n, axis if x.ndim > 1 else None)
    raise AssertionError("every index is in bounds")


def _index(x: Array, *indices: int) -> Any:
    try:
        result = x[indices]
    except IndexError:
        raise _bad_index(x, indices) from None
    return result if isinstance(result, np.ndarray) and result.ndim else scalar(np.asarray(result))


def _index_specialised(kinds: Sequence[Type], given: Attributes) -> Callable[..., Any]:
    """One element of an int, bool or float64 tensor straight to a Python scalar."""
    kind = kinds[0]
    assert isinstance(kind, Tensor) and isinstance(kind.dtype, dtypes.DType)
    whole_index = len(kinds) - 1 == len(kind.shape)
    pythonic = not kind.dtype.is_float or kind.dtype == dtypes.FLOAT64

    def item(x: Array, *indices: int) -> Any:
        try:
            return x.item(*indices)
        except IndexError:
            raise _bad_index(x, indices) from None

    def part(x: Array, *indices: int) -> Any:
        try:
            return x[indices]
        except IndexError:
            raise _bad_index(x, indices) from None

    return item if whole_index and pythonic else part


def _index_element(k: Elements, s: Statement, index: Sequence[Value]) -> Value:
    x, *indices = s.operands
    leading = [in_bounds(k, i, k.size(x, axis)) for axis, i in enumerate(indices)]
    return k.element(x, (*leading, *index))


def _index_gradient(b: Builder, dy: Value, x: Value, *rest: Value) -> Cotangents:
    *indices, _ = rest
    return (b("index_add", b.zeros_like(x), dy, *indices), *(None for _ in indices))


def _index_samples() -> Sequence[Sample]:
    x = draw(3, 4)
    return (
        sample(x, 1),
        sample(x, -1, 2),
        sample(transposed(x), 2, -4),
        sample(sliced(x), 2),
        sample(draw(1), 0),
        sample(draw(2, 0), 1),
        edge(whole(3, dtype="int8"), 2),
        edge(bits(3), 1),
        edge(x.astype("float32"), 0, 0),
    )


plain(
    "index",
    "x[i, j, ...]: integers on the leading axes, which disappear.",
    (X, INDEX),
    _index_rule,
    _index,
    gradient=_index_gradient,
    samples=_index_samples,
    surface=None,
    specialise=_index_specialised,
    element=_index_element,
)


def _index_into_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Attributes
) -> tuple[Type, ...]:
    x, value, *indices = operands
    rest = _rest(ctx, x, indices)
    why = "what is put into a tensor must have the shape of the place"
    if len(rest) != rank(value):
        ctx.fail(why, (0, 1))
    for m, n in zip(rest, shape_of(value)):
        ctx.equal(m, n, why, (0, 1))
    return (x.type,)


def _index_update_in_place(x: Array, value: Any, *indices: int) -> Array:
    try:
        x[indices] = value
    except IndexError:
        raise _bad_index(x, indices) from None
    return x


def _index_update(x: Array, value: Any, *indices: int) -> Array:
    return _index_update_in_place(x.copy(), value, *indices)


def _index_update_gradient(
    b: Builder, dy: Value, x: Value, value: Value, *rest: Value
) -> Cotangents:
    *indices, _ = rest
    dx = b("index_update", dy, b.zeros_like(value), *indices)
    return (dx, b("index", dy, *indices), *(None for _ in indices))


def _index_add_in_place(x: Array, value: Any, *indices: int) -> Array:
    try:
        x[indices] += value
    except IndexError:
        raise _bad_index(x, indices) from None
    return x


def _index_add(x: Array, value: Any, *indices: int) -> Array:
    return _index_add_in_place(x.copy(), value, *indices)


def _index_add_gradient(b: Builder, dy: Value, x: Value, value: Value, *rest: Value) -> Cotangents:
    *indices, _ = rest
    return (dy, b("index", dy, *indices), *(None for _ in indices))


def _index_into_samples() -> Sequence[Sample]:
    x = draw(3, 4)
    return (
        sample(x, draw(4), 1),
        sample(x, 0.5, -1, 2),
        sample(transposed(x), draw(4), -3),
        sample(draw(1), 0.5, 0),
        sample(x, draw(4, 3).T),
        edge(whole(3, dtype="int8"), 5, 2),
        edge(x.astype("float32"), np.float32(2), 0, 0),
    )


plain(
    "index_update",
    "x with x[i, j, ...] replaced by `value`.",
    (X, Parameter("value"), INDEX),
    _index_into_rule,
    _index_update,
    gradient=_index_update_gradient,
    samples=lambda: (*_index_into_samples(), edge(bits(3), True, 1)),
    surface=None,
    in_place=_index_update_in_place,
)
plain(
    "index_add",
    "x with `value` added to x[i, j, ...].",
    (Parameter("x", dtype="T:number"), Parameter("value", dtype="T:number"), INDEX),
    _index_into_rule,
    _index_add,
    gradient=_index_add_gradient,
    samples=_index_into_samples,
    surface=None,
    in_place=_index_add_in_place,
    warns=True,
)

# --- Masks ---------------------------------------------------------------------------------------

MASK = Parameter("mask", dtype="bool")


def _mask_select_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Attributes
) -> tuple[Type, ...]:
    x, mask = operands
    n = rank(mask)
    why = "a mask must have the sizes of the leading axes"
    if n == 0 or n > rank(x):
        ctx.fail(why, (0, 1))
    for m, k in zip(shape_of(x), shape_of(mask)):
        ctx.equal(m, k, why, (0, 1))
    return (with_shape(x, (ctx.unknown("n"), *shape_of(x)[n:])),)


def _mask_select(x: Array, mask: Array) -> Array:
    if x.shape[: mask.ndim] != mask.shape:
        raise Fault("E0505", f"a mask of {shape_text(mask)} does not fit {shape_text(x)}")
    return x[mask]


def _mask_select_gradient(b: Builder, dy: Value, x: Value, mask: Value, y: Value) -> Cotangents:
    return b("mask_scatter", dy, mask), None


def _mask_select_samples() -> Sequence[Sample]:
    x = draw(3, 4)
    return (
        sample(x, bits(3, 4)),
        sample(transposed(x), np.array([True, False, True])),
        sample(x, np.zeros((3, 4), bool)),
        sample(x[:0], bits(0)),
        edge(whole(3, dtype="int8"), bits(3)),
    )


plain(
    "mask_select",
    "The elements of x where the mask on its leading axes holds, in order: [?, rest].",
    (X, MASK),
    _mask_select_rule,
    _mask_select,
    gradient=_mask_select_gradient,
    samples=_mask_select_samples,
    surface=None,
)


def _mask_scatter_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Attributes
) -> tuple[Type, ...]:
    values, mask = operands
    if rank(values) == 0 or rank(mask) == 0:
        ctx.fail("a mask and its values are tensors", (0, 1))
    return (with_shape(values, (*shape_of(mask), *shape_of(values)[1:])),)


def _mask_scatter(values: Array, mask: Array) -> Array:
    holds = int(np.count_nonzero(mask))
    if holds != len(values):
        raise Fault("E0505", f"a mask with {holds} places does not fit {len(values)} values")
    result = np.zeros((*mask.shape, *values.shape[1:]), values.dtype)
    result[mask] = values
    return result


def _mask_scatter_gradient(
    b: Builder, dy: Value, values: Value, mask: Value, y: Value
) -> Cotangents:
    chosen = b("mask_select", dy, mask)  # as many as there are values, which its type cannot say
    return b("reshape", chosen, *b.sizes(values)), None


def _mask_scatter_samples() -> Sequence[Sample]:
    mask = np.array([[True, False, True], [False, False, True]])
    return (
        sample(draw(3), mask),
        sample(draw(2, 4), np.array([True, False, True])),
        sample(draw(0, 4), np.array([False, False])),
    )


plain(
    "mask_scatter",
    "The values in order where the mask holds, zero elsewhere: the adjoint of `mask_select`.",
    (Parameter("values"), MASK),
    _mask_scatter_rule,
    _mask_scatter,
    gradient=_mask_scatter_gradient,
    samples=_mask_scatter_samples,
    surface=None,
)


def _nonzero_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Attributes
) -> tuple[Type, ...]:
    return (Tensor(dtypes.INT64, (ctx.unknown("n"), rank(operands[0]))),)


plain(
    "nonzero",
    "The indices of the places where the mask holds, one row per place: int64[?, rank].",
    (MASK,),
    _nonzero_rule,
    lambda mask: np.argwhere(mask),
    no_gradient="its result is indices",
    samples=lambda: (edge(bits(3, 4)), edge(bits(7)), edge(bits(0))),
)

# --- From integers -------------------------------------------------------------------------------


def _one_hot_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Attributes
) -> tuple[Type, ...]:
    indices, depth = operands
    if rank(depth):
        ctx.fail("the depth of `one_hot` is one integer", (1,))
    shape = (*shape_of(indices), size_dim(ctx, depth, "depth"))
    return (Tensor(attributes.get("dtype", dtypes.FLOAT32), shape),)


def _one_hot(indices: Any, depth: int, dtype: dtypes.DType = dtypes.FLOAT32) -> Array:
    check_sizes((depth,))
    places = np.asarray(indices, np.int64)
    if places.size and (places.min() < 0 or places.max() >= depth):
        wrong = int(places[(places < 0) | (places >= depth)].flat[0])
        raise Fault("E0501", f"class {wrong} is out of bounds for {depth} classes")
    result = np.zeros((places.size, depth), dtype.numpy)
    result[np.arange(places.size), places.ravel()] = 1
    return result.reshape(*places.shape, depth)


def _one_hot_element(k: Elements, s: Statement, index: Sequence[Value]) -> Value:
    indices, depth = s.operands
    place = k("cast", k.element(indices, index[:-1]), dtype=dtypes.INT64)
    k.check(k("and", k("ge", place, 0), k("lt", place, depth)), index[:-1])
    return k("cast", k("eq", place, index[-1]), dtype=dtype_of(s.results[0]))


plain(
    "one_hot",
    "For every index a row of `depth` elements, 1 at the index and 0 elsewhere; float32 unless "
    "`dtype` says another.",
    (
        INDICES,
        Parameter("depth", dtype="int64"),
        Parameter("dtype", Kind.DTYPE, default=dtypes.FLOAT32),
    ),
    _one_hot_rule,
    _one_hot,
    element=_one_hot_element,
    no_gradient="it depends on integers only",
    samples=lambda: (
        edge(whole(2, 3, low=0, high=4), 4, dtype=dtypes.FLOAT32),
        edge(whole(5, low=0, high=3, dtype="int8"), 3, dtype=dtypes.INT64),
        edge(2, 3, dtype=dtypes.FLOAT64),
        edge(whole(0), 3, dtype=dtypes.BOOL),
    ),
)


def _iota_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Attributes
) -> tuple[Type, ...]:
    normal_axis(ctx, attributes.get("axis", 0), len(operands))
    shape = tuple(size_dim(ctx, size) for size in operands)
    return (Tensor(attributes.get("dtype", dtypes.INT64), shape),)


def _iota(*sizes: int, axis: int = 0, dtype: dtypes.DType = dtypes.INT64) -> Array:
    check_sizes(sizes)
    axis %= len(sizes)
    counted = np.arange(sizes[axis]).astype(dtype.numpy)
    if len(sizes) == 1:
        return counted
    return np.broadcast_to(counted.reshape([-1] + [1] * (len(sizes) - 1 - axis)), sizes)


def _iota_element(k: Elements, s: Statement, index: Sequence[Value]) -> Value:
    axis = s.attributes.get("axis", 0) % len(s.operands)
    return k("cast", index[axis], dtype=dtype_of(s.results[0]))


plain(
    "iota",
    "Every element is its own index along an axis: 0, 1, 2, ...; int64 unless `dtype` says "
    "another.",
    (sizes_parameter(), AXIS, Parameter("dtype", Kind.DTYPE, default=dtypes.INT64)),
    _iota_rule,
    _iota,
    no_gradient="it depends on integers only",
    element=_iota_element,
    samples=lambda: (
        edge(5, axis=0, dtype=dtypes.INT64),
        edge(2, 3, axis=1, dtype=dtypes.FLOAT32),
        edge(2, 3, 4, axis=-2, dtype=dtypes.INT8),
        edge(0, 3, axis=1, dtype=dtypes.FLOAT64),
    ),
)
