"""Values between Python and Charl, for `api.py` and the REPL.

A Charl value is a type and its leaves (`lower/layout.py`). Going out, tensors become NumPy arrays,
scalars Python numbers, strings, lists and tuples themselves; whatever Python has no word for
(structs, models, enums, functions) becomes a `Value`, which goes back in as it is.

Coming in, arrays keep their dtype: like Charl itself we convert nothing silently. What is written
out in Python (numbers, lists of numbers) behaves as a literal does in Charl, and takes the dtype
that the function's parameter asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from charl.check.types_of import fields_of, payloads_of
from charl.lower.layout import is_boxed, leaves_of, parts_of, resolved
from charl.lower.show import Boxes, layout_of
from charl.ops.show import show
from charl.types import dtypes, types
from charl.types.dtypes import DType
from charl.types.types import Array, Enum, List, Range, Struct, Tensor, Tuple, Type

Leaves = tuple[Any, ...]


class Unsuited(Exception):
    """A Python value that no Charl value stands for; the message completes "the argument ..."."""

    def __init__(self, reason: str, help: str = "") -> None:
        super().__init__(reason)
        self.reason, self.help = reason, help


# What makes a method of a value, or the value itself (the empty name), callable from Python.
Binder = Callable[["Value", str], Callable[..., Any]]


class Value:
    """A Charl value that Python has no type for: a struct or model, an enum, a function.

    Fields and methods are attributes; a function or model is called; an enum has its `variant`, and
    its payload by index. Passed to a function of the same file it is the value it was. Only a call
    that takes it as `mut` changes it.
    """

    __slots__ = ("_bind", "_leaves", "_type")

    def __init__(self, type: Type, leaves: Leaves, bind: Binder) -> None:
        self._type, self._leaves, self._bind = type, leaves, bind

    def __repr__(self) -> str:
        return shown(self._type, self._leaves)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self._bind(self, "")(*arguments, **named)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._field_names(), *self._method_names()]

    def _field_names(self) -> Sequence[str]:
        return self._type.declaration.field_names if isinstance(self._type, Struct) else ()

    def _method_names(self) -> Sequence[str]:
        return (*self._type.declaration.methods,) if isinstance(self._type, Struct | Enum) else ()

    def __getattr__(self, name: str) -> Any:
        if name in self._field_names():
            return list(self._items())[self._field_names().index(name)]
        if name in self._method_names():
            return self._bind(self, name)
        raise AttributeError(f"this {types.show(self._type)} has no field or method `{name}`")

    def __getitem__(self, index: int) -> Any:
        return list(self._items())[index]

    def __len__(self) -> int:
        return len(list(self._items()))

    @property
    def variant(self) -> str:
        """The name of the variant of an enum value."""
        if not isinstance(self._type, Enum):
            raise AttributeError(f"{types.show(self._type)} is no enum")
        name: str = self._type.declaration.variants[self._tag].name.name
        return name

    @property
    def _tag(self) -> int:
        return int(self._leaves[0][0] if is_boxed(self._type) else self._leaves[0])

    def _items(self) -> Iterator[Any]:
        """The fields of a struct, or the payload of an enum's variant."""
        match self._type:
            case Struct() as struct:
                parts, start = fields_of(struct), 0
            case Enum() as enum:
                payloads = payloads_of(enum)
                parts, start = payloads[self._tag], 1
                if not is_boxed(enum):
                    before = payloads[: self._tag]
                    start += sum(len(leaves_of(part)) for payload in before for part in payload)
            case _:
                return
        leaves = self._leaves
        if is_boxed(self._type):
            leaves, start = leaves[0], 1
        for part in parts:
            stop = start + len(leaves_of(part))
            yield to_python(part, leaves[start:stop], self._bind)
            start = stop


def shown(type: Type, leaves: Leaves) -> str:
    """The value as Charl's `print` writes it."""
    return show(*leaves, layout=layout_of(type, Boxes()))


def to_python(type: Type, leaves: Leaves, bind: Binder) -> Any:
    """The Python value of a Charl one; `bind` makes its functions callable."""
    match resolved(type):
        case Tensor(_, shape):
            leaf = leaves[0]
            return leaf.item() if not shape and isinstance(leaf, np.generic | np.ndarray) else leaf
        case types.String():
            return leaves[0]
        case Tuple(()):
            return None
        case Tuple(items):
            return tuple(_parts(items, leaves, bind))
        case Array() as array:
            return list(_parts(parts_of(array), leaves, bind))
        case Range():
            return range(*leaves)
        case List(element):
            # An element without leaves is stored as a list of bools, for the length.
            columns, length = leaves[: len(leaves_of(element))], len(leaves[0])
            rows = (tuple(column[i] for column in columns) for i in range(length))
            return [to_python(element, row, bind) for row in rows]
        case other:
            return Value(other, leaves, bind)


def _parts(items: Sequence[Type], leaves: Leaves, bind: Binder) -> Iterator[Any]:
    start = 0
    for item in items:
        stop = start + len(leaves_of(item))
        yield to_python(item, leaves[start:stop], bind)
        start = stop


def to_charl(value: Any, wanted: Type | None = None) -> tuple[Type, Leaves]:
    """The type and leaves of a Python value; `wanted` is the annotation it is for, if any.

    The type need not be the wanted one: that is for the checker to say. Raises Unsuited.
    """
    wanted = None if wanted is None else resolved(wanted)
    match value:
        case Value():
            return value._type, value._leaves
        case bool() | np.bool_():
            return types.BOOL, (bool(value),)
        case np.generic():
            return _array(np.asarray(value))
        case int() | float():
            return _number(value, wanted)
        case str():
            return types.STRING, (str(value),)
        case np.ndarray():
            return _array(value)
        case list() | tuple() if isinstance(wanted, Tensor) and wanted.shape:
            return _literal(value, wanted)
        case tuple():
            return _tuple(value, wanted)
        case list():
            return _list(value, wanted)
    if hasattr(value, "__array__") or hasattr(value, "__dlpack__"):
        return _array(np.asarray(value))
    raise Unsuited(
        f"is a Python {type(value).__name__}, for which Charl has no type",
        "pass numbers, strings, NumPy arrays, lists and tuples of them, or what Charl gave back",
    )


def expect_changeable(value: Any) -> None:
    """Raises Unsuited for a Python value that cannot be changed in place, as `mut` asks."""
    if isinstance(value, np.ndarray) and value.shape:
        if not value.flags.writeable:
            raise Unsuited("is `mut`, and this array is read-only", "pass a copy: array.copy()")
    elif not isinstance(value, Value | list):
        raise Unsuited(
            f"is `mut`, and a Python {type(value).__name__} cannot be changed",
            "pass a struct or model of the program, a list or an array",
        )


def change(value: Any, type: Type, leaves: Leaves, bind: Binder) -> None:
    """Give a changeable Python value the type and leaves that a call has left in its place. To the
    checker the sizes of an array are part of its type, so they have stayed."""
    match value:
        case Value():
            value._type, value._leaves = type, leaves
        case np.ndarray():
            value[...] = leaves[0]
        case list():
            new = to_python(type, leaves, bind)
            value[:] = new.tolist() if isinstance(new, np.ndarray) else new


def _number(value: int | float, wanted: Type | None) -> tuple[Type, Leaves]:
    """A Python number is a literal: it takes a dtype it fits, as long as no fraction is lost."""
    dtype = dtypes.INT64 if isinstance(value, int) else dtypes.FLOAT64
    if isinstance(wanted, Tensor) and not wanted.shape and isinstance(wanted.dtype, DType):
        asked = wanted.dtype
        if asked.is_float or (asked.is_int and dtype.is_int):
            dtype = asked
    return Tensor(dtype), (_scalar(value, dtype),)


def _scalar(value: int | float, dtype: DType) -> Any:
    """A scalar as the interpreter holds it: Python's int, bool, float; NumPy's narrower floats."""
    if dtype.is_int:
        limit = 1 << (dtype.bits - 1)
        if not -limit <= value < limit:
            raise Unsuited(f"is {value}, which does not fit into {dtype}")
        return int(value)
    if dtype.is_float and dtype.bits < 64:
        return dtype.numpy.type(value)
    return bool(value) if dtype.kind == "bool" else float(value)


def _array(array: np.ndarray[Any, Any]) -> tuple[Type, Leaves]:
    dtype = dtypes.BY_NAME.get(array.dtype.name)
    if dtype is None:
        raise Unsuited(
            f"has the NumPy dtype {array.dtype}, which Charl does not have",
            'convert it first, for example: array.astype("float32")',
        )
    if not array.shape:
        return Tensor(dtype), (_scalar(array.item(), dtype),)
    # Arrays of the other byte order (files, network) are turned round.
    return Tensor(dtype, array.shape), (array.astype(dtype.numpy, copy=False),)


def _literal(value: Sequence[Any], wanted: Tensor) -> tuple[Type, Leaves]:
    """A rectangular list where a tensor is asked for."""
    try:
        array = np.array(value)
    except ValueError as problem:
        raise Unsuited("is a list whose rows differ in length") from problem
    if array.dtype.kind not in "bif":
        raise Unsuited("is a list of something else than numbers")
    asked = wanted.dtype
    if isinstance(asked, DType) and _is_written_out(value):
        kinds = {"float": "fi", "int": "i", "bool": "b"}[asked.kind]
        # An empty list is float64 to NumPy, and anything to us.
        if array.dtype.kind in kinds or not array.size:
            return _array(_fitting(array, asked))
    return _array(array)


def _fitting(array: np.ndarray[Any, Any], dtype: DType) -> np.ndarray[Any, Any]:
    converted = array.astype(dtype.numpy)
    if dtype.is_int and not np.array_equal(converted, array):
        raise Unsuited(f"has numbers that do not fit into {dtype}")
    return converted


def _is_written_out(value: Any) -> bool:
    """Whether a list holds Python's own numbers, not arrays that have a dtype already."""
    if isinstance(value, list | tuple):
        return all(_is_written_out(item) for item in value)
    return type(value) in (bool, int, float)


def _tuple(value: tuple[Any, ...], wanted: Type | None) -> tuple[Type, Leaves]:
    asked: Sequence[Type | None] = [None] * len(value)
    if isinstance(wanted, Tuple) and len(wanted.items) == len(value):
        asked = wanted.items
    items = [to_charl(item, ask) for item, ask in zip(value, asked)]
    leaves = tuple(leaf for _, part in items for leaf in part)
    return Tuple(tuple(type for type, _ in items)), leaves


def _list(value: list[Any], wanted: Type | None) -> tuple[Type, Leaves]:
    asked = resolved(wanted.element) if isinstance(wanted, List | Array) else None
    items = [to_charl(item, asked) for item in value]
    if isinstance(wanted, Array) and wanted.length == len(value) and items:
        return Array(items[0][0], len(value)), tuple(leaf for _, part in items for leaf in part)
    if items:
        element = items[0][0]
    elif asked is not None and not isinstance(asked, types.Variable | types.Parameter):
        element = asked
    else:
        raise Unsuited(
            "is an empty list, whose elements could be anything",
            "annotate the parameter, as in `xs: [int]`",
        )
    for type, _ in items:
        if type != element:
            message = f"is a list of both {types.show(element)} and {types.show(type)}"
            raise Unsuited(message, "all elements of a list have one type")
    count = len(leaves_of(element))
    columns = tuple([part[leaf] for _, part in items] for leaf in range(count))
    return List(element), columns or ([False] * len(items),)
