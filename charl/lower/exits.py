"""Early exits: `return`, `break` and `continue` turned into branches and flags.

In: the body of a function. Out: an equal tree without exits, so that everything after knows only
`if`, `for` and `while`. What costs nothing comes first:

* What follows an `if` one of whose branches does not come to its end moves into the other branch:
  `if c { return x } rest` becomes `if c { x } else { rest }`, without a flag. The same holds for
  `let x = if c { v } else { continue }`, the shape of most `match`es.
* An exit at the very end of what it leaves is nothing: `continue` at the end of an iteration,
  `return` where the value of the function is made.
* Otherwise an exit clears a flag, and what follows is guarded by it: `running` per loop (break),
  `going` per iteration (continue), `active` per function (return, which also keeps its value in
  `result`). A loop that may be left goes on only while its flags stand; a counted loop becomes a
  `while` for that.

An exit inside an operand (`f(a, match b { None => return 0, Some(x) => x })`) is first moved to a
statement of its own, with the operands before it. This is the goto elimination of Erosa and
Hendren, "Taming control flow" (1994), for structured exits only, plus the tail cases.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from charl.check import tree
from charl.check.tree import Assign, Block, Evaluate, Expr, For, If, Let, Read, Variable, While
from charl.core.op import REGISTRY
from charl.lower.flow import Exit, Flow
from charl.lower.walk import Node, Undefined, children, map_children
from charl.records import field, record, replace
from charl.source import Span
from charl.types.types import BOOL, INT, UNIT, Never, Type

Statements = list[tree.Statement]


class Tail(Enum):
    """Where the value of a sequence goes: it is the function's result; nowhere, the iteration ends
    with it; or to what stands around it."""

    FUNCTION = "function"
    ITERATION = "iteration"
    VALUE = "value"


def without_exits(body: Expr, result: Type, flow: Flow) -> Expr:
    """The body of a function with result type `result`, without exits."""
    if not flow.has_exits(body):
        return body
    rewriting = _Rewriting(flow, result)
    value = rewriting.sequence([], body, Tail.FUNCTION, result)
    return _block(rewriting.flags_of_function(body.span), value)


@record(frozen=False)
class _Loop:
    """The flags of one loop, made when an exit first needs them."""

    running: Variable | None = None
    going: Variable | None = None


@record(frozen=False)
class _Rewriting:
    flow: Flow
    result_type: Type
    active: Variable | None = None
    result: Variable | None = None
    loops: list[_Loop] = field(default_factory=list)

    # --- Sequences -------------------------------------------------------------------------------

    def sequence(
        self, statements: Sequence[tree.Statement], final: Expr | None, tail: Tail, type: Type
    ) -> Expr:
        """Statements, then the value `final` (of `type`), going where `tail` says."""
        if tail is Tail.ITERATION and final is not None:
            statements, final = [*statements, Evaluate(final.span, final)], None
        done: Statements = []
        for position, statement in enumerate(statements):
            rest = statements[position + 1 :]
            if not self.flow.has_exits(statement):
                done.append(statement)
            elif self.head_escapes(statement):
                lets, hoisted = self.hoist(statement)
                assert isinstance(hoisted, tree.Statement)
                return _block(done, self.sequence([*lets, hoisted, *rest], final, tail, type))
            elif isinstance(statement, While | For):
                done += self.loop(statement)
                kinds = self.flow.escapes(statement)
                followed = bool(rest) or final is not None
                if kinds and followed and self.flow.completes(statement):
                    after = self.sequence(rest, final, tail, type)
                    return _block(done, self.guard(kinds, after, tail, type, statement.span))
            elif not self.flow.escapes(statement):
                done.append(map_children(statement, self.rewrite))
            else:
                return _block(done, self.leave(statement, rest, final, tail, type))
            if not self.flow.completes(statement):
                return _block(done, self.left(tail, type, statement.span))
        if final is None or not self.flow.has_exits(final):
            return _block(done, final)
        return _block(done, self.finish(final, tail, type))

    def finish(self, final: Expr, tail: Tail, type: Type) -> Expr:
        """A value with exits inside, going where `tail` says."""
        match final:
            case Block(statements=statements, result=result):
                return self.sequence(statements, result, tail, type)
            case If(condition=condition) if not self.flow.escapes(condition):
                then = self.sequence([], final.then, tail, type)
                otherwise = self.sequence([], final.otherwise, tail, type)
                return If(final.span, type, self.rewrite(condition), then, otherwise)
        if not self.flow.escapes(final):
            return map_children(final, self.rewrite)
        lets, value = self.hoist(final)
        assert isinstance(value, Expr)
        return self.sequence(lets, value, tail, type)

    def rewrite(self, value: Expr) -> Expr:
        """A value that no exit leaves, with the loops inside it rewritten."""
        if not self.flow.has_exits(value):
            return value
        return self.finish(value, Tail.VALUE, value.type)

    # --- Leaving ---------------------------------------------------------------------------------

    def leave(
        self,
        statement: tree.Statement,
        rest: Sequence[tree.Statement],
        final: Expr | None,
        tail: Tail,
        type: Type,
    ) -> Expr:
        """A statement that an exit may leave, and what follows it."""
        span = statement.span
        match statement:
            case tree.Return(value=value) if tail is Tail.FUNCTION:
                return self.sequence([], value, Tail.FUNCTION, self.result_type)
            case tree.Return(value=value):
                active, result = self.function_flags(span)
                kept: Statements = [
                    Assign(span, result, self.rewrite(value)),
                    Assign(span, active, _bool(span, False)),
                ]
                return _block(kept, self.left(Tail.VALUE, type, span))
            case tree.Break():
                clear = Assign(span, self.loop_flag("running", span), _bool(span, False))
                return _block([clear], self.left(tail, type, span))
            case tree.Continue() if tail is Tail.ITERATION:
                return _block([], None, span)
            case tree.Continue():
                clear = Assign(span, self.loop_flag("going", span), _bool(span, False))
                return _block([clear], self.left(tail, type, span))
            case Evaluate() | Let() | Assign():
                return self.leave_value(statement, rest, final, tail, type)
        lets, hoisted = self.hoist(statement)
        assert isinstance(hoisted, tree.Statement)
        return self.sequence([*lets, hoisted, *rest], final, tail, type)

    def leave_value(
        self,
        statement: Evaluate | Let | Assign,
        rest: Sequence[tree.Statement],
        final: Expr | None,
        tail: Tail,
        type: Type,
    ) -> Expr:
        """A statement whose value an exit may leave, and what follows it."""
        match statement.value:
            case Block() as block:
                return self.sequence([*_opened(statement, block), *rest], final, tail, type)
            case If(condition=condition) as branch if not self.flow.escapes(condition):
                return self.branch(statement, branch, rest, final, tail, type)
        lets, value = self.hoist(statement.value)
        assert isinstance(value, Expr)
        again = replace(statement, value=value)
        return self.sequence([*lets, again, *rest], final, tail, type)

    def branch(
        self,
        statement: Evaluate | Let | Assign,
        branch: If,
        rest: Sequence[tree.Statement],
        final: Expr | None,
        tail: Tail,
        type: Type,
    ) -> Expr:
        """`statement`, whose value is `branch`, and what follows it."""
        span, condition = branch.span, self.rewrite(branch.condition)

        def side(value: Expr) -> Expr:
            """One branch with what follows, if control gets there."""
            if not self.flow.completes(value):
                return self.sequence([Evaluate(value.span, value)], None, tail, type)
            return self.sequence([replace(statement, value=value), *rest], final, tail, type)

        both = self.flow.completes(branch.then) and self.flow.completes(branch.otherwise)
        if not both or (not rest and isinstance(statement, Evaluate) and _is_light(final)):
            return If(span, type, condition, side(branch.then), side(branch.otherwise))
        then = self.sequence([], branch.then, Tail.VALUE, branch.type)
        otherwise = self.sequence([], branch.otherwise, Tail.VALUE, branch.type)
        value = If(span, branch.type, condition, then, otherwise)
        before: tree.Statement
        if isinstance(statement, Assign):
            # An exit leaves the variable as it was.
            let, read = _temporary(value)
            before, rest = let, [replace(statement, value=read), *rest]
        else:
            before = replace(statement, value=value)
        if not rest and final is None:
            return _block([before], None)
        after = self.sequence(rest, final, tail, type)
        kinds = self.flow.escapes(branch)
        return _block([before], self.guard(kinds, after, tail, type, span))

    def left(self, tail: Tail, type: Type, span: Span) -> Expr | None:
        """The value of a sequence whose end is not reached."""
        match tail:
            case Tail.FUNCTION if self.result is not None:
                return Read(span, self.result_type, self.result)
            case Tail.ITERATION:
                return None
        return Undefined(span, type)

    def guard(
        self, kinds: frozenset[Exit], after: Expr, tail: Tail, type: Type, span: Span
    ) -> Expr:
        """`after`, unless one of the exits was taken."""
        flags: list[Expr] = []
        if tree.Return in kinds:
            flags.append(_read(span, self.function_flags(span)[0]))
        if tree.Break in kinds:
            flags.append(_read(span, self.loop_flag("running", span)))
        if tree.Continue in kinds:
            flags.append(_read(span, self.loop_flag("going", span)))
        left = self.left(tail, type, span) or _block([], None, span)
        return If(span, type, _all(flags), after, left)

    # --- Flags -----------------------------------------------------------------------------------

    def function_flags(self, span: Span) -> tuple[Variable, Variable]:
        if self.active is None or self.result is None:
            self.active = Variable("active", BOOL, span)
            self.result = Variable("result", self.result_type, span)
        return self.active, self.result

    def flags_of_function(self, span: Span) -> Statements:
        if self.active is None or self.result is None:
            return []
        undefined = Undefined(span, self.result_type)
        return [Let(span, self.active, _bool(span, True)), Let(span, self.result, undefined)]

    def loop_flag(self, name: str, span: Span) -> Variable:
        """The flag `running` or `going` of the innermost loop."""
        loop = self.loops[-1]
        flag: Variable | None = getattr(loop, name)
        if flag is None:
            flag = Variable(name, BOOL, span)
            setattr(loop, name, flag)
        return flag

    # --- Loops -----------------------------------------------------------------------------------

    def loop(self, statement: While | For) -> Statements:
        """A loop without exits inside, and the flags it needs."""
        if isinstance(statement, While) and self.flow.escapes(statement.condition):
            statement = _condition_inside(statement)
        kinds = self.flow.escapes(statement.body)
        if isinstance(statement, For) and kinds & {tree.Break, tree.Return}:
            lets, counted = _counted(statement)
            return [*lets, *self.loop(counted)]
        span = statement.span
        self.loops.append(_Loop())
        body = self.sequence([], statement.body, Tail.ITERATION, UNIT)
        flags = self.loops.pop()
        if flags.going is not None:
            body = _block([Let(span, flags.going, _bool(span, True))], body)
        if isinstance(statement, For):
            return [replace(statement, body=body)]
        before: Statements = []
        standing: list[Expr] = []
        if flags.running is not None:
            before.append(Let(span, flags.running, _bool(span, True)))
            standing.append(_read(span, flags.running))
        if tree.Return in kinds:
            standing.append(_read(span, self.function_flags(span)[0]))
        condition = self.rewrite(statement.condition)
        if standing:
            condition = _all_then(standing, condition)
        return [*before, While(span, condition, body)]

    # --- Operands --------------------------------------------------------------------------------

    def head_escapes(self, statement: tree.Statement) -> bool:
        """Whether an exit may leave a bound of a counted loop."""
        return isinstance(statement, For) and any(map(self.flow.escapes, _operands(statement)))

    def hoist(self, node: Node) -> tuple[Statements, Node]:
        """The operands up to the last one with an exit as statements, and the node without them."""
        operands = _operands(node)
        last = max(i for i, operand in enumerate(operands) if self.flow.escapes(operand))
        lets: Statements = []
        reads: dict[Node, Expr] = {}
        for operand in operands[: last + 1]:
            if not isinstance(operand, tree.Constant):
                let, reads[operand] = _temporary(operand)
                lets.append(let)
        return lets, _replaced(node, reads)


def _operands(node: Node) -> list[Expr]:
    """The expressions inside a node that are evaluated once, before it."""
    match node:
        case For(start=start, stop=stop, step=step):
            return [start, stop, step]
        case If(condition=condition):
            return [condition]
        case tree.GradientCall(call=call):
            return _operands(call)
    return [child for child in children(node) if isinstance(child, Expr)]


def _replaced(node: Node, reads: dict[Node, Expr]) -> Node:
    if isinstance(node, tree.GradientCall):
        call = _replaced(node.call, reads)
        assert isinstance(call, tree.Call)
        return replace(node, call=call)
    return map_children(node, lambda child: reads.get(child, child))


def _opened(statement: Evaluate | Let | Assign, block: Block) -> Statements:
    """A statement whose value is a block, as the block's statements and one for its result."""
    if block.result is not None:
        return [*block.statements, replace(statement, value=block.result)]
    if isinstance(statement, Evaluate) or isinstance(block.type, Never):
        return list(block.statements)
    return [*block.statements, replace(statement, value=tree.Make(block.span, UNIT, ()))]


def _counted(loop: For) -> tuple[Statements, While]:
    """A counted loop as a `while` that counts."""
    span = loop.span
    let_stop, stop = _temporary(loop.stop, "stop")
    let_step, step = _temporary(loop.step, "step")
    counter = Variable(loop.variable.name, INT, loop.variable.span)
    let_start = Let(span, counter, loop.start)
    now = _read(span, counter)
    match loop.step:
        case tree.Constant(value=value):
            condition = _apply(span, "lt" if value > 0 else "gt", now, stop)
        case _:
            upward = _apply(span, "gt", step, tree.Constant(span, INT, 0))
            below, above = _apply(span, "lt", now, stop), _apply(span, "gt", now, stop)
            condition = tree.Apply(span, BOOL, REGISTRY["select"], (upward, below, above), {})
    advance = tree.Apply(span, INT, REGISTRY["add"], (now, step), {})
    body: Statements = [
        Let(span, loop.variable, now),
        Assign(span, counter, advance),
        Evaluate(loop.body.span, loop.body),
    ]
    return [let_start, let_stop, let_step], While(span, condition, _block(body, None))


def _condition_inside(loop: While) -> While:
    """`while true { if condition { body } else { break } }`."""
    span = loop.condition.span
    stop = Block(span, UNIT, (tree.Break(span),), None)
    body = If(span, UNIT, loop.condition, loop.body, stop)
    return While(loop.span, _bool(span, True), body)


# --- Making nodes --------------------------------------------------------------------------------


def _block(done: Statements, result: Expr | None, span: Span | None = None) -> Expr:
    """Statements before a value; blocks are merged."""
    if not done and result is not None:
        return result
    if isinstance(result, Block):
        done, result = [*done, *result.statements], result.result
    place = span or (result.span if result is not None else done[0].span)
    return Block(place, UNIT if result is None else result.type, tuple(done), result)


def _temporary(value: Expr, name: str = "part") -> tuple[Let, Read]:
    variable = Variable(name, value.type, value.span, dim=value.dim)
    return Let(value.span, variable, value), _read(value.span, variable)


def _read(span: Span, variable: Variable) -> Read:
    return Read(span, variable.type, variable)


def _bool(span: Span, value: bool) -> Expr:
    return tree.Constant(span, BOOL, value)


def _apply(span: Span, op: str, left: Expr, right: Expr) -> Expr:
    return tree.Apply(span, BOOL, REGISTRY[op], (left, right), {})


def _all(flags: Sequence[Expr]) -> Expr:
    first, *more = flags
    for flag in more:
        first = _apply(flag.span, "and", first, flag)
    return first


def _all_then(flags: Sequence[Expr], condition: Expr) -> Expr:
    """The flags and a condition, which is not evaluated when a flag is down and it could tell."""
    match condition:
        case tree.Constant(value=True):
            return _all(flags)
        case tree.Apply(op=op, operands=operands) if op.name in _TOTAL and all(
            isinstance(o, Read | tree.Constant | tree.SizeOf) for o in operands
        ):
            return _all([*flags, condition])
    return If(condition.span, BOOL, _all(flags), condition, _bool(condition.span, False))


# Comparisons of what is at hand cannot fail, so evaluating one too many does no harm.
_TOTAL = {"lt", "le", "gt", "ge", "eq", "ne", "not"}


def _is_light(value: Expr | None) -> bool:
    """Whether a value may as well stand twice in the program."""
    match value:
        case None | tree.Constant() | Read() | tree.Make(items=()):
            return True
    return False
