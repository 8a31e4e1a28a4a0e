"""The code generator: one Core function becomes one Python function.

Each Core value lives in a local variable (`liveness.py` says which), `if` and loops become those
of Python, scalar ops become expressions (`forms.py`), everything else a call of the op's evaluation
bound to its operand types. So a statement costs a few bytecodes beyond its NumPy work.

Nothing is spent on error reporting while the program runs well: the generator remembers which
statement each line came from, and `faults.py` reads the line numbers of a Python traceback.

    fn @sum_to(%n: i64) {                        def f1(v1, _=None):
      %zero: i64 = 0                                v2 = 0
      %one: i64 = 1                                 for v3 in range(0, v1, 1):
      %s = for %zero, %n, %one, %zero                   if not ...(t := v2 + v3)...: k1(v2, v3)
             do (%i, %acc) {                            v2 = t
        %t: i64 = add %acc, %i                      return v2
        yield %t
      }
      return %s
    }
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from math import prod
from typing import Any, Protocol

import numpy as np

from charl.core.effects import Effects
from charl.core.ir import Block, Function, Statement, Value
from charl.interp.borrow import find_borrowed
from charl.interp.elide import elide
from charl.interp.forms import FORMS, Intervals, scalar_form
from charl.interp.liveness import Move, Plan, owns_memory, plan_function
from charl.interp.support import (
    OWNED,
    constant_value,
    reporter,
    scan_runner,
    shape_reporter,
)
from charl.records import field, record
from charl.types.dtypes import DType
from charl.types.types import List, Tensor, Type

# Arrays smaller than this (bytes) are not worth a look at who owns them before arithmetic.
WORTH_REUSING = 1 << 16
COMMUTATIVE = {"add", "mul"}
# What may stand as a condition: it cannot fail.
CONDITIONS = {"eq", "ne", "lt", "le", "gt", "ge", "not", "and", "or"}


class Surroundings(Protocol):
    """What the generated code refers to by name."""

    @property
    def effects(self) -> Effects:
        """What each function may do besides computing its results."""

    def keep(self, value: Any, hint: str = "k") -> str:
        """The global name under which generated code finds a Python object."""

    def function_name(self, name: str) -> str:
        """The global name of a compiled Core function."""


@record(frozen=False)
class Code:
    """`source` defines the function `name`; line `n` came from `statements[n - 1]`."""

    name: str
    source: str
    statements: list[Statement | None]
    plan: Plan
    constants: dict[Value, Any] = field(default_factory=dict)


def emit(function: Function, name: str, surroundings: Surroundings) -> Code:
    return Emitter(function, name, surroundings).function()


class Emitter:
    def __init__(self, function: Function, name: str, surroundings: Surroundings) -> None:
        self.surroundings = surroundings
        self.core = function
        self.name = name
        self.lines: list[str] = []
        self.statements: list[Statement | None] = []
        self.indent = 0
        self.intervals = Intervals()
        self.updated = updated_types(function.body)
        self.uses = use_counts(function.body)
        self.constants: dict[Value, Any] = {}
        elided = elide(function)
        self.views = elided.views
        self.elided = {**elided.aliases}
        literals = self.literals(function.body)
        self.plan = plan_function(
            function, surroundings.effects, dict(elided.aliases), literals, set(elided.views)
        )
        self.borrowed = find_borrowed(function, self.plan)

    def literals(self, body: Block) -> dict[Value, str]:
        """The expressions of constants; small ones are written out, the rest are globals."""
        found: dict[Value, str] = {}
        for statement in body.walk():
            if statement.op.name == "undefined":
                found[statement.results[0]] = self.placeholder(statement.results[0].type)
            elif statement.op.name == "constant":
                (result,) = statement.results
                value = constant_value(statement.attributes["value"], result.type)
                self.constants[result] = value
                if type(value) is int:
                    self.intervals.learn(result, (value, value))
                plain = type(value) in (int, bool, str) or (
                    type(value) is float and value - value == 0
                )
                text = repr(value) if plain else self.surroundings.keep(value, "c")
                found[result] = f"({text})" if text.startswith("-") else text
        return found

    def placeholder(self, type: Type) -> str:
        """A value nobody reads. Its size may be asked for all the same: by the zeros that are its
        gradient (of the payload of an enum's other variant, say)."""
        match type:
            case Tensor(dtype, shape) if not all(isinstance(d, int) for d in shape):
                assert isinstance(dtype, DType)
                sizes = [d if isinstance(d, int) else 0 for d in shape]
                return self.surroundings.keep(np.zeros(sizes, dtype.numpy), "c")
            case List():
                return "[]"
        return "None"

    # --- Text ----------------------------------------------------------------------------------

    def put(self, text: str, statement: Statement | None) -> None:
        self.lines.append(" " * self.indent + text)
        self.statements.append(statement)

    def reference(self, value: Value) -> str:
        return self.plan.reference(value)

    def target(self, statement: Statement) -> str:
        return self.plan.variable(statement.results[0])

    def assign(self, statement: Statement, expression: str) -> None:
        self.put(f"{self.target(statement)} = {expression}", statement)

    def evaluation(self, statement: Statement) -> str:
        """The global name of the op's evaluation for the statement's operand types."""
        kinds = [self.effective_type(v) for v in statement.operands]
        return self.surroundings.keep(statement.op.bind(kinds, statement.attributes))

    def effective_type(self, value: Value) -> Type:
        """The operand's type as it arrives: an elided broadcast of a scalar is a scalar."""
        while value in self.elided:
            value = self.elided[value]
        return value.type

    # --- Functions and blocks --------------------------------------------------------------------

    def function(self) -> Code:
        parameters = [self.plan.variable(v) for v in self.core.body.parameters]
        self.put(f"def {self.name}({', '.join([*parameters, '_=None'])}):", None)
        self.indent += 1
        self.block(self.core.body)
        results = ", ".join(self.reference(v) for v in self.core.body.results)
        self.put(f"return {results}" if results else "return ()", None)
        source = "\n".join(self.lines)
        return Code(self.name, source, self.statements, self.plan, self.constants)

    def block(self, block: Block) -> None:
        for statement in block.statements:
            if statement not in self.plan.dead:
                self.statement(statement)

    def nested(self, block: Block, statement: Statement) -> None:
        """A block's lines, its yields included, one level deeper."""
        self.indent += 1
        before = len(self.lines)
        unused = self.plan.unused_on_entry.get(block, ())
        self.clear([self.plan.variable(v) for v in unused], statement)
        self.block(block)
        self.moves(self.plan.yields.get(block, ()), statement)
        if len(self.lines) == before:
            self.put("pass", statement)
        self.indent -= 1

    def moves(self, moves: Sequence[Move], statement: Statement) -> None:
        """Assign all targets at once; sources that die are cleared, as their owner has changed."""
        pairs = [(self.plan.variable(m.target), self.reference(m.source)) for m in moves]
        needed = [(target, source) for target, source in pairs if target != source]
        targets, sources = [t for t, _ in needed], [s for _, s in needed]
        if any(source in targets[:place] for place, source in enumerate(sources)):
            self.put(f"{', '.join(targets)} = {', '.join(sources)}", statement)
        else:
            for target, source in needed:
                self.put(f"{target} = {source}", statement)
        kept = {target for target, _ in pairs}
        dying = [
            source
            for (_, source), move in zip(pairs, moves)
            if move.dies and owns_memory(move.source.type) and self.is_variable(move.source)
        ]
        self.clear([name for name in dying if name not in kept], statement)

    def is_variable(self, value: Value) -> bool:
        return self.plan.canonical(value) not in self.plan.literals

    def clear(self, names: Sequence[str], statement: Statement) -> None:
        if names:
            self.put(f"{' = '.join(dict.fromkeys(names))} = None", statement)

    # --- Statements ------------------------------------------------------------------------------

    def statement(self, statement: Statement) -> None:
        control = _CONTROL.get(statement.op.name)
        given: set[str] = set()
        if statement.op.name in ("call", "custom_call"):
            given = self.call(statement)
        elif control is not None:
            control(self, statement)
        elif statement in self.views:
            operand = self.reference(statement.operands[0])
            self.assign(statement, f"{operand}[{self.views[statement]}]")
        elif not self.written_out(statement):
            self.evaluated(statement)
        kept = {self.plan.variable(v) for v in statement.results} | given
        dying = [self.plan.variable(v) for v in self.plan.dying.get(statement, ())]
        self.clear([name for name in dying if name not in kept], statement)

    def written_out(self, statement: Statement) -> bool:
        form = FORMS.get(statement.op.name)
        return scalar_form(self, statement) or (form is not None and form(self, statement))

    def evaluated(self, statement: Statement) -> None:
        """A call of the op's evaluation, in place where the first operand is ours to overwrite."""
        operands = [self.reference(v) for v in statement.operands]
        call = f"{self.evaluation(statement)}({', '.join(operands)})"
        order = self.overwritable(statement)
        if order is not None:
            first = statement.operands[order[0]]
            variable = self.reference(first)
            in_place = self.surroundings.keep(bound_in_place(statement))
            reused = f"{in_place}({', '.join(operands[i] for i in order)})"
            test = self.owned(first)
            if statement.op.elementwise and not is_large(first.type):
                test = f"{variable}.nbytes >= {WORTH_REUSING} and {test}"
            call = f"{reused} if {test} else {call}"
        self.assign_results(statement, call)

    def assign_results(self, statement: Statement, call: str) -> None:
        targets = ", ".join(self.plan.variable(v) for v in statement.results)
        self.put(f"{targets} = {call}" if targets else call, statement)

    def overwritable(self, statement: Statement) -> list[int] | None:
        """The order of operands for the op's `in_place`, when its first operand dies here."""
        if statement.op.in_place is None:
            return None
        dying = self.plan.dying.get(statement, ())
        count = len(statement.operands)
        candidates = [0, 1] if statement.op.name in COMMUTATIVE else [0]
        for first in candidates:
            operand = statement.operands[first]
            if self.plan.canonical(operand) not in dying or operand in self.elided:
                continue
            if statement.op.elementwise and not worth_reusing(operand.type, statement):
                continue
            return [first, *(i for i in range(count) if i != first)]
        return None

    def own(self, statement: Statement) -> str:
        """Make the first operand the result's own, copied unless nobody else sees it."""
        operand, target = statement.operands[0], self.target(statement)
        source = self.reference(operand)
        copy = f"{source}.copy()"
        if self.plan.canonical(operand) not in self.plan.dying.get(statement, ()):
            self.put(f"{target} = {copy}", statement)
        elif target == source:
            self.put(f"if not ({self.owned(operand)}): {target} = {copy}", statement)
        else:
            self.put(f"{target} = {source} if {self.owned(operand)} else {copy}", statement)
        return target

    def owned(self, value: Value) -> str:
        """The test that the value's variable is its only owner. A view's memory is its base's."""
        variable = self.reference(value)
        counted = f"references({variable}) == {OWNED}"
        is_list = isinstance(value.type, List)
        return counted if is_list else f"{counted} and {variable}.base is None"

    def is_updated(self, type: Type) -> bool:
        """Whether the function updates tensors like this one."""
        assert isinstance(type, Tensor)
        return (type.dtype, len(type.shape)) in self.updated

    # --- Control ---------------------------------------------------------------------------------

    def condition(self, value: Value) -> str:
        """The expression of a condition: a comparison that stands on the last line and serves
        nothing else is taken from there."""
        name = self.reference(value)
        made = self.statements[-1]
        before = f"{' ' * self.indent}{name} = "
        if (
            made is None
            or made.op.name not in CONDITIONS
            or made.results[0] is not value
            or self.uses[value] != 1
            or not self.lines[-1].startswith(before)
        ):
            return name
        self.statements.pop()
        return f"({self.lines.pop().removeprefix(before)})"

    def if_(self, statement: Statement) -> None:
        condition = self.condition(statement.operands[0])
        then, otherwise = statement.blocks
        start = len(self.lines)
        self.put(f"if {condition}:", statement)
        self.nested(then, statement)
        before = len(self.lines)
        self.put("else:", statement)
        self.nested(otherwise, statement)
        if self.is_pass(before + 1):
            del self.lines[before:], self.statements[before:]
        elif self.is_pass(start + 1):
            del self.lines[start : before + 1], self.statements[start : before + 1]
            self.lines.insert(start, f"{' ' * self.indent}if not {condition}:")
            self.statements.insert(start, statement)

    def is_pass(self, line: int) -> bool:
        return self.lines[line].strip() == "pass"

    def for_(self, statement: Statement) -> None:
        (body,) = statement.blocks
        bounds_ = statement.operands[:3]
        self.moves(self.plan.entries[statement], statement)
        index = body.parameters[0]
        lows, highs, steps = (self.intervals.of(v) for v in bounds_)
        if steps[0] > 0:
            self.intervals.learn(index, (lows[0], max(lows[0], highs[1] - 1)))
        elif steps[1] < 0:
            self.intervals.learn(index, (min(lows[1], highs[0] + 1), lows[1]))
        low, high, step = (self.reference(v) for v in bounds_)
        rounds = f"{low}, {high}, {step}"
        if step == "1":
            rounds = high if low == "0" else f"{low}, {high}"
        self.put(f"for {self.plan.variable(index)} in range({rounds}):", statement)
        self.nested(body, statement)
        self.moves(self.plan.exits[statement], statement)

    def while_(self, statement: Statement) -> None:
        condition, body = statement.blocks
        self.moves(self.plan.entries[statement], statement)
        self.put("while True:", statement)
        self.indent += 1
        self.block(condition)
        self.put(f"if not {self.condition(condition.results[0])}: break", statement)
        self.indent -= 1
        self.nested(body, statement)
        self.moves(self.plan.exits[statement], statement)

    def call(self, statement: Statement) -> set[str]:
        """Arguments used for the last time are given away, so that the callee may own them: a
        further argument sets their variables to None once they are on Python's stack."""
        callee = self.surroundings.function_name(statement.attributes["function"])
        arguments = [self.reference(v) for v in statement.operands]
        given = [
            self.plan.variable(v)
            for v in self.plan.dying.get(statement, ())
            if isinstance(v.type, List | Tensor)
        ]
        if given:
            arguments.append(f"({' := ('.join(given)} := None{')' * len(given)}")
        self.assign_results(statement, f"{callee}({', '.join(arguments)})")
        return set(given)

    def scan(self, statement: Statement) -> None:
        run = self.surroundings.keep(scan_runner(statement), "scan")
        combine = self.surroundings.function_name(statement.attributes["combine"])
        operands = "".join(f", {self.reference(v)}" for v in statement.operands)
        targets = "".join(f"{self.plan.variable(v)}, " for v in statement.results)
        self.put(f"{targets}= {run}({combine}{operands})", statement)

    def check(self, statement: Statement) -> None:
        shown = [self.reference(v) for v in statement.operands[1:]]
        report = self.surroundings.keep(reporter(statement), "failed")
        condition = self.condition(statement.operands[0])
        self.put(f"if not {condition}: {report}({', '.join(shown)})", statement)

    def fail(self, statement: Statement) -> None:
        report = self.surroundings.keep(reporter(statement), "failed")
        self.put(f"{report}({', '.join(self.reference(v) for v in statement.operands)})", statement)

    def ensure_shape(self, statement: Statement) -> None:
        operand, *sizes = (self.reference(v) for v in statement.operands)
        if not sizes:
            return
        report = self.surroundings.keep(shape_reporter(statement), "failed")
        wanted = "".join(f"{size}, " for size in sizes)
        self.put(f"if {operand}.shape != ({wanted}): {report}({operand}, {wanted})", statement)


_CONTROL: dict[str, Callable[[Emitter, Statement], None]] = {
    "if": Emitter.if_,
    "for": Emitter.for_,
    "while": Emitter.while_,
    "scan": Emitter.scan,
    "check": Emitter.check,
    "fail": Emitter.fail,
    "ensure_shape": Emitter.ensure_shape,
}


def use_counts(body: Block) -> Counter[Value]:
    """How often each value is an operand or a result of a block."""
    counts = Counter(body.results)
    for statement in body.walk():
        counts.update(statement.operands)
        for block in statement.blocks:
            counts.update(block.results)
    return counts


def updated_types(body: Block) -> set[tuple[Any, int]]:
    """The dtypes and ranks of tensors that are updated, for more than one elementwise result."""
    return {
        (s.operands[0].type.dtype, len(s.operands[0].type.shape))
        for s in body.walk()
        if s.op.in_place and not s.op.elementwise and isinstance(s.operands[0].type, Tensor)
    }


def is_large(type: Type) -> bool:
    """Whether arrays of this type are known to be worth reusing."""
    size = known_bytes(type)
    return size is not None and size >= WORTH_REUSING


def worth_reusing(type: Type, statement: Statement) -> bool:
    """Whether an array of this type may serve as the result of an elementwise statement."""
    result = statement.results[0].type
    if not isinstance(type, Tensor) or not type.shape or type != result:
        return False
    size = known_bytes(type)
    return size is None or size >= WORTH_REUSING


def known_bytes(type: Type) -> int | None:
    """The memory an array takes, when all its sizes are known."""
    assert isinstance(type, Tensor) and isinstance(type.dtype, DType)
    sizes = [size for size in type.shape if isinstance(size, int)]
    if len(sizes) != len(type.shape):
        return None
    return prod(sizes) * type.dtype.bits // 8


def bound_in_place(statement: Statement) -> Callable[..., Any]:
    in_place, attributes = statement.op.in_place, statement.attributes
    assert in_place is not None
    return partial(in_place, **attributes) if attributes else in_place
