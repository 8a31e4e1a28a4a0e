"""Functions that are called above the file that defines them: declared here, defined further down.

The rules of a language call each other in circles (a type may be that of an expression, an
expression calls a function, a function's signature has types); the files of the checker do not
import each other in circles. Where the circle is cut, the function is declared here with its types,
and the file that has it says so:

    @late.call_function.define
    def call_function(frame: Frame, ...) -> tree.Expr:

A definition that does not have the declared types, or a name that is not declared, does not pass
mypy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from charl.check import tree
    from charl.check.declarations import Derived, Function, Struct
    from charl.check.frame import Frame
    from charl.check.leaves import Leafwise
    from charl.check.signatures import Supplied
    from charl.source import Span
    from charl.syntax import ast
    from charl.types import types
    from charl.types.dims import Dim
    from charl.types.types import Type

P = ParamSpec("P")
R = TypeVar("R")


class Late(Generic[P, R]):
    """A function that is known by its declaration until its file defines it."""

    __slots__ = ("body",)

    def __init__(self, declaration: Callable[P, R]) -> None:
        self.body = declaration

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.body(*args, **kwargs)

    def define(self, body: Callable[P, R]) -> Callable[P, R]:
        self.body = body
        return body


@Late
def accepts(frame: Frame, expr: tree.Expr, wanted: types.Function) -> bool:
    """`function_values`: whether a function value can be called as a function type says."""
    raise NotImplementedError


@Late
def assign_place(frame: Frame, target: ast.Expr, value: tree.Expr) -> list[tree.Statement]:
    """`assignment`: store a checked value in a place."""
    raise NotImplementedError


@Late
def call_derived(
    frame: Frame,
    derived: Derived,
    callee: tree.Expr,
    supplied: Sequence[Supplied],
    span: Span,
) -> tree.Expr:
    """`derived`: a call of `grad(f)` and its kin."""
    raise NotImplementedError


@Late
def call_function(
    frame: Frame,
    function: Function,
    supplied: Sequence[Supplied],
    span: Span,
    closure: tree.Expr | None = None,
    checkpoint: bool = False,
) -> tree.Expr:
    """`function_calls`: a call of a declared function."""
    raise NotImplementedError


@Late
def check_definition(frame: Frame, function: Function, captured: tuple[Type, ...] = ()) -> None:
    """`program`: a function checked once at its definition."""
    raise NotImplementedError


@Late
def destructure(frame: Frame, pattern: ast.Pattern, value: tree.Expr) -> list[tree.Statement]:
    """`patterns`: bind the names of a pattern that always fits."""
    raise NotImplementedError


@Late
def layer_types(
    frame: Frame, struct: Struct, arguments: tuple[Type | Dim, ...]
) -> tuple[Type, ...]:
    """`models`: the type of every field, where none is written that of the expression there."""
    raise NotImplementedError


@Late
def list_argument(frame: Frame, node: ast.ListLiteral) -> tree.Expr:
    """`literals`: a list written as an argument."""
    raise NotImplementedError


@Late
def over_leaves(
    frame: Frame, change: Leafwise, values: Sequence[tree.Expr], span: Span
) -> tree.Expr:
    """`leaves`: a composite value made leaf by leaf."""
    raise NotImplementedError


@Late
def widen_list(frame: Frame, value: tree.Expr, element: types.Closures) -> tree.Expr:
    """`builtins/lists`: a list of functions as one of more functions."""
    raise NotImplementedError


@Late
def check_chain(frame: Frame, struct: Struct) -> None:
    """`chain`: whether the layers of a model take what those before them give."""
    raise NotImplementedError
