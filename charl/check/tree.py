"""The typed tree: what the checker makes of a program and `lower/` turns into Core.

A small language without overloading, templates, patterns, methods, defaults or ambient parameters:
every call names an `Instance` (a function checked for one tuple of argument types), every
primitive is an `Apply` of its op, every conversion is explicit. Types are final (no type variables)
once an instance is finished.

Sizes. The symbols in a type's dims stand for integers at run time. A symbol is bound by the first
parameter or expression whose type has it alone as one of its sizes, or by the first int expression
whose `dim` is it; every later use lies in the scope of that binding. `SizeOf` reads a size.

Nodes are compared by identity; `type` is mutable only so that the checker can finish inference.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from charl.core.op import Op
from charl.diagnostics.diagnostic import Diagnostic
from charl.records import field, record
from charl.source import Span
from charl.stamps import Stamp
from charl.types.dims import Dim
from charl.types.types import Closure, Type


@record(frozen=False, eq=False)
class Variable:
    """A binding: local, parameter, or global. `dim` is the size its integer value is equal to."""

    name: str
    type: Type
    span: Span
    is_global: bool = False
    dim: Dim | None = None
    known: Any = None
    """What the checker knows of its value before the run (`check/known.py`)."""


@record(frozen=False, eq=False)
class Expr:
    span: Span
    type: Type

    @property
    def dim(self) -> Dim | None:
        """The size that this int expression is equal to, when one is known."""
        return None


@record(frozen=False, eq=False)
class Constant(Expr):
    """A bool, int, float or str of the type's dtype, or an np.ndarray for a tensor."""

    value: Any

    @property
    def dim(self) -> Dim | None:
        return self.value if type(self.value) is int else None


@record(frozen=False, eq=False)
class Read(Expr):
    variable: Variable

    @property
    def dim(self) -> Dim | None:
        return self.variable.dim


@record(frozen=False, eq=False)
class SizeOf(Expr):
    """An int64 scalar equal to a dim, whose symbols are in scope."""

    size: Dim

    @property
    def dim(self) -> Dim | None:
        return self.size


@record(frozen=False, eq=False)
class Apply(Expr):
    """A primitive; several results make a tuple, none the unit.

    The list primitives (`list_*`) apply to lists of any element type here; lowering spreads a list
    of structs, tuples or enums over one Core list per leaf.
    """

    op: Op
    operands: tuple[Expr, ...]
    attributes: dict[str, Any]
    known: Dim | None = None

    @property
    def dim(self) -> Dim | None:
        return self.known


@record(frozen=False, eq=False)
class Stretch(Expr):
    """`value` broadcast to the shape of `type`: trailing axes align, sizes 1 and missing leading
    axes stretch."""

    value: Expr


@record(frozen=False, eq=False)
class EnsureShape(Expr):
    """`value`, after a run-time check that its shape is that of `type`. `message` (with `{0}` the
    size found and `{1}` the size wanted) and the labels are what the error says."""

    value: Expr
    failure: Diagnostic


@record(frozen=False, eq=False)
class Show(Expr):
    """`value` as `print` shows it, a string; lowering derives the layout from its type."""

    value: Expr


# --- Aggregates ----------------------------------------------------------------------------------


@record(frozen=False, eq=False)
class Make(Expr):
    """A tuple, array, struct or range (by `type`) from its items in order; those of a range are
    start, stop and step."""

    items: tuple[Expr, ...]


@record(frozen=False, eq=False)
class Get(Expr):
    """Item `index` of a tuple, array or struct, or of what a closure captured."""

    value: Expr
    index: int
    known: Dim | None = None

    @property
    def dim(self) -> Dim | None:
        return self.known


@record(frozen=False, eq=False)
class Replace(Expr):
    """A tuple, array or struct with one item replaced."""

    value: Expr
    index: int
    item: Expr


@record(frozen=False, eq=False)
class Variant(Expr):
    """A value of an enum (`type`), variant number `tag`."""

    tag: int
    items: tuple[Expr, ...]


@record(frozen=False, eq=False)
class VariantTag(Expr):
    """The tag of an enum value, an int64 scalar."""

    value: Expr


@record(frozen=False, eq=False)
class VariantGet(Expr):
    """Payload `index` of variant `tag`; read only where the tag is known to be that."""

    value: Expr
    tag: int
    index: int


# --- Functions and calls -------------------------------------------------------------------------


@record(frozen=False, eq=False)
class Instance:
    """A function checked for one tuple of argument types.

    `parameters` are its run-time parameters in order (const ones are gone). `captured` are the
    variables standing for what a closure captured, in the order of `Closure.captured`. `globals`
    are the top-level variables that it, or anything it calls, reads: they arrive as further
    arguments. `in_out` are positions of parameters whose final values go back to the caller after
    the result. `body.type` is the result type; `return` may leave it early.
    """

    name: str
    shown: str
    span: Span
    parameters: list[Variable]
    captured: list[Variable]
    globals: list[Variable] = field(default_factory=list)
    in_out: tuple[int, ...] = ()
    body: Expr | None = None
    result: Type | None = None


@record(frozen=False, eq=False)
class MakeClosure(Expr):
    """A function value; `type` is its Closure, `captured` the values in its order."""

    captured: tuple[Expr, ...]


@record(frozen=False, eq=False)
class Widen(Expr):
    """A function value seen as one of several: from a Closure or Closures to Closures."""

    value: Expr


@record(frozen=False, eq=False)
class Call(Expr):
    """A call of an instance. `closure` is the function value that holds its captures, if any.

    `updates` are fresh variables that receive the final values of the in-out parameters, bound as
    by `Let` right after the call. `checkpoint`: recompute in the reverse pass instead of storing.
    """

    instance: Instance
    arguments: tuple[Expr, ...]
    closure: Expr | None = None
    updates: tuple[Variable, ...] = ()
    checkpoint: bool = False


@record(frozen=False, eq=False)
class CallOneOf(Expr):
    """A call of a function value of type Closures: `cases` pairs each option with its instance.
    Final values of in-out parameters are dropped."""

    callee: Expr
    cases: tuple[tuple[Closure, Instance], ...]
    arguments: tuple[Expr, ...]


@record(frozen=False, eq=False)
class CustomCall(Expr):
    """A call with its own reverse rule: `backward` takes the arguments, the result and the
    cotangent of the result, and returns the cotangents of the arguments (a tuple, or one value).
    Only the float leaves of a cotangent count, and unit stands for no gradient."""

    instance: Instance
    closure: Expr | None
    backward: Instance
    backward_closure: Expr | None
    arguments: tuple[Expr, ...]


@record(frozen=False, eq=False)
class Scan(Expr):
    """An inclusive scan along the leading axis of the tensors that `value` consists of (one, or a
    tuple or struct of them), whose type it has. `instance` combines two elements, that is two
    values of the type of its parameters, and is associative."""

    instance: Instance
    closure: Expr | None
    value: Expr
    reverse: bool = False


@record(frozen=False, eq=False)
class GradientCall(Expr):
    """The gradients of a call's scalar result with respect to arguments `wrt`.

    The call's result may be a tuple whose first item is the scalar. The type is the gradient (a
    tuple when `wrt` has several positions), or `(result, gradient)` when `with_value`. A gradient
    has the type of its argument: float leaves hold gradients, ints and bools are zero, other leaves
    (strings, functions) are those of the argument.
    """

    call: Call
    wrt: tuple[int, ...]
    with_value: bool


@record(frozen=False, eq=False)
class GradientOf(Expr):
    """The gradients of a value computed above with respect to values it came from; a tuple, or one
    gradient when `single`."""

    value: Expr
    wrt: tuple[Expr, ...]
    single: bool


# --- Control -------------------------------------------------------------------------------------


@record(frozen=False, eq=False)
class Block(Expr):
    """Statements, then a result; the type is the unit when `result` is None, never when it does not
    come to its end."""

    statements: tuple[Statement, ...]
    result: Expr | None


@record(frozen=False, eq=False)
class If(Expr):
    """Both branches have the type of the whole, or type never. Sizes in the whole's type that the
    branches do not share are fresh symbols."""

    condition: Expr
    then: Expr
    otherwise: Expr


@record(frozen=False, eq=False)
class Statement:
    span: Span


@record(frozen=False, eq=False)
class Evaluate(Statement):
    value: Expr


@record(frozen=False, eq=False)
class Let(Statement):
    """A new variable; it may be assigned later (also in nested blocks and loops)."""

    variable: Variable
    value: Expr


@record(frozen=False, eq=False)
class Assign(Statement):
    """A new value, of the same type, for a variable of this function (or a top-level one, at top
    level). Written `?` sizes in the variable's type may change: each Read has its own symbols."""

    variable: Variable
    value: Expr


@record(frozen=False, eq=False)
class While(Statement):
    condition: Expr
    body: Expr


@record(frozen=False, eq=False)
class For(Statement):
    """A counted loop over int64 `start..stop` (exclusive) by `step` (not zero, may be negative);
    loops over lists, tensors and so on have been turned into this."""

    variable: Variable
    start: Expr
    stop: Expr
    step: Expr
    body: Expr


@record(frozen=False, eq=False)
class Return(Statement):
    """`value` has the instance's result type (a unit Make for a bare return)."""

    value: Expr


@record(frozen=False, eq=False)
class Break(Statement):
    pass


@record(frozen=False, eq=False)
class Continue(Statement):
    pass


@record(frozen=False, eq=False)
class Require(Statement):
    """A run-time check: when `condition` is false the program stops with `failure`, whose message
    shows `operands` (numbers, bools, strings, tensors) at `{0}`, `{1}`..."""

    condition: Expr
    operands: tuple[Expr, ...]
    failure: Diagnostic


# --- Programs ------------------------------------------------------------------------------------


@record(frozen=False, eq=False)
class Chunk:
    """A piece of top-level code: a whole file, a test, one REPL entry, or one exported function.

    `instance.parameters` are what it is given (an API call's arguments); `instance.globals` the
    top-level variables of earlier chunks that it reads or assigns; `defines` the top-level
    variables whose final values it hands on, as the results after its own."""

    instance: Instance
    defines: tuple[Variable, ...] = ()


@record(frozen=False, eq=False)
class CheckedProgram:
    """`main` runs the file; `tests` are its test blocks, each a chunk of its own that begins with
    the file's top-level code. `looked_at` are the paths whose state took part in the check. Where
    `takes_gradients` is false there is nothing to differentiate."""

    main: Chunk
    tests: tuple[tuple[str, Chunk], ...] = ()
    warnings: tuple[Diagnostic, ...] = ()
    looked_at: Mapping[str, Stamp] = field(default_factory=dict)
    takes_gradients: bool = True
    parsing: float = 0.0
    """The seconds that reading the texts of the file and its modules took."""
