"""Activity: which values lie on a path from the xs to y.

A value is *varied* when it depends differentiably on an x, *useful* when y depends differentiably
on it; only values that are both get a cotangent. Both are least fixpoints over the statements:
forward for varied, backward for useful; a loop is walked until its carried values settle, a call
asks for the summary of its function, which recursion settles in rounds.

The analysis errs on the side of activity: an active value may turn out to have no cotangent, and
that is a zero. Source: the activity analysis of Hascoët and Pascual, "The Tapenade automatic
differentiation tool", ACM TOMS 39(3), 2013, section 4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from charl.core.ir import Block, Function, Statement, Value
from charl.types.dtypes import DType
from charl.types.types import Box, List, Tensor, Type

Mask = tuple[bool, ...]


def is_differentiable(type: Type) -> bool:
    """Whether values of a type have cotangents. A box may hold floats: its use decides."""
    match type:
        case Tensor(dtype, _):
            return isinstance(dtype, DType) and dtype.is_float
        case List(element):
            return is_differentiable(element)
        case Box():
            return True
    return False


def is_smooth(statement: Statement) -> bool:
    """Whether cotangents pass through a statement that has no blocks and is not a call."""
    return statement.op.gradient is not None or statement.op.name in ("ensure_shape", "gradient")


def carried(statement: Statement) -> tuple[Sequence[Value], Sequence[Value], Block]:
    """Initial values, the parameters they become, and the body of a `for` or `while`."""
    body = statement.blocks[-1]
    if statement.op.name == "for":
        return statement.operands[3:], body.parameters[1:], body
    return statement.operands, body.parameters, body


@dataclass(slots=True)
class Activity:
    """Answers for one program; `forget` after a function has been rewritten."""

    functions: Mapping[str, Function]
    _summaries: dict[tuple[str, Mask], Mask] = field(default_factory=dict)
    _visited: set[tuple[str, Mask]] = field(default_factory=set)
    _settled: bool = True
    _depth: int = 0

    def forget(self) -> None:
        self._summaries.clear()

    # --- Varied: forward -------------------------------------------------------------------------

    def vary(self, statements: Sequence[Statement], varied: set[Value]) -> None:
        """Add to `varied` what depends on it."""
        for statement in statements:
            self._vary(statement, varied)

    def _vary(self, statement: Statement, varied: set[Value]) -> None:
        match statement.op.name:
            case "if":
                for block in statement.blocks:
                    self.vary(block.statements, varied)
                    _flow(block.results, statement.results, varied)
            case "for" | "while":
                initial, parameters, body = carried(statement)
                _flow(initial, parameters, varied)
                self._settle(body, parameters, varied)
                _flow(parameters, statement.results, varied)
            case "scan":
                (body,) = statement.blocks
                half = len(statement.results)
                _flow(statement.operands * 2, body.parameters, varied)
                self._settle(body, body.parameters[:half], varied)
                _flow(statement.operands, statement.results, varied)
                _flow(body.results, statement.results, varied)
            case "call":
                mask = tuple(v in varied for v in statement.operands)
                if any(mask):
                    name = statement.attributes["function"]
                    for result, is_varied in zip(statement.results, self.summary(name, mask)):
                        if is_varied:
                            varied.add(result)
            case "custom_call":
                if any(v in varied for v in statement.operands):
                    varied.update(r for r in statement.results if is_differentiable(r.type))
            case _:
                if is_smooth(statement) and any(v in varied for v in statement.operands):
                    varied.update(r for r in statement.results if is_differentiable(r.type))

    def _settle(self, body: Block, parameters: Sequence[Value], varied: set[Value]) -> None:
        before = -1
        while len(varied) != before:
            before = len(varied)
            self.vary(body.statements, varied)
            _flow(body.results, parameters, varied)

    def summary(self, name: str, mask: Mask) -> Mask:
        """Which results of a function vary when the masked parameters do."""
        if self._depth == 0:
            self._visited.clear()
            self._settled = True
        found = self._visit(name, mask)
        while self._depth == 0 and not self._settled:
            self._visited.clear()
            self._settled = True
            found = self._visit(name, mask)
        return found

    def _visit(self, name: str, mask: Mask) -> Mask:
        key = (name, mask)
        body = self.functions[name].body
        before = self._summaries.get(key, (False,) * len(body.results))
        if key in self._visited:
            return before
        self._visited.add(key)
        self._depth += 1
        varied = {p for p, is_varied in zip(body.parameters, mask) if is_varied and smooth_value(p)}
        self.vary(body.statements, varied)
        self._depth -= 1
        after = tuple(r in varied for r in body.results)
        if after != before:
            self._settled = False
        self._summaries[key] = after
        return after

    # --- Useful: backward ------------------------------------------------------------------------

    def demand(
        self, statements: Sequence[Statement], varied: set[Value], useful: set[Value]
    ) -> None:
        """Add to `useful` the varied values it depends on."""
        for statement in reversed(statements):
            self._demand(statement, varied, useful)

    def _demand(self, statement: Statement, varied: set[Value], useful: set[Value]) -> None:
        match statement.op.name:
            case "if":
                for block in statement.blocks:
                    _demanded(statement.results, block.results, varied, useful)
                    self.demand(block.statements, varied, useful)
            case "for" | "while":
                initial, parameters, body = carried(statement)
                _demanded(statement.results, body.results, varied, useful)
                self._settle_demand(body, parameters, varied, useful)
                _demanded(statement.results, initial, varied, useful)
                _demanded(parameters, initial, varied, useful)
            case "scan":
                (body,) = statement.blocks
                half = len(statement.results)
                _demanded(statement.results, body.results, varied, useful)
                self._settle_demand(body, body.parameters[:half], varied, useful)
                _demanded(statement.results, statement.operands, varied, useful)
                _demanded(body.parameters, statement.operands * 2, varied, useful)
            case "call" | "custom_call":
                if any(r in useful for r in statement.results):
                    useful.update(v for v in statement.operands if v in varied)
            case _:
                if is_smooth(statement) and any(r in useful for r in statement.results):
                    useful.update(v for v in statement.operands if v in varied)

    def _settle_demand(
        self, body: Block, parameters: Sequence[Value], varied: set[Value], useful: set[Value]
    ) -> None:
        before = -1
        while len(useful) != before:
            before = len(useful)
            self.demand(body.statements, varied, useful)
            _demanded(parameters, body.results, varied, useful)


def smooth_value(value: Value) -> bool:
    return is_differentiable(value.type)


def _flow(sources: Sequence[Value], targets: Sequence[Value], varied: set[Value]) -> None:
    for source, target in zip(sources, targets):
        if source in varied:
            varied.add(target)


def _demanded(
    results: Sequence[Value], sources: Sequence[Value], varied: set[Value], useful: set[Value]
) -> None:
    for result, source in zip(results, sources):
        if result in useful and source in varied:
            useful.add(source)
