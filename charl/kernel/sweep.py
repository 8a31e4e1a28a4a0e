"""Sweeps: statements on the same rows that are done one after another, stretch by stretch.

Between two kernels, or a kernel and a matrix product, all threads wait for each other, and what the
first has written is no longer in the cache when the second reads it. Both are spared where a row of
the second needs only that row of the first: then a thread does a stretch of rows through all of
them. Such statements make a *chain*; a `sweep` is some chains that do not need each other, whose
stretches the threads take in turn:

    forward     x @ w, + bias and relu, @ v, softmax and loss, @ transposed v, gradient of relu
    backward    gradient of w, new w  |  gradient of v, new v  |  gradient of bias, new bias

The statements of a block that may be moved are taken in order: each joins the chain of what it
needs, or begins one; what needs a whole result of a chain waits for the next sweep. What is too
small to be divided is a chain of one stretch. Products are best at many rows: `least` is how many
are worth a stretch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from charl.core.clone import Renaming, free_values
from charl.core.control import FUSED, SWEEP
from charl.core.ir import Block, Function, Program, Statement, Value
from charl.core.op import Effect
from charl.kernel.build import Kernel
from charl.kernel.overwriting import stops_for_elements
from charl.kernel.schedule import USUAL
from charl.ops.contract import PRODUCTS
from charl.records import field, record
from charl.types.dims import Dim
from charl.types.types import Tensor

STRETCH_WORK = 1 << 19  # multiplications of a matrix product; about ten microseconds
ADDITION = 2  # of a kernel, in such multiplications: one and a half as it is measured


@record
class Rows:
    """How a statement can be done row by row: `count` is the leading size of its results, None
    where it must be done as a whole; `aligned` are the operands of which a row needs only the same
    row; `work` that of a row, in multiplications; `least` the rows that are worth a stretch.
    `stops` tells that it may fail for what its elements are."""

    count: Dim | None
    aligned: frozenset[Value]
    work: int
    least: int = 1
    stops: bool = False


# Tells of a statement how it is done by rows; None where it cannot be.
RowsOf = Callable[[Statement], Rows | None]


def sweep(
    program: Program,
    rows_of: RowsOf,
    copied: Callable[[Statement, Statement], None] = lambda old, new: None,
) -> Program:
    """The program with its sweeps; `copied` is told of each statement that goes into one, and of
    the copy that stands there."""
    functions = {}
    for name, function in program.functions.items():
        body = _Sweeper(function, rows_of, copied).block(function.body)
        functions[name] = Function(name, body, function.shown, function.span)
    return Program(functions, program.entry)


@record(frozen=False, eq=False)
class Chain:
    """Statements on rows, in order, each with its `Rows`; `count` None: done in one stretch."""

    count: Dim | None
    parts: dict[Statement, Rows] = field(default_factory=dict)

    def holds(self, values: Iterable[Value]) -> bool:
        made = {v for s in self.parts for v in s.results}
        return made.issuperset(values)

    @property
    def work(self) -> int:
        """Of all rows."""
        return sum(
            rows.work * (1 if rows.count is None else size_known(rows.count))
            for rows in self.parts.values()
        )

    @property
    def least(self) -> int:
        """The rows that are worth a stretch."""
        if self.count is None:
            return 1
        parts = self.parts.values()
        of_work = -(-STRETCH_WORK // max(sum(rows.work for rows in parts), 1))
        return max(of_work, *(rows.least for rows in parts))

    @property
    def is_divided(self) -> bool:
        if isinstance(self.count, int):
            return self.count >= 2 * self.least
        return self.count is not None

    @property
    def is_small(self) -> bool:
        """Whether one stretch is enough. What may stop is left where it is: it would keep the rest
        of the sweep from overwriting anything."""
        return self.work <= STRETCH_WORK and not self.stops

    @property
    def stops(self) -> bool:
        return any(rows.stops for rows in self.parts.values())


def size_known(size: Dim) -> int:
    return size if isinstance(size, int) else USUAL


class _Sweeper:
    def __init__(
        self,
        function: Function,
        rows_of: RowsOf,
        copied: Callable[[Statement, Statement], None],
    ) -> None:
        self.rows_of = rows_of
        self.copied = copied
        self.users: dict[Value, set[Statement | Block]] = {}
        self.enter_users(function.body)

    def enter_users(self, block: Block) -> None:
        for statement in block.statements:
            for value in statement.operands:
                self.users.setdefault(value, set()).add(statement)
            if statement.op is not FUSED:
                for inner in statement.blocks:
                    self.enter_users(inner)
        for value in block.results:
            self.users.setdefault(value, set()).add(block)

    def block(self, block: Block) -> Block:
        found: list[Statement] = []
        run: list[Statement] = []
        for statement in block.statements:
            if is_movable(statement):
                run.append(statement)
                continue
            found += self.arranged(run)
            run = []
            if statement.blocks:
                inner = tuple(self.block(b) for b in statement.blocks)
                statement = Statement(
                    statement.op,
                    statement.operands,
                    statement.attributes,
                    inner,
                    statement.results,
                    statement.span,
                )
            found.append(statement)
        found += self.arranged(run)
        return Block(block.parameters, found, block.results)

    def arranged(self, pending: list[Statement]) -> list[Statement]:
        """Neighbouring statements that may be moved, with their sweeps."""
        if sum(is_work(s) for s in pending) < 2:
            return pending
        found: list[Statement] = []
        rows = {s: self.rows_of(s) for s in pending if is_work(s)}
        position = {s: n for n, s in enumerate(pending)}
        while pending:
            chains, alone, pending = next_chains(pending, rows)
            kept = [chain for chain in chains if chain.is_divided or chain.is_small]
            if not is_worth_it(kept):
                kept = []
            inside = {s for chain in kept for s in chain.parts}
            alone += (s for chain in chains for s in chain.parts if s not in inside)
            found += sorted(alone, key=position.__getitem__)
            if kept:
                found.append(self.swept(kept, inside))
        return found

    def swept(self, chains: Sequence[Chain], inside: set[Statement]) -> Statement:
        """One statement. Inside, all values have names of their own."""
        chains = sorted(chains, key=lambda c: c.work, reverse=True)
        blocks, results = [], []
        for chain in chains:
            made = [v for s in chain.parts for v in s.results]
            needed = [v for v in made if not inside.issuperset(self.users.get(v, ()))]
            blocks.append(Renaming().block(Block((), list(chain.parts), tuple(needed))))
            for old, new in zip(chain.parts, blocks[-1].statements):
                self.copied(old, new)
            results += needed
        least = tuple(chain.least if chain.is_divided else 0 for chain in chains)
        span = next(iter(chains[0].parts)).span
        operands = free_values(*blocks)
        given = {"least": least, "stops": any(chain.stops for chain in chains)}
        return Statement(SWEEP, operands, given, tuple(blocks), tuple(results), span)


def is_movable(statement: Statement) -> bool:
    if statement.op is FUSED:
        return True
    return (
        statement.op.effect is Effect.PURE
        and not statement.blocks
        and all(isinstance(v.type, Tensor) for v in (*statement.operands, *statement.results))
    )


def is_work(statement: Statement) -> bool:
    return statement.op is FUSED or statement.op.name in PRODUCTS


def next_chains(
    pending: Sequence[Statement], rows_of: Mapping[Statement, Rows | None]
) -> tuple[list[Chain], list[Statement], list[Statement]]:
    """The chains that can be done next, what is to be done alone before them, and what must
    wait."""
    chains: list[Chain] = []
    alone: list[Statement] = []
    waiting: list[Statement] = []
    not_yet = {v for s in pending for v in s.results}
    for statement in pending:
        needs = [v for v in statement.operands if v in not_yet]
        rows = rows_of.get(statement)
        if not needs and (rows is None or is_alone(rows)):
            alone.append(statement)
            not_yet.difference_update(statement.results)
        elif rows is None or not entered(chains, statement, rows, needs):
            waiting.append(statement)
    return chains, alone, waiting


def is_alone(rows: Rows) -> bool:
    """Whether a statement that cannot be divided is too much for one stretch."""
    return rows.count is None and (rows.work > STRETCH_WORK or rows.stops)


def entered(chains: list[Chain], statement: Statement, rows: Rows, needs: Sequence[Value]) -> bool:
    """Whether the statement joins the chain of what it needs, or begins one."""
    if not needs:
        chains.append(Chain(rows.count, {statement: rows}))
        return True
    chain = next((c for c in chains if c.holds(needs)), None)
    if chain is None or not all(v.rank for v in needs):
        return False
    if rows.count is not None and rows.count == chain.count and rows.aligned.issuperset(needs):
        chain.parts[statement] = rows
        return True
    whole = Chain(None, {**chain.parts, statement: rows})
    if not whole.is_small:
        return False
    chain.count = None
    chain.parts = whole.parts
    return True


def is_worth_it(chains: Sequence[Chain]) -> bool:
    """Whether a sweep spares the threads something."""
    parts = sum(len(chain.parts) for chain in chains)
    return parts > 1 and sum(chain.work for chain in chains) > STRETCH_WORK


def rows_of_kernel(kernel: Kernel) -> Rows | None:
    """How a fused statement is done by rows; None for a reduction that is done in parts."""
    if kernel.join is not None:
        return None
    body = kernel.function.body
    stop = 2 + len(kernel.inputs)
    work = ADDITION * kernel.cost * size_known(kernel.inner)
    stops = stops_for_elements(body)
    if kernel.outermost is None:
        return Rows(None, frozenset(), work, stops=stops)
    given = dict(zip(body.parameters[2:stop], kernel.inputs))
    if kernel.flat:
        aligned = {v for v in kernel.inputs if v.rank}
    else:
        counters = {
            s.blocks[0].parameters[0]
            for s in body.statements
            if s.op.name == "for" and s.operands[0] is body.parameters[0]
        }
        elsewhere = {
            s.operands[0]
            for s in body.walk()
            if s.op.name == "load" and s.operands[1] not in counters
        }
        aligned = {v for p, v in given.items() if v.rank and p not in elsewhere}
    return Rows(kernel.rows, frozenset(aligned), work * size_known(kernel.turns), stops=stops)
