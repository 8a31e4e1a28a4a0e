"""The verifier: whether Core keeps its own rules. It runs after every pass in tests and under
CHARL_VERIFY=1; what it finds is a fault of the compiler, so it raises MalformedCore.

Checked are: each value is defined once, and before its use in the same or an enclosing block; each
statement's operands and result types satisfy the op's own rule; the blocks of control flow take
and yield what their statement carries; calls match their function; no `gradient` is left when
autodiff is done. Sizes agree unless they provably differ: a pass may know more than a rule does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from charl.core.builder import CONTEXT, MalformedCore
from charl.core.clone import Renaming
from charl.core.ir import Block, Function, Program, Statement, Value
from charl.core.op import REGISTRY, Effect, Kind, Op
from charl.core.printer import Names, print_statement
from charl.diagnostics.diagnostic import Diagnostic
from charl.types import dims
from charl.types.dims import Dim, Verdict
from charl.types.dtypes import DType
from charl.types.types import BOOL, INT, Box, Handle, List, String, Tensor, Type


def verify(program: Program, *, gradients: bool = True) -> None:
    """Raise MalformedCore unless the program is sound; `gradients` allows `gradient`."""
    if program.entry not in program.functions:
        raise MalformedCore(f"the entry function {program.entry} is missing")
    for name, function in program.functions.items():
        if name != function.name:
            raise MalformedCore(f"function {function.name} is entered as {name}")
        verify_function(function, program, gradients=gradients)


def verify_function(function: Function, program: Program, *, gradients: bool = True) -> None:
    _Verifier(function, program, gradients).run()


def agree(left: Type, right: Type) -> bool:
    """Whether a value of one type can stand for one of the other; open sizes may differ."""
    match left, right:
        case Tensor(), Tensor():
            return (
                left.dtype == right.dtype
                and len(left.shape) == len(right.shape)
                and all(map(_may_equal, left.shape, right.shape))
            )
        case List(), List():
            return agree(left.element, right.element)
    return left == right


def _may_equal(left: Dim, right: Dim) -> bool:
    return dims.compare(left, right) is not Verdict.DIFFERENT


class _Verifier:
    def __init__(self, function: Function, program: Program, gradients: bool) -> None:
        self.function, self.program, self.gradients = function, program, gradients
        self.defined: set[Value] = set()
        self.statement: Statement | None = None

    def run(self) -> None:
        self.block(self.function.body, set())

    def fail(self, why: str) -> None:
        message = f"in @{self.function.name}: {why}"
        if self.statement is not None:
            message += "\n  " + print_statement(self.statement, Names(self.function))
        raise MalformedCore(message)

    def demand(self, condition: bool, why: str) -> None:
        if not condition:
            self.fail(why)

    # --- Scopes --------------------------------------------------------------------------------

    def block(self, block: Block, scope: set[Value]) -> None:
        """Verify a block in which the values of `scope` can be seen."""
        scope = set(scope)
        self.define(block.parameters, scope)
        for statement in block.statements:
            self.statement = statement
            for operand in statement.operands:
                if operand not in scope:
                    self.fail(f"operand `{operand.name}` is not defined here")
            self.check(statement)
            for nested in statement.blocks:
                self.block(nested, scope)
            self.statement = statement
            self.define(statement.results, scope)
        self.statement = None
        for value in block.results:
            if value not in scope:
                self.fail(f"a block yields `{value.name}`, which is not defined in it")

    def define(self, values: Sequence[Value], scope: set[Value]) -> None:
        for value in values:
            self.demand(value not in self.defined, f"`{value.name}` is defined twice")
            self.demand(_is_core_type(value.type), f"{value.type!r} is no type of Core")
            has_dim = value.dim is not None
            self.demand(not has_dim or value.type == INT, "only int64 scalars have a dim")
            self.defined.add(value)
            scope.add(value)

    # --- Statements ----------------------------------------------------------------------------

    def check(self, statement: Statement) -> None:
        self.demand(REGISTRY.get(statement.op.name) is statement.op, "this op is not declared")
        control = _CONTROL.get(statement.op.name)
        if control is not None:
            control(self, statement)
            return
        self.demand(not statement.blocks, "this op takes no blocks")
        count = _operand_count(statement.op)
        self.demand(count in (None, len(statement.operands)), f"needs {count} operands")
        try:
            types = statement.op.rule(CONTEXT, statement.operands, statement.attributes)
        except MalformedCore as problem:
            self.fail(str(problem))
        except (AssertionError, IndexError, KeyError, ValueError, TypeError) as problem:
            self.fail(f"its rule rejects the operands or attributes: {problem!r}")
        self.results(statement, types, "its rule")

    def results(self, statement: Statement, types: Sequence[Type], of: str) -> None:
        self.match([v.type for v in statement.results], types, f"the results and those of {of}")

    def match(self, left: Sequence[Type], right: Sequence[Type], what: str) -> None:
        same = len(left) == len(right) and all(map(agree, left, right))
        self.demand(same, f"{what} do not agree: {_show(left)} and {_show(right)}")

    def carried(self, block: Block, types: Sequence[Type], what: str) -> None:
        self.match([v.type for v in block.parameters], types, f"the parameters of {what}")

    def yielded(self, block: Block, types: Sequence[Type], what: str) -> None:
        self.match([v.type for v in block.results], types, f"what {what} yields")

    def scalar(self, value: Value, type: Type, what: str) -> None:
        self.demand(value.type == type, f"{what} must be a scalar of type {type}")

    def blocks(self, statement: Statement, count: int) -> None:
        self.demand(len(statement.blocks) == count, f"needs {count} blocks")

    def callee(self, statement: Statement, attribute: str) -> Function:
        name = statement.attributes.get(attribute)
        if not isinstance(name, str) or name not in self.program.functions:
            self.fail(f"there is no function @{name}")
        return self.program.functions[str(name)]

    def signature(self, callee: Function, arguments: Sequence[Type]) -> list[Type]:
        """Demand that the arguments fit; the result types with the caller's sizes put in."""
        parameters = callee.body.parameters
        renaming = Renaming()
        for parameter, argument in zip(parameters, arguments):
            renaming.bind(parameter, Value(argument))
        expected = [renaming.type(v.type) for v in parameters]
        self.match(expected, arguments, f"the parameters of @{callee.name} and the arguments")
        return [renaming.type(t) for t in callee.result_types]


def _operand_count(op: Op) -> int | None:
    """How many operands an op takes; None for lists of them and for control."""
    operands = [p for p in op.parameters if not p.kind.is_attribute]
    variadic = any(p.kind in (Kind.TENSORS, Kind.DIMS) for p in operands)
    return None if variadic or op.evaluate is None else len(operands)


def _types(values: Sequence[Value]) -> list[Type]:
    return [value.type for value in values]


def _constant(v: _Verifier, s: Statement) -> None:
    v.demand(not s.operands and len(s.results) == 1, "one result and no operands")
    v.demand("value" in s.attributes or s.op.name == "undefined", "needs a value")
    v.results(s, (s.attributes["type"],), "its attribute")


def _if(v: _Verifier, s: Statement) -> None:
    v.demand(len(s.operands) == 1, "needs one condition")
    v.scalar(s.operands[0], BOOL, "the condition")
    v.blocks(s, 2)
    for block, word in zip(s.blocks, ("then", "else")):
        v.carried(block, (), f"the {word} block")
        v.yielded(block, _types(s.results), f"the {word} block")


def _for(v: _Verifier, s: Statement) -> None:
    v.demand(len(s.operands) >= 3, "needs a start, a stop and a step")
    for bound in s.operands[:3]:
        v.scalar(bound, INT, "a bound of the loop")
    v.blocks(s, 1)
    carries = _types(s.operands[3:])
    v.carried(s.blocks[0], [INT, *carries], "the loop and its initial values")
    v.yielded(s.blocks[0], carries, "the loop")
    v.results(s, carries, "the loop")


def _while(v: _Verifier, s: Statement) -> None:
    v.blocks(s, 2)
    condition, body = s.blocks
    carries = _types(s.operands)
    v.carried(condition, carries, "the condition and the initial values")
    v.carried(body, carries, "the loop and its initial values")
    v.yielded(condition, [BOOL], "the condition")
    v.yielded(body, carries, "the loop")
    v.results(s, carries, "the loop")


def _call(v: _Verifier, s: Statement) -> None:
    callee = v.callee(s, "function")
    results = v.signature(callee, _types(s.operands))
    v.results(s, results, f"@{callee.name}")
    if s.op.name == "custom_call":
        arguments = _types(s.operands)
        backward = v.callee(s, "backward")
        cotangents = v.signature(backward, [*arguments, *results, *results])
        v.match(cotangents, arguments, f"the results of @{backward.name} and the arguments")


def _gradient(v: _Verifier, s: Statement) -> None:
    v.demand(v.gradients, "autodiff left this behind")
    v.demand(len(s.operands) >= 1, "needs a value to differentiate")
    y = s.operands[0].type
    is_float = isinstance(y, Tensor) and isinstance(y.dtype, DType) and y.dtype.is_float
    v.demand(is_float and isinstance(y, Tensor) and not y.shape, "differentiates a float scalar")
    v.results(s, _types(s.operands[1:]), "what it is taken with respect to")


def _scan(v: _Verifier, s: Statement) -> None:
    v.blocks(s, 1)
    items: list[Type] = []
    for operand in s.operands:
        tensor = operand.type
        if not isinstance(tensor, Tensor) or not tensor.shape:
            v.fail("scans tensors along their leading axis")
        assert isinstance(tensor, Tensor)
        items.append(Tensor(tensor.dtype, tensor.shape[1:]))
    v.carried(s.blocks[0], items * 2, "the combination")
    v.yielded(s.blocks[0], items, "the combination")
    pure = all(inner.op.effect is not Effect.EFFECT for inner in s.blocks[0].walk())
    v.demand(pure, "the combination of a scan must not act on the world")
    v.results(s, _types(s.operands), "what it scans")


def _check(v: _Verifier, s: Statement) -> None:
    told = isinstance(s.attributes.get("failure"), Diagnostic) or "message" in s.attributes
    v.demand(told, "needs what to say when it fails")
    v.demand(not s.results, "has no results")
    if s.op.name == "check":
        v.demand(len(s.operands) >= 1, "needs a condition")
        v.scalar(s.operands[0], BOOL, "the condition")


_CONTROL: dict[str, Callable[[_Verifier, Statement], None]] = {
    "constant": _constant,
    "undefined": _constant,
    "if": _if,
    "for": _for,
    "while": _while,
    "call": _call,
    "custom_call": _call,
    "gradient": _gradient,
    "scan": _scan,
    "check": _check,
    "fail": _check,
}


def _is_core_type(type: Type) -> bool:
    match type:
        case Tensor(dtype, _):
            return isinstance(dtype, DType)
        case List(element):
            return _is_core_type(element)
    return isinstance(type, String | Box | Handle)


def _show(types: Sequence[Type]) -> str:
    return f"({', '.join(str(t) for t in types)})"
