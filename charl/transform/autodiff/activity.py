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
from enum import Enum

from charl.core.ir import Block, Function, Statement, Value
from charl.records import field, record
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


class Way(Enum):
    """Which summary of a function: the results that vary with some parameters, or the parameters
    that some results depend on."""

    FORWARD = "forward"
    BACKWARD = "backward"


Question = tuple[Way, str, Mask]


@record(frozen=False)
class Activity:
    """Answers for one program; `forget` after a function has been rewritten."""

    functions: Mapping[str, Function]
    _final: dict[Question, Mask] = field(default_factory=dict)
    _answers: dict[Question, Mask] = field(default_factory=dict)
    _asked: set[Question] = field(default_factory=set)
    _settled: bool = True
    _depth: int = 0

    def forget(self) -> None:
        self._final.clear()
        self._answers.clear()

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
                    found = self.summary(Way.FORWARD, name, mask)
                    varied.update(r for r, is_varied in zip(statement.results, found) if is_varied)
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
            case "call":
                mask = tuple(r in useful for r in statement.results)
                if any(mask):
                    name = statement.attributes["function"]
                    needed = zip(statement.operands, self.summary(Way.BACKWARD, name, mask))
                    useful.update(v for v, is_needed in needed if is_needed and v in varied)
            case "custom_call":
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

    # --- Summaries of functions ------------------------------------------------------------------

    def summary(self, way: Way, name: str, mask: Mask) -> Mask:
        """The answer for a function, from rounds that start low and rise until nothing changes."""
        question = (way, name, mask)
        if question in self._final:
            return self._final[question]
        if self._depth:
            return self._ask(question)
        self._settled = False
        while not self._settled:
            self._settled = True
            self._asked.clear()
            self._ask(question)
        self._final.update((asked, self._answers[asked]) for asked in self._asked)
        return self._final[question]

    def _ask(self, question: Question) -> Mask:
        way, name, mask = question
        body = self.functions[name].body
        known = body.results if way is Way.FORWARD else body.parameters
        before = self._answers.get(question, (False,) * len(known))
        if question in self._asked:
            return before
        self._asked.add(question)
        self._depth += 1
        after = self._answer(way, body, mask)
        self._depth -= 1
        self._settled &= after == before
        self._answers[question] = after
        return after

    def _answer(self, way: Way, body: Block, mask: Mask) -> Mask:
        given = (True,) * len(body.parameters) if way is Way.BACKWARD else mask
        varied = {p for p, g in zip(body.parameters, given) if g and is_differentiable(p.type)}
        self.vary(body.statements, varied)
        if way is Way.FORWARD:
            return tuple(r in varied for r in body.results)
        useful = {r for r, is_wanted in zip(body.results, mask) if is_wanted and r in varied}
        self.demand(body.statements, varied, useful)
        return tuple(p in useful for p in body.parameters)


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
