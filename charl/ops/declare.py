"""Small constructors for declarations: what most primitives share is said here once.

`elementwise` makes the rule, the scalar fast paths, the dtype checks and the gradient's bookkeeping
of an elementwise primitive from a table of small functions; `plain` does the same for anything
else, given a rule. A gradient here is a function

    gradient(b, dy, *operands, y, **attributes) -> cotangents of the operands, None for no cotangent

and may ignore that a rank-0 operand was stretched: the constructor sums its cotangent.

Evaluation has three shapes of operands. Arrays go to `array`. Python scalars (all ints, bool and
float64) go to plain Python functions, because a NumPy call costs ten times as much: `ints(dtype)`
makes one for a width, with its overflow check. Scalars of the narrow float dtypes go to `narrow`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from charl.core.builder import Builder
from charl.core.ir import Statement, Value
from charl.core.op import (
    Effect,
    Element,
    Elements,
    Gradient,
    Op,
    Parameter,
    Rule,
    RuleContext,
    Sample,
    declare,
)
from charl.types import dtypes, types
from charl.types.dims import Dim, Known, Unknown
from charl.types.dtypes import DType
from charl.types.types import DTypeVariable, GenericTensor, Tensor, Type, Typed

Cotangents = Sequence[Value | None]
SAME = ""  # a surface name equal to the op's
LEVELS = "it is constant between its jumps"


# --- Reading operand types -----------------------------------------------------------------------


def tensor(operand: Typed) -> Tensor | GenericTensor:
    """The operand's type, which the parameter list has promised to be a tensor."""
    type = operand.type
    assert isinstance(type, Tensor | GenericTensor), type
    return type


def shape_of(operand: Typed) -> tuple[Dim, ...]:
    return tensor(operand).shape


def rank(operand: Typed) -> int:
    return len(tensor(operand).shape)


def with_shape(operand: Typed, shape: Sequence[Dim]) -> Type:
    """The type of a tensor like the operand but of another shape."""
    match operand.type:
        case Tensor(dtype, _):
            return Tensor(dtype, tuple(shape))
        case GenericTensor(parameter, _):
            return GenericTensor(parameter, tuple(shape))
    raise AssertionError(operand.type)


def is_float(value: Typed) -> bool:
    """Whether a Core value has a cotangent of its own type."""
    type = value.type
    return isinstance(type, Tensor) and isinstance(type.dtype, DType) and type.dtype.is_float


def dtype_of(value: Value) -> DType:
    assert isinstance(value.type, Tensor) and isinstance(value.type.dtype, DType)
    return value.type.dtype


def size_dim(ctx: RuleContext, operand: Typed, name: str = "n") -> Dim:
    """The dim an int64 scalar operand stands for; a fresh one when only the run knows it."""
    dim = operand.dim
    return ctx.unknown(name) if dim is None or isinstance(dim, Unknown) else dim


def combine(ctx: RuleContext, name: str, compute: Callable[..., Known], *parts: Dim) -> Dim:
    """A dim computed from others; unknown when one of them is."""
    known = [part for part in parts if not isinstance(part, Unknown)]
    return compute(*known) if len(known) == len(parts) else ctx.unknown(name)


def normal_axis(ctx: RuleContext, axis: int, rank: int, what: str = "axis") -> int:
    """An axis counted from the front."""
    if not -rank <= axis < rank:
        known = f"axes 0 to {rank - 1}" if rank else "no axes"
        ctx.fail(f"{what} {axis} does not exist: the tensor has {known}", (0,))
    return axis % rank


# --- Operand dtypes ------------------------------------------------------------------------------

_CLASSES: dict[str, tuple[Callable[[DType], bool] | None, str]] = {
    "any": (lambda d: True, "any elements"),
    "number": (lambda d: d.is_number, "numbers"),
    "float": (lambda d: d.is_float, "floats"),
    "int": (lambda d: d.is_int, "integers"),
    "bool": (lambda d: d.kind == "bool", "booleans"),
}


def check_dtypes(
    ctx: RuleContext, shown: str, parameters: Sequence[Parameter], operands: Sequence[Typed]
) -> None:
    """Demand the dtype classes of the parameters, and equal dtypes where a letter is shared."""
    shared: dict[str, DType] = {}
    for position, operand in enumerate(operands):
        parameter = parameters[min(position, len(parameters) - 1)]
        dtype = getattr(operand.type, "dtype", None)
        if isinstance(dtype, DTypeVariable):
            dtype = types.resolve_dtype(dtype)
        if not isinstance(dtype, DType):
            continue
        letter, _, name = parameter.dtype.rpartition(":")
        accepts, plural = _CLASSES.get(name, (None, name))
        if not (dtype.name == name if accepts is None else accepts(dtype)):
            ctx.fail(f"`{shown}` works on {plural}, not on {dtype}", (position,))
        if letter and shared.setdefault(letter, dtype) != dtype:
            ctx.fail(
                f"`{shown}` needs operands of one dtype, not {shared[letter]} and {dtype}",
                (position,),
            )


# --- Evaluation ----------------------------------------------------------------------------------


def quiet(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with NumPy's floating-point warnings off: floats follow IEEE silently."""

    def evaluate(*operands: Any, **attributes: Any) -> Any:
        with np.errstate(all="ignore"):
            return function(*operands, **attributes)

    return evaluate


def scalar(value: Any) -> Any:
    """A rank-0 result as the interpreter holds it: Python's, or NumPy's of a narrow float."""
    return value.item() if value.dtype.char in "dqlib?h" else value[()]


def value_of(array: Any) -> Any:
    """An array of any rank as a value of the interpreter."""
    return array if array.ndim else scalar(array)


def array_of(value: Any, dtype: DType) -> np.ndarray[Any, Any]:
    """A value of the interpreter as an array."""
    return np.asarray(value, dtype.numpy)


# --- Elementwise ---------------------------------------------------------------------------------


def elementwise(
    name: str,
    doc: str,
    array: Callable[..., Any],
    *,
    operands: Sequence[str] = ("x",),
    dtype: str | Sequence[str] = "number",
    result: DType | None = None,
    symbol: str = "",
    ints: Callable[[DType], Callable[..., Any]] | None = None,
    float64: Callable[..., Any] | None = None,
    narrow: Callable[..., Any] | None = None,
    bools: Callable[..., Any] | None = None,
    gradient: Callable[..., Cotangents] | None = None,
    no_gradient: str = "",
    samples: Callable[[], Sequence[Sample]],
    surface: str | None = SAME,
    attributes: Sequence[Parameter] = (),
    dim: Callable[..., Dim | None] | None = None,
    cost: int = 1,
) -> Op:
    """Declare an elementwise primitive.

    `dtype` is a class all operands share, or one Parameter dtype per operand; the result has the
    dtype of the operands unless `result` says another. `symbol` is the operator users see.
    NumPy's ufuncs whose result has the operands' dtype can also work in place.
    """
    classes = [f"T:{dtype}"] * len(operands) if isinstance(dtype, str) else dtype
    parameters = tuple(Parameter(o, dtype=c) for o, c in zip(operands, classes, strict=True))
    leading = next((i for i, c in enumerate(classes) if c.startswith("T:")), 0)
    shown = symbol or surface or name

    def rule(
        ctx: RuleContext, values: Sequence[Typed], given: Mapping[str, Any]
    ) -> tuple[Type, ...]:
        check_dtypes(ctx, shown, parameters, values)
        shape = common_shape(ctx, shown, values)
        if result is not None:
            return (Tensor(result, shape),)
        return (with_shape(values[leading], shape),)

    def specialise(kinds: Sequence[Type], given: Mapping[str, Any]) -> Callable[..., Any]:
        tensors = [kind for kind in kinds if isinstance(kind, Tensor)]
        dtype = tensors[leading].dtype
        assert isinstance(dtype, DType)
        if not any(kind.shape for kind in tensors):
            chosen = for_scalars(dtype)
        elif any(kind.shape for kind in tensors[leading:]):
            chosen = array
        else:  # only a condition has a shape, and Python ints do not say their width
            made = dtype.numpy.type
            chosen = lambda c, *values: array(c, *(made(v) for v in values))  # noqa: E731
        return partial(chosen, **given) if given else chosen

    def for_scalars(kind: DType) -> Callable[..., Any]:
        if kind.is_int and ints is not None:
            return ints(kind)
        if kind == dtypes.FLOAT64 and float64 is not None:
            return float64
        if kind.kind == "bool" and bools is not None:
            return bools
        if narrow is not None:
            return narrow
        if isinstance(array, np.ufunc) and result is None:
            return array
        return lambda *values, **given: scalar(np.asarray(array(*values, **given)))

    def evaluate(*values: Any, **given: Any) -> Any:
        if any(isinstance(v, np.ndarray) and v.ndim for v in values):
            return array(*values, **given)
        return for_scalars(scalar_dtype(values[leading]))(*values, **given)

    parameters_all = parameters + tuple(attributes)
    return declare(
        Op(
            name=name,
            doc=doc,
            parameters=parameters_all,
            rule=rule,
            evaluate=quiet(evaluate),
            gradient=unstretching(gradient) if gradient is not None else None,
            no_gradient=no_gradient,
            samples=samples,
            surface=name if surface == SAME else surface,
            elementwise=True,
            dim=dim,
            in_place=overwriting(array) if result is None else None,
            specialise=specialise,
            element=element_by_element,
            cost=cost,
        )
    )


def element_by_element(k: Elements, statement: Statement, index: Sequence[Value]) -> Value:
    """An element of an elementwise result: the op on the elements of its operands."""
    elements = [k.element(v, index if rank(v) else ()) for v in statement.operands]
    return k(statement.op.name, *elements, **statement.attributes)


def overwriting(array: Callable[..., Any]) -> Callable[..., Any] | None:
    """A ufunc that puts its result into its first operand."""
    if not isinstance(array, np.ufunc):
        return None
    if array.nin == 1:
        return lambda a: array(a, out=a)
    return lambda a, b: array(a, b, out=a)


def common_shape(ctx: RuleContext, shown: str, operands: Sequence[Typed]) -> tuple[Dim, ...]:
    """The one shape of all operands that are not scalars."""
    shape: tuple[Dim, ...] = ()
    first = 0
    for position, operand in enumerate(operands):
        other = shape_of(operand)
        if not other:
            continue
        if not shape:
            shape, first = other, position
            continue
        if shape == other:
            continue
        where = (first, position)
        if len(shape) != len(other):
            ctx.fail(f"`{shown}` needs operands of one shape", where)
        why = f"`{shown}` needs operands of one shape"
        shape = tuple(ctx.equal(m, n, why, where) for m, n in zip(shape, other))
    return shape


def scalar_dtype(value: Any) -> DType:
    """The dtype of a rank-0 value; Python ints are taken for int64."""
    match value:
        case bool():
            return dtypes.BOOL
        case int():
            return dtypes.INT64
        case float():
            return dtypes.FLOAT64
    return dtypes.BY_NAME[value.dtype.name]


# --- Everything else -----------------------------------------------------------------------------


def plain(
    name: str,
    doc: str,
    parameters: Sequence[Parameter],
    rule: Rule,
    evaluate: Callable[..., Any],
    *,
    gradient: Callable[..., Cotangents] | None = None,
    raw_gradient: Gradient | None = None,
    no_gradient: str = "",
    samples: Callable[[], Sequence[Sample]],
    surface: str | None = SAME,
    effect: Effect = Effect.PURE,
    in_place: Callable[..., Any] | None = None,
    warns: bool = False,
    specialise: Callable[[Sequence[Type], Mapping[str, Any]], Callable[..., Any]] | None = None,
    complete: Callable[[Sequence[Typed], dict[str, Any]], dict[str, Any]] | None = None,
    element: Element | None = None,
    cost: int = 1,
) -> Op:
    """Declare a primitive by its rule; `warns` when NumPy may warn inside `evaluate`.

    `gradient` is as for elementwise ops, with one cotangent and one result; `raw_gradient` is
    Core's own signature, for primitives with several results.
    """
    operand_parameters = [p for p in parameters if not p.kind.is_attribute]
    shown = surface or name

    def checked(
        ctx: RuleContext, operands: Sequence[Typed], attributes: Mapping[str, Any]
    ) -> tuple[Type, ...]:
        check_dtypes(ctx, shown, operand_parameters, operands)
        return rule(ctx, operands, attributes)

    def bare(kinds: Sequence[Type], attributes: Mapping[str, Any]) -> Callable[..., Any]:
        return partial(evaluate, **attributes) if attributes else evaluate

    return declare(
        Op(
            name=name,
            doc=doc,
            parameters=tuple(parameters),
            rule=checked,
            evaluate=quiet(evaluate) if warns else evaluate,
            gradient=unstretching(gradient) if gradient is not None else raw_gradient,
            no_gradient=no_gradient,
            samples=samples,
            surface=name if surface == SAME else surface,
            effect=effect,
            in_place=in_place,
            specialise=specialise or bare,
            complete=complete,
            element=element,
            cost=cost,
        )
    )


# --- Gradients -----------------------------------------------------------------------------------


def unstretching(gradient: Callable[..., Cotangents]) -> Gradient:
    """Core's signature for a gradient of one result; cotangents of stretched scalars are summed,
    those of operands that are not floats dropped."""

    def rule(b: Builder, statement: Statement, cotangents: Cotangents) -> Cotangents:
        (dy,) = cotangents
        operands = statement.operands
        if dy is None:
            return (None,) * len(operands)
        raw = gradient(b, dy, *operands, statement.results[0], **statement.attributes)
        return tuple(fitting(b, g, operand) for g, operand in zip(raw, operands, strict=True))

    return rule


def fitting(b: Builder, cotangent: Value | None, operand: Value) -> Value | None:
    if cotangent is None or not is_float(operand):
        return None
    if rank(operand) == 0 and rank(cotangent):
        total: Value = b("reduce_sum", cotangent, axis=None, keep_dims=False)
        return total
    return cotangent


def zero(b: Builder, value: Value) -> Value:
    """A scalar zero of the value's dtype."""
    return b.scalar(0, dtype_of(value))


def dims_of(value: Value) -> tuple[Dim, ...]:
    assert isinstance(value.type, Tensor)
    return value.type.shape


def times(derivative: Callable[[Builder, Value, Value], Any]) -> Callable[..., Cotangents]:
    """The gradient of a function of one operand: dy times f'(x), from x and y."""
    return lambda b, dy, x, y: (b("mul", dy, derivative(b, x, y)),)


def chosen(b: Builder, dy: Value, first: Value) -> Cotangents:
    """dy to the first of two operands where `first` holds, to the second elsewhere."""
    return b("select", first, dy, zero(b, dy)), b("select", first, zero(b, dy), dy)
