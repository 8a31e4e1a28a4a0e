"""Rewriting a function by one rule, statement after statement.

A pass gives a `rule(rewriter, statement)`, which returns the values to use instead of the
statement's results, having emitted what they need through `rewriter.builder`; or None to keep the
statement. Statements are offered in order, operands already replaced, nested blocks not yet
rewritten (a rule that drops a block need not pay for it).

What does not change is shared with the old function: a statement is rebuilt only when an operand or
a block changed, its results only when their types became better known. Replacing a value also
teaches what its symbols are: when a result of `f32[n]` gives way to one of `f32[64]`, every later
`n` becomes 64, and statements that use such values have their types derived anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from charl.core.builder import Builder, CoreContext, result_dim
from charl.core.clone import Renaming
from charl.core.ir import Block, Function, Program, Statement, Value
from charl.records import field, record
from charl.types import dims
from charl.types.dims import Dim, Symbol
from charl.types.types import INT, Tensor, Type

# The results of these do not follow from the operands and attributes alone.
UNDERIVED = {"if", "for", "while", "scan", "call", "custom_call", "constant", "undefined"}

Rule = Callable[["Rewriter", Statement], "Sequence[Value] | None"]


def rewrite_program(program: Program, rule: Callable[[], Rule]) -> Program:
    """Every function rewritten, each by a rule of its own."""
    functions = {name: rewrite(f, rule()) for name, f in program.functions.items()}
    return Program(functions, program.entry)


def rewrite(function: Function, rule: Rule) -> Function:
    return rewrite_by(Rewriter(rule), function)


def rewrite_by(rewriter: Rewriter, function: Function) -> Function:
    body = rewriter.block(function.body)
    if body is function.body:
        return function
    return Function(function.name, body, function.shown, function.span)


class _Refining(CoreContext):
    """A rule context that remembers which symbols it made up."""

    def __init__(self) -> None:
        self.made: set[Symbol] = set()

    def unknown(self, name: str) -> Dim:
        dim = dims.symbol(name)
        self.made.update(dims.symbols(dim))
        return dim


@record(frozen=False)
class Rewriter:
    """`definitions` are the statements that made the values of the new function. `on_enter` and
    `on_leave` are called around nested blocks, `on_kept` with every statement that is kept."""

    rule: Rule
    builder: Builder = field(default_factory=lambda: Builder(Block()))
    renaming: Renaming = field(default_factory=Renaming)
    definitions: dict[Value, Statement] = field(default_factory=dict)
    on_kept: Callable[[Statement], None] = lambda statement: None
    on_enter: Callable[[Block], None] = lambda block: None
    on_leave: Callable[[], None] = lambda: None

    # --- What rules ask -------------------------------------------------------------------------

    def definition(self, value: Value, op: str) -> Statement | None:
        """The statement that made a value, when it is of that op."""
        statement = self.definitions.get(value)
        return statement if statement is not None and statement.op.name == op else None

    def constant(self, value: Value) -> Any:
        """The int, float, bool, string or array that a value is known to be; else None."""
        statement = self.definitions.get(value)
        if statement is None or statement.op.name != "constant":
            return None
        return statement.attributes["value"]

    def emit(self, op: str, *operands: Value | float, **attributes: Any) -> Value:
        """Emit a statement of one result."""
        start = len(self.builder.block.statements)
        result: Value = self.builder(op, *operands, **attributes)
        self.learn(start)
        return result

    def emit_constant(self, value: Any, type: Type) -> Value:
        start = len(self.builder.block.statements)
        result = self.builder.constant(value, type)
        self.learn(start)
        return result

    def emit_like(self, statement: Statement, operands: Sequence[Value]) -> tuple[Value, ...]:
        """Emit the statement with other operands, which do not change its results' types."""
        results = tuple([Value(v.type, v.dim, v.name) for v in map(self._known, statement.results)])
        new = Statement(
            statement.op, tuple(operands), statement.attributes, (), results, statement.span
        )
        self.builder.block.statements.append(new)
        for result in results:
            self.definitions[result] = new
        return results

    def learn(self, start: int) -> None:
        """Enter what was emitted since position `start` into the definitions."""
        for statement in self.builder.block.statements[start:]:
            for result in statement.results:
                self.definitions[result] = statement

    def splice(self, block: Block, arguments: Sequence[Value]) -> tuple[Value, ...]:
        """A nested block's statements, rewritten, at the present place; its results."""
        for parameter, argument in zip(block.parameters, arguments, strict=True):
            self.renaming.bind(parameter, argument)
        for statement in block.statements:
            self.statement(statement)
        return tuple([self.renaming.value(v) for v in block.results])

    # --- The walk -------------------------------------------------------------------------------

    def block(self, old: Block) -> Block:
        """The block rewritten; the old one itself when nothing changed."""
        outer, symbols = self.builder, self.renaming.symbols
        # What is learnt of a size in a block may not hold where the block did not run.
        self.renaming.symbols = dict(symbols)
        replaced = self.renaming.values
        parameters = tuple([v if v in replaced else self._known(v) for v in old.parameters])
        self.builder = Builder(Block(parameters))
        self.on_enter(self.builder.block)
        for statement in old.statements:
            self.statement(statement)
        self.on_leave()
        self.renaming.symbols = symbols
        new, self.builder = self.builder.block, outer
        new.results = tuple([self.renaming.value(v) for v in old.results])
        same = (
            parameters == old.parameters
            and new.results == old.results
            and len(new.statements) == len(old.statements)
            and all(map(_is, new.statements, old.statements))
        )
        return old if same else new

    def statement(self, old: Statement) -> None:
        values = self.renaming.values
        operands = old.operands
        if values:
            operands = tuple([values.get(v, v) for v in operands])
        statement = old
        if any(map(_is_not, operands, old.operands)):
            attributes = self.renaming.attributes(old.attributes)
            statement = Statement(old.op, operands, attributes, old.blocks, old.results, old.span)
        self.builder.span = old.span
        replacement = self.rule(self, statement)
        if replacement is not None:
            for result, new in zip(old.results, replacement, strict=True):
                if result is not new:
                    self.renaming.bind(result, new)
            return
        if old.blocks:
            blocks = tuple([self.block(b) for b in statement.blocks])
            if any(map(_is_not, blocks, statement.blocks)):
                statement = Statement(
                    old.op, operands, statement.attributes, blocks, old.results, old.span
                )
        self.keep(statement, old)

    def keep(self, statement: Statement, old: Statement) -> None:
        """Append a statement, its results' types brought up to date."""
        if statement is not old or self.renaming.symbols:
            results = self._results(statement, old)
            if any(map(_is_not, results, old.results)):
                for before, after in zip(old.results, results):
                    if before not in self.renaming.values:
                        self.renaming.bind(before, after)
                attributes = self.renaming.attributes(statement.attributes)
                statement = Statement(
                    statement.op,
                    statement.operands,
                    attributes,
                    statement.blocks,
                    results,
                    statement.span,
                )
        self.builder.block.statements.append(statement)
        for result in statement.results:
            self.definitions[result] = statement
        self.on_kept(statement)

    def _known(self, value: Value) -> Value:
        """The value with what is known of its symbols put in; itself when that is nothing new."""
        if not self.renaming.symbols:
            return value
        type, dim = self.renaming.type(value.type), self.renaming.dim(value.dim)
        if type == value.type and dim == value.dim:
            return value
        new = Value(type, dim, value.name)
        self.renaming.values[value] = new
        return new

    def _results(self, statement: Statement, old: Statement) -> tuple[Value, ...]:
        better = any(
            new.dim != was.dim or new.type != was.type
            for new, was in zip(statement.operands, old.operands)
        )
        if not better or statement.op.name in UNDERIVED:
            return tuple([self._known(v) for v in old.results])
        context = _Refining()
        derived = statement.op.rule(context, statement.operands, statement.attributes)
        dim = result_dim(statement.op, statement.operands, statement.attributes)
        return tuple([self._refined(v, t, dim, context) for v, t in zip(old.results, derived)])

    def _refined(self, value: Value, type: Type, dim: Dim | None, context: _Refining) -> Value:
        """The value with its type as derived, except where that was left open."""
        known = self.renaming.type(value.type)
        if isinstance(type, Tensor) and isinstance(known, Tensor):
            sizes = [
                was if isinstance(was, int) or _is_open(now, context) else now
                for was, now in zip(known.shape, type.shape)
            ]
            known = Tensor(known.dtype, tuple(sizes))
        dim = dim if dim is not None and known == INT else self.renaming.dim(value.dim)
        if known == value.type and dim == value.dim:
            return value
        return Value(known, dim, value.name)


def _is_open(dim: Dim, context: _Refining) -> bool:
    return isinstance(dim, dims.Unknown) or any(s in context.made for s in dims.symbols(dim))


def _is(left: Any, right: Any) -> bool:
    return left is right


def _is_not(left: Any, right: Any) -> bool:
    return left is not right


def same_shape(left: Value, right: Value) -> bool:
    """Whether two tensors provably have one shape."""
    return left.rank == right.rank and all(map(equal, left.shape, right.shape))


def equal(left: Dim | None, right: Dim | None) -> bool:
    """Whether two sizes are provably equal."""
    if left is None or right is None:
        return False
    return dims.compare(left, right) is dims.Verdict.EQUAL
