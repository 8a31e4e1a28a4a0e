"""The types of values, shared by the checker and by Core.

A scalar is a tensor of rank 0. Functions are known before the program runs: a function value has a
`Closure` type that names the function and the types of what it captured, and where several may
meet (branches, lists) a `Closures` type lists them; a written `fn(A) -> B` only constrains. Core
uses the first group only: structs, tuples, closures and enums that are not recursive are flattened
away by `lower/`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from charl.records import record
from charl.types import dims, dtypes
from charl.types.dims import Dim, Symbol
from charl.types.dtypes import DType


class Type:
    __slots__ = ()

    def __str__(self) -> str:
        return show(self)


# --- Types that Core knows too -------------------------------------------------------------------


@record(frozen=False, eq=False)
class DTypeVariable:
    """The dtype of a numeric literal that nothing has fixed yet.

    `float_only` once a decimal point was seen. `default` is what it becomes when nothing asks.
    `bound` is set by the checker; `resolve` follows it.
    """

    float_only: bool
    bound: DType | DTypeVariable | None = None
    default: DType | None = None


@record
class Tensor(Type):
    """`dtype[shape]`; rank 0 is a scalar. In Core `dtype` is always a DType."""

    dtype: DType | DTypeVariable
    shape: tuple[Dim, ...] = ()


@record
class String(Type):
    pass


@record
class List(Type):
    """A growing list. In Core the element is a Tensor, String, List, Box or Handle."""

    element: Type


@record
class Box(Type):
    """A reference to an immutable heap record: values of recursive enums and structs (Core)."""

    name: str


@record
class Handle(Type):
    """Something of the host: a progress bar, a file (`kind` says which)."""

    kind: str


# --- Types of the checker ------------------------------------------------------------------------


@record
class Tuple(Type):
    """`()` is the type of statements that yield nothing."""

    items: tuple[Type, ...]


@record
class Array(Type):
    """`[T; n]`: a list of fixed length, flattened like a tuple."""

    element: Type
    length: int


@record
class Range(Type):
    """A range of integers; `(start, stop, step)` at run time, stop exclusive."""

    dtype: DType


@record
class Struct(Type):
    """A struct or model: `declaration` compares by identity; `fields` are the resolved types of
    its fields in order, None for a struct that contains itself (ask the checker)."""

    declaration: Any
    arguments: tuple[Type | Dim, ...]
    fields: tuple[Type, ...]

    def __hash__(self) -> int:
        return hash((self.declaration, self.arguments))  # the fields of a model are many


@record
class Enum(Type):
    """`variants[i]` are the payload types of variant i. When `recursive`, `variants` is empty
    and payloads are found through the checker (`payloads_of`); values are boxed."""

    declaration: Any
    arguments: tuple[Type | Dim, ...]
    variants: tuple[tuple[Type, ...], ...]
    recursive: bool = False


@record
class Closure(Type):
    """A known function: `function` (compares by identity) and what it captured, by name order.

    `function` is a declaration or lambda of the checker; `captured` are the types of its captured
    variables. A function without captures occupies no space at run time.
    """

    function: Any
    captured: tuple[Type, ...] = ()


@record
class Closures(Type):
    """One of several known functions, chosen at run time by a tag."""

    options: tuple[Closure, ...]


@record
class Function(Type):
    """A written `fn(A, B) -> C`; bare `fn` has parameters None."""

    parameters: tuple[Type, ...] | None
    result: Type | None


@record
class Parameter(Type):
    """A generic type name while its function is checked once for all types, known by `key`."""

    name: str
    key: Any


@record
class GenericTensor(Type):
    """`T[N]` with a generic dtype `T`, while its function is checked once for all dtypes."""

    dtype: Parameter
    shape: tuple[Dim, ...]


@record(frozen=False, eq=False)
class Variable(Type):
    """A type that inference has not found yet (the element of `[]`); `bound` when it has."""

    bound: Type | None = None


@record
class Module(Type):
    """An imported module used as a value: only its members can be taken."""

    module: Any


@record
class TypeValue(Type):
    """A type name used as a value: a constructor, or a dtype argument."""

    type: Any


@record
class Never(Type):
    """The type of `return`, `break` and calls that do not come back; joins with everything."""


@record
class Broken(Type):
    """The type of what an error has been reported about; everything accepts it silently."""


UNIT = Tuple(())
NEVER = Never()
BROKEN = Broken()
STRING = String()
BOOL = Tensor(dtypes.BOOL)
INT = Tensor(dtypes.INT64)
FLOAT32 = Tensor(dtypes.FLOAT32)
FLOAT = Tensor(dtypes.FLOAT64)


class Typed(Protocol):
    """What a type rule sees of an operand: the checker's expressions and Core's values both fit."""

    @property
    def type(self) -> Type: ...

    @property
    def dim(self) -> Dim | None:
        """The integer it holds, when that is known as a dimension."""


def resolve_dtype(dtype: DType | DTypeVariable) -> DType | DTypeVariable:
    if isinstance(dtype, DType) or dtype.bound is None:
        return dtype
    root = dtype.bound
    while isinstance(root, DTypeVariable) and root.bound is not None:
        root = root.bound
    # Later searches start near the root: a list of n literals is a chain of n variables.
    while isinstance(dtype, DTypeVariable) and dtype.bound is not root:
        assert dtype.bound is not None
        dtype.bound, dtype = root, dtype.bound
    return root


def is_scalar(type: Type) -> bool:
    return isinstance(type, Tensor) and not type.shape


def substitute(type: Type, values: Mapping[Symbol, Dim]) -> Type:
    """The type with symbols of its dims replaced."""
    if not values:
        return type
    return map_dims(type, lambda dim: dims.substitute(dim, values))


def map_dims(type: Type, change: Callable[[Dim], Dim]) -> Type:
    """The type with every dim in it changed."""
    if isinstance(type, Tensor):  # most types are
        return Tensor(type.dtype, tuple([change(d) for d in type.shape])) if type.shape else type
    again: Callable[[Type], Type] = lambda t: map_dims(t, change)  # noqa: E731
    arguments: Callable[[Sequence[Type | Dim]], tuple[Type | Dim, ...]] = lambda many: tuple(  # noqa: E731
        again(a) if isinstance(a, Type) else change(a) for a in many
    )
    match type:
        case GenericTensor(dtype, shape):
            return GenericTensor(dtype, tuple(change(d) for d in shape))
        case List(element):
            return List(again(element))
        case Array(element, length):
            return Array(again(element), length)
        case Tuple(items):
            return Tuple(tuple(again(t) for t in items)) if items else type
        case Struct(declaration, args, fields):
            return Struct(declaration, arguments(args), tuple(again(t) for t in fields))
        case Enum(declaration, args, variants, recursive):
            payloads = tuple(tuple(again(t) for t in payload) for payload in variants)
            return Enum(declaration, arguments(args), payloads, recursive)
        case Closure(function, captured):
            return Closure(function, tuple(again(t) for t in captured))
        case Closures(options):
            return Closures(tuple(again(c) for c in options))  # type: ignore[misc]
        case Function(parameters, result):
            changed = None if parameters is None else tuple(again(t) for t in parameters)
            return Function(changed, None if result is None else again(result))
        case Variable(bound) if bound is not None:
            return again(bound)
        case _:
            return type


def show(type: Type) -> str:
    """A type as a user writes it."""
    match type:
        case Tensor(dtype, shape):
            return _show_dtype(resolve_dtype(dtype)) + _show_shape(shape)
        case GenericTensor(dtype, shape):
            return dtype.name + _show_shape(shape)
        case String():
            return "string"
        case List(element):
            return f"[{show(element)}]"
        case Array(element, length):
            return f"[{show(element)}; {length}]"
        case Tuple(items):
            inner = ", ".join(show(t) for t in items)
            return f"({inner},)" if len(items) == 1 else f"({inner})"
        case Range():
            return "range"
        case Struct(declaration, arguments, _) | Enum(declaration, arguments, _, _):
            inner = ", ".join(show(a) if isinstance(a, Type) else dims.show(a) for a in arguments)
            return f"{declaration.name}[{inner}]" if inner else str(declaration.name)
        case Closure(function, _):
            return str(function.shown)
        case Closures():
            return "fn"
        case Function(parameters, result):
            if parameters is None:
                return "fn"
            arrow = "" if result is None or result == UNIT else f" -> {show(result)}"
            return f"fn({', '.join(show(p) for p in parameters)}){arrow}"
        case Parameter(name, _) | Box(name):
            return name
        case Handle(kind):
            return kind
        case Variable(bound):
            return "?" if bound is None else show(bound)
        case Module(module):
            return f"module {module.name}"
        case TypeValue(inner):
            return f"type {show(inner) if isinstance(inner, Type) else inner}"
        case _:
            return "never" if isinstance(type, Never) else "?"


def _show_dtype(dtype: DType | DTypeVariable) -> str:
    if isinstance(dtype, DTypeVariable):
        return "float" if dtype.float_only else "int"
    return {"int64": "int", "float64": "float"}.get(dtype.name, dtype.name)


def _show_shape(shape: tuple[Dim, ...]) -> str:
    return f"[{', '.join(dims.show(d) for d in shape)}]" if shape else ""
