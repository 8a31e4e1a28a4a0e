"""The state of lowering one function, and the table of rules.

A rule lowers one class of node: `@lowers(tree.If)` stands above it, in the file of its kind. Rules
work on a `Lowering`: it knows the region (block) being made, what variables stand for there, where
sizes are found, and which variables are still read later (liveness: only those become results of
branches and loops).

Constants stand in the function's outermost block, shared: a loop then costs nothing for them. Code
that control does not reach is not lowered: an expression of type never raises `Unreachable`, caught
where its region ends.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from charl.check import tree
from charl.check.tree import Expr, Instance, Variable
from charl.core.builder import Builder
from charl.core.ir import Block, Function, Value
from charl.core.op import Effect, Op
from charl.lower.flow import Flow
from charl.lower.layout import leaves_of, written_leaves
from charl.lower.show import Boxes
from charl.lower.sizes import Region, Sizes
from charl.lower.values import Structured
from charl.lower.walk import Node
from charl.records import field, record
from charl.source import Span
from charl.types.dims import Dim, Polynomial
from charl.types.types import INT, Never, Tensor, Type

T = TypeVar("T")
Rule = Callable[["Lowering", Any], Structured]
RULES: dict[type, Rule] = {}


def lowers(*kinds: type) -> Callable[[Rule], Rule]:
    """Enter a rule for the given classes of expressions or statements."""

    def enter(rule: Rule) -> Rule:
        RULES.update(dict.fromkeys(kinds, rule))
        return rule

    return enter


class Unreachable(Exception):
    """Control does not come back from what was just lowered."""


@record(frozen=False, eq=False)
class Library:
    """The functions of the program being made; `boxes` are the boxed types `show` must know."""

    functions: dict[str, Function] = field(default_factory=dict)
    boxes: Boxes = field(default_factory=Boxes)
    pending: list[Instance] = field(default_factory=list)
    _names: dict[Instance, str] = field(default_factory=dict)
    _taken: dict[str, int] = field(default_factory=dict)

    def name_of(self, instance: Instance) -> str:
        """The name of an instance's function, which is lowered when its turn comes."""
        if instance not in self._names:
            self._names[instance] = self.unique(instance.name)
            self.pending.append(instance)
        return self._names[instance]

    def unique(self, name: str) -> str:
        """A name that no other function has: the part before a `.`, and a number if need be."""
        base = re.sub(r"\W", "_", name.partition(".")[0]) or "lambda"
        count = self._taken.get(base, 0)
        self._taken[base] = count + 1
        return f"{base}.{count}" if count else base

    def add(self, function: Function) -> None:
        self.functions[function.name] = function


@record(frozen=False)
class Later:
    """What is read after the current position of some sequence: the last position that reads each
    variable."""

    last: Mapping[Variable, int]
    position: int = 0


@record
class Nested(Generic[T]):
    """A nested block and its region; `value` is None when control does not reach its end."""

    block: Block
    region: Region
    value: T | None


@record(frozen=False, eq=False)
class Lowering:
    """`share` is false in functions that take gradients with respect to values: there two equal
    numbers are two values.
    """

    library: Library
    region: Region
    flow: Flow
    share: bool = True
    span: Span | None = None
    sizes: Sizes = field(default_factory=Sizes)
    later: list[Later] = field(default_factory=list)
    _undefined: dict[Type, Value] = field(default_factory=dict)

    # --- Expressions and statements --------------------------------------------------------------

    def value(self, expr: Expr) -> Structured:
        """The value of an expression. Raises Unreachable when it has none."""
        before, self.span = self.span, expr.span
        value = self._known(expr) or RULES[type(expr)](self, expr)
        if isinstance(expr.type, Never):
            raise Unreachable
        self.span = before
        return value

    def _known(self, expr: Expr) -> Structured | None:
        """The value of an int expression equal to a size that is at hand; equates it otherwise."""
        dim = None if isinstance(expr, tree.Constant) else expr.dim
        if dim is None or expr.type != INT:
            return None
        dim = self.sizes.dim(dim)
        is_at_hand = isinstance(dim, int) or self.region.owner(dim) is not None
        if is_at_hand and _is_simple(expr):
            return Structured(INT, (self.size(dim),))
        value = RULES[type(expr)](self, expr)
        return Structured(INT, (self.sizes.equate(self.region, dim, value.single),))

    def scalar(self, expr: Expr) -> Value:
        """The value of an expression that has one leaf."""
        return self.value(expr).single

    def values(self, exprs: Sequence[Expr]) -> list[Structured]:
        """The values of operands, in order."""
        if len(exprs) < 2 or not any(map(self.flow.assigned, exprs)):
            return [self.value(expr) for expr in exprs]
        with self.sequence(exprs) as later:
            values: list[Structured] = []
            for position, expr in enumerate(exprs):
                later.position = position
                values.append(self.value(expr))
        return values

    def statement(self, statement: tree.Statement) -> None:
        before, self.span = self.span, statement.span
        RULES[type(statement)](self, statement)
        self.span = before

    # --- Liveness --------------------------------------------------------------------------------

    @contextmanager
    def sequence(self, nodes: Sequence[Node | None]) -> Iterator[Later]:
        """Nodes that are lowered one after the other; the caller moves `position` along."""
        last: dict[Variable, int] = {}
        if any(self.flow.assigned(node) for node in nodes if node is not None):
            for position, node in enumerate(nodes):
                if node is not None:
                    last.update(dict.fromkeys(self.flow.reads(node), position))
        later = Later(last)
        self.later.append(later)
        try:
            yield later
        finally:
            self.later.pop()

    def is_live(self, variable: Variable) -> bool:
        """Whether anything after the current place reads the variable."""
        return any(later.last.get(variable, -1) > later.position for later in self.later)

    # --- Variables -------------------------------------------------------------------------------

    def bind(self, variable: Variable, value: Structured) -> None:
        """Let a variable stand for a value."""
        declared = written_leaves(variable.type)
        if declared is not None and variable.type is not value.type:
            for leaf_type, leaf in zip(declared, value.leaves):
                self.sizes.match(self.region, leaf_type, leaf)
        if variable.dim is not None and value.type == INT:
            known = self.sizes.equate(self.region, variable.dim, value.single)
            value = Structured(INT, (known,))
        self.name(value.leaves, variable)
        self.region.variables[variable] = value

    def name(self, leaves: Sequence[Value], variable: Variable) -> None:
        """Print what was just computed under the variable's name; constants are shared."""
        statements = self.region.builder.block.statements
        if statements and statements[-1].op.name not in ("constant", "undefined"):
            for leaf in statements[-1].results:
                if not leaf.name and leaf in leaves:
                    leaf.name = variable.name

    # --- Emitting --------------------------------------------------------------------------------

    def emit(
        self,
        op: str | Op,
        operands: Sequence[Value] = (),
        attributes: dict[str, Any] | None = None,
        types: Sequence[Type] | None = None,
        blocks: tuple[Block, ...] = (),
    ) -> tuple[Value, ...]:
        """Emit a statement; the types are put in terms of what is known of sizes."""
        builder = self.region.builder
        builder.span = self.span
        if types is not None:
            types = [self.sizes.type(type) for type in types]
        results = builder.emit(op, operands, attributes, blocks, types)
        for result in results:
            self.sizes.define(self.region, result)
        return results

    def one(self, op: str | Op, *operands: Value, **attributes: Any) -> Value:
        """Emit a statement of one result, typed by its rule."""
        (result,) = self.emit(op, operands, attributes)
        return result

    def constant(self, value: Any, type: Type | None = None) -> Value:
        """A constant, shared in the whole function."""
        builder = self.region.root.builder
        builder.span = self.span
        return builder.constant(value, type)

    def undefined(self, type: Type) -> Value:
        """A placeholder for a leaf that nobody reads."""
        type = self.sizes.type(type)
        if isinstance(type, Tensor) and any(isinstance(d, Polynomial) for d in type.shape):
            (value,) = self.emit("undefined", (), {"type": type}, (type,))
            return value
        if type not in self._undefined:
            builder = self.region.root.builder
            builder.span = self.span
            (self._undefined[type],) = builder.emit(
                "undefined", (), {"type": type}, result_types=(type,)
            )
        return self._undefined[type]

    def nothing(self, type: Type) -> Structured:
        """A value of a type that nobody reads."""
        return Structured(type, tuple([self.undefined(leaf) for leaf in leaves_of(type)]))

    def size(self, dim: Dim) -> Value:
        """The integer that a dim stands for."""
        return self.sizes.size(self.region, dim, self.span)

    # --- Regions ---------------------------------------------------------------------------------

    def nested(self, parameters: Sequence[Value], run: Callable[[], T]) -> Nested[T]:
        """A nested block with the statements that `run` emits."""
        block = Block(tuple(parameters))
        outer, span = self.region, self.span
        inner = Region(Builder(block), outer, dict(outer.variables))
        self.region = inner
        for parameter in parameters:
            self.sizes.define(inner, parameter)
        value: T | None
        try:
            value = run()
        except Unreachable:
            value = None
        self.region, self.span = outer, span
        return Nested(block, inner, value)


def _is_simple(expr: Expr) -> bool:
    """Whether leaving out the evaluation of an expression changes nothing."""
    match expr:
        case tree.Constant() | tree.Read() | tree.SizeOf():
            return True
        case tree.Get(value=value):
            return _is_simple(value)
        case tree.Apply(op=op, operands=operands):
            return op.effect is Effect.PURE and all(map(_is_simple, operands))
    return False
