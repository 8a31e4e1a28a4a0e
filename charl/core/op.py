"""What a primitive is: one declaration holds everything the compiler knows about it.

`rule` types it (the checker and the verifier call the same rule), `evaluate` is its meaning on
NumPy values, `gradient` its reverse rule in terms of other primitives, `samples` the inputs every
test of the registry uses. The declarations stand in `ops/`, one file per family; importing
`charl.ops` fills `REGISTRY`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from charl.diagnostics.diagnostic import Diagnostic, Frame, Label
from charl.records import record
from charl.source import Span
from charl.types.dims import Dim
from charl.types.types import Type, Typed

if TYPE_CHECKING:
    from charl.core.builder import Builder
    from charl.core.ir import Statement, Value
    from charl.types.dtypes import DType


class Fault(Exception):
    """A run-time error of a primitive: the interpreter adds the place and the call stack.

    `code` is an E05 or E06 code, `message` a sentence in the user's words.
    """

    def __init__(
        self, code: str, message: str, helps: tuple[str, ...] = (), notes: tuple[str, ...] = ()
    ):
        super().__init__(message)
        self.code, self.message, self.helps, self.notes = code, message, helps, notes


class Effect(Enum):
    """PURE statements may be moved, merged and dropped. CHECK may fail: it is kept, in order.
    The rest act on the world and keep their order among each other."""

    PURE = "pure"
    CHECK = "check"
    EFFECT = "effect"


class RuleContext(Protocol):
    """How a type rule talks back: the checker makes diagnostics of it, the verifier faults."""

    def equal(self, left: Dim, right: Dim, why: str, operands: tuple[int, ...] = ()) -> Dim:
        """Demand two dims to be equal and return the better known one. `why` completes the
        sentence "... but" for the user; `operands` are the positions of the operands to show."""
        ...

    def fail(self, why: str, operands: tuple[int, ...] = (), help: str = "") -> NoReturn:
        """Reject the operands; `why` is a sentence in the user's words."""
        ...

    def unknown(self, name: str) -> Dim:
        """A fresh size that only the run knows."""
        ...


Rule = Callable[[RuleContext, Sequence[Typed], Mapping[str, Any]], tuple[Type, ...]]
Gradient = Callable[["Builder", "Statement", Sequence["Value | None"]], "Sequence[Value | None]"]


class Elements(Protocol):
    """How a primitive writes one element of its result, for kernels: scalar Core at a place inside
    loops. Calling it emits an op on scalars; integers wrap."""

    def __call__(self, op: str, *operands: Value | float, **attributes: Any) -> Value: ...

    def element(self, tensor: Value, index: Sequence[Value]) -> Value:
        """One element of an operand, the index counted from 0 and in bounds; of a scalar, itself.
        An index that is out of bounds by selection (the other side of a `select` is taken) must be
        brought into bounds, or to -1 where there are no elements, by the rule."""
        ...

    def size(self, tensor: Value, axis: int) -> Value:
        """The size of an axis, int64."""
        ...

    def constant(self, number: float, dtype: DType) -> Value: ...

    def check(self, condition: Value, places: Sequence[Value] = ()) -> None:
        """Stops the program where this is false: the op's evaluation says what is wrong. `places`
        is the part of the index that the condition is asked for: not where its axes are empty."""
        ...


Element = Callable[[Elements, "Statement", "Sequence[Value]"], "Value"]


class Kind(Enum):
    """What stands at a parameter of a primitive's surface.

    TENSOR one tensor or scalar operand; TENSORS a list of them, spread over the operands;
    DIMS a list of integers, spread over int64 scalar operands; VALUE a string, list or handle;
    INTEGER, INTEGERS, BOOLEAN, TEXT, DTYPE are attributes, known at compile time
    (INTEGERS accepts one integer too, and arrives as a tuple).
    """

    TENSOR = "tensor"
    TENSORS = "tensors"
    DIMS = "dims"
    VALUE = "value"
    INTEGER = "integer"
    INTEGERS = "integers"
    BOOLEAN = "boolean"
    TEXT = "text"
    DTYPE = "dtype"

    @property
    def is_attribute(self) -> bool:
        return self in _ATTRIBUTES


_ATTRIBUTES = {Kind.INTEGER, Kind.INTEGERS, Kind.BOOLEAN, Kind.TEXT, Kind.DTYPE}


class Required(Enum):
    """The default of a parameter that has none."""

    REQUIRED = "required"


REQUIRED = Required.REQUIRED


@record
class Parameter:
    """One parameter, in the order operands and attributes are written by a user.

    `dtype` is for tensors: the name of a dtype class (`number`, `float`, `int`, `bool`, `any`),
    prefixed by a letter when operands share it (`T:number` twice: the same dtype), or one dtype
    (`int64`). `type` is for VALUE: the exact type, or None where the rule decides.
    """

    name: str
    kind: Kind = Kind.TENSOR
    dtype: str = "T:any"
    default: Any = REQUIRED
    type: Type | None = None


@record
class Sample:
    """Operands and attributes to try a primitive on. `smooth` is false at kinks and jumps."""

    operands: tuple[Any, ...]
    attributes: Mapping[str, Any]
    smooth: bool = True


# The `Op.cost` of an element that is not to be computed twice.
EXPENSIVE = 4


@record(eq=False)
class Op:
    """A primitive. `surface` is the name users call it by, None for those only syntax reaches.

    `elementwise`: all tensor operands and results have one shape; operands of rank 0 stretch.
    `evaluate(*operands, **attributes)` returns one value, or a tuple when there are several
    results; it may raise Fault. `gradient` is None with `no_gradient` saying why (it is then a
    constant to differentiation). `dim` computes the result's dim from the operands' dims.
    `in_place(*operands, **attributes)` may overwrite its first operand and must return it.
    `specialise(operand types, attributes)` gives `evaluate` for exactly these operand types, the
    attributes filled in; see `bind`. `complete(operands, attributes)` gives the attributes of a
    call as a user wrote it those that follow from its operands; Core has them all.
    `element(k, statement, index)` writes one element of the one result inside a kernel; None where
    elements do not stand for themselves (a sort, a product). `cost` is the work of one element, in
    units of an addition.
    """

    name: str
    doc: str
    parameters: tuple[Parameter, ...]
    rule: Rule
    evaluate: Callable[..., Any] | None
    gradient: Gradient | None = None
    no_gradient: str = ""
    samples: Callable[[], Sequence[Sample]] | None = None
    surface: str | None = None
    effect: Effect = Effect.PURE
    elementwise: bool = False
    dim: Callable[..., Dim | None] | None = None
    in_place: Callable[..., Any] | None = None
    specialise: Callable[[Sequence[Type], Mapping[str, Any]], Callable[..., Any]] | None = None
    complete: Callable[[Sequence[Typed], dict[str, Any]], dict[str, Any]] | None = None
    element: Element | None = None
    cost: int = 1

    def bind(self, types: Sequence[Type], attributes: Mapping[str, Any]) -> Callable[..., Any]:
        """`evaluate` for operands of these types, attributes filled in: what an interpreter calls.

        Only this knows the width of rank-0 integers (Python ints say nothing of it), and it is the
        fast way for scalars. Unlike `evaluate` it leaves NumPy's floating-point warnings to the
        caller, who runs the whole program under one `np.errstate(all="ignore")`.
        """
        if self.specialise is not None:
            return self.specialise(types, attributes)
        assert self.evaluate is not None, f"{self.name} has no evaluation"
        return partial(self.evaluate, **attributes) if attributes else self.evaluate

    def __repr__(self) -> str:
        return self.name


# Records that may stand among attributes, by name: Core's text form reads them back.
ATTRIBUTE_CLASSES: dict[str, type] = {c.__name__: c for c in (Span, Label, Frame, Diagnostic)}

REGISTRY: dict[str, Op] = {}
SURFACE: dict[str, Op] = {}


def declare(op: Op) -> Op:
    """Enter a declaration into the registry; names are unique."""
    if op.name in REGISTRY:
        raise ValueError(f"primitive {op.name} is declared twice")
    REGISTRY[op.name] = op
    if op.surface is not None:
        SURFACE[op.surface] = op
    return op
