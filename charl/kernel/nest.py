"""Writing a loop nest: scalar Core, each statement as far out as its operands allow.

A kernel computes elements of its results on demand: to store `y[i, j]` it asks for that element,
the op of `y` asks for elements of its operands, and so on down to the tensors in memory, which are
loaded. What is asked for twice is computed once. Every value is computed in the outermost of the
open loops that knows its operands, so the maximum of a row, asked for by every element of the row,
is found once before the row's loop begins. What may stop the program, though, is not taken out of a
loop that may have no turns (`reached`): where there are no elements, nothing is wrong with them.

`Level` is the body of an open loop; a reduction opens loops of its own inside the level of its
result, and closes them before it answers.

A row whose elements are expensive, and are asked for in one loop after another, is kept: `softmax`
needs `exp(x - m)` for the sum and again for the result. The first loop stores it to a scratch row,
the others load it. What will be asked for again is only known at the end, so the kernel is then
built once more (`Nest.again`, `kept`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from charl.core.builder import Builder
from charl.core.control import CHECK, FOR, LOAD, SCRATCH, STORE
from charl.core.ir import Block, Statement, Value
from charl.core.op import EXPENSIVE
from charl.kernel.blocks import LONGEST, cut, sum_in_blocks
from charl.kernel.folds import FOLDS, Fold
from charl.ops.reduce import reduced_axes
from charl.records import field, record
from charl.types import dims
from charl.types.dims import Dim, Polynomial
from charl.types.dtypes import INT64, DType
from charl.types.types import INT, Tensor, Type

Key = tuple[Any, ...]

# What stops for some integers, also where integers wrap.
STOPPING = frozenset({"floor_div", "mod", "pow", "shift_left", "shift_right"})

MOST_ROWS = 1 << 17  # bytes of the rows that are kept: they lie on the stack


@record(eq=False)
class Row:
    """Elements that a loop goes through: where they are kept, if they are, the loop's body and the
    body in which the loop stands."""

    scratch: Value | None
    body: Level
    around: Level


@record(frozen=False, eq=False)
class Level:
    """An open loop's body; `made` are the values computed there, by what they are. `turns`: the
    loop has at least one turn."""

    builder: Builder
    turns: bool = True
    made: dict[Key, Value] = field(default_factory=dict)
    is_open: bool = True


class Nest:
    """The kernel under construction. `tensors` are its parameters by the program's values,
    `definitions` the statements that it computes by their result, `results` its parameters for
    what it stores, `kept` the values whose rows are kept, `beyond` ends of loops that have turns
    for certain. At the end `again` are those that were computed again for want of it, and `loaded`
    those that were worth keeping."""

    def __init__(
        self,
        body: Block,
        tensors: Mapping[Value, Value],
        definitions: Mapping[Value, Statement],
        results: Sequence[Value],
        kept: Collection[Value] = (),
        beyond: Collection[Value] = (),
    ) -> None:
        self.levels = [Level(Builder(body))]
        self.beyond = set(beyond)
        self.depths: dict[Value, int] = {}
        self.ends: dict[Value, Value] = {}
        self.place: Sequence[Value] = ()  # the element that is being computed
        self.kept = kept
        self.rows: dict[Key, Row] = {}
        self.row_bytes = 0
        self.again: set[Value] = set()
        self.loaded: set[Value] = set()
        self.tensors = tensors
        self.definitions = definitions
        self.results = results
        self.folds = latest_folds(definitions)

    # --- What an op asks for (`core/op.py: Elements`) -------------------------------------------

    def __call__(self, op: str, *operands: Value | float, **attributes: Any) -> Value:
        """Emits an op on scalars; numbers take the dtype of the first value."""
        like = next(v for v in operands if isinstance(v, Value))
        values = [self.own(v, like.dtype) for v in operands]
        known = simplified(op, values)
        return known if known is not None else self.emit(op, values, attributes)

    def own(self, operand: Value | float, number_dtype: DType) -> Value:
        """The kernel's value for a number, or for a scalar of the program."""
        if not isinstance(operand, Value):
            return self.constant(operand, number_dtype)
        if isinstance(operand.dim, int) and operand.dtype == INT64:
            return self.constant(operand.dim, INT64)
        return self.tensors.get(operand, operand)

    def constant(self, number: float, dtype: DType) -> Value:
        key = ("constant", repr(number), dtype)
        made = self.levels[0].made
        if key not in made:
            made[key] = self.levels[0].builder.scalar(number, dtype)
        return made[key]

    def element(self, tensor: Value, index: Sequence[Value]) -> Value:
        key = ("element", tensor, *index)
        found = self.known(key)
        if found is None:
            is_row = self.is_row(tensor, index)
            found = self.from_row(tensor, index) if is_row else None
            if found is None:
                found = self.compute(tensor, index)
                if is_row:
                    self.keep(tensor, index, found)
            self.levels[self.depth((found,))].made[key] = found
        return found

    def size(self, tensor: Value, axis: int) -> Value:
        """Constant where it is known; else told by a parameter, or by what its type says."""
        assert isinstance(tensor.type, Tensor)
        known = tensor.type.shape[axis]
        if isinstance(known, int):
            return self.constant(known, INT64)
        if tensor in self.tensors:
            return self.size_in(self.tensors[tensor], axis)
        return self.size_of(tensor, axis)

    def check(self, condition: Value, places: Sequence[Value] = ()) -> None:
        depth = max(self.depth([condition]), self.reached(places))
        key = (CHECK.name, condition)
        if self.known(key) is None:
            self.levels[depth].builder.emit(CHECK, [condition])
            self.levels[depth].made[key] = condition

    # --- Computing ------------------------------------------------------------------------------

    def compute(self, tensor: Value, index: Sequence[Value]) -> Value:
        if tensor in self.tensors:
            parameter = self.tensors[tensor]
            assert isinstance(parameter.type, Tensor)
            if not parameter.type.shape:
                return parameter
            return self.emit(LOAD.name, [parameter, *index], {})
        statement = self.definitions[tensor]
        if statement.op.name in FOLDS:
            return self.fold(statement, index)
        assert statement.op.element is not None, statement.op
        if statement.op.elementwise:
            self.ask_for_folds(statement, index)
        before, self.place = self.place, index
        found = statement.op.element(self, statement, index)
        self.place = before
        return found

    def ask_for_folds(self, statement: Statement, index: Sequence[Value]) -> None:
        """Asks for operands that are made from reductions, those from the latest first: the loops
        of these may keep rows that the other operands need."""
        folded = [v for v in statement.operands if v.rank and self.folds.get(v, -1) >= 0]
        if len(statement.operands) > 1:
            for operand in sorted(folded, key=lambda v: -self.folds[v]):
                self.element(operand, index)

    def is_row(self, tensor: Value, index: Sequence[Value]) -> bool:
        """Whether a loop goes over a whole row of expensive elements."""
        if (
            tensor not in self.definitions
            or self.definitions[tensor].op.cost < EXPENSIVE
            or not index
        ):
            return False
        size, end = tensor.shape[-1], self.ends.get(index[-1])
        return (
            isinstance(size, int)
            and 0 < row_bytes(tensor) <= MOST_ROWS
            and end is not None
            and end.dim == size
            and self.depth(index[:-1]) < self.depths[index[-1]]
        )

    def from_row(self, tensor: Value, index: Sequence[Value]) -> Value | None:
        """The element, loaded from where an earlier loop has kept it."""
        row = self.rows.get((tensor, *index[:-1]))
        if row is None or row.around is not self.levels[self.depths[index[-1]] - 1]:
            return None
        if row.scratch is None or row.body.is_open:
            self.again.add(tensor)
            return None
        self.loaded.add(tensor)
        return self.emit(LOAD.name, [row.scratch, index[-1]], {})

    def keep(self, tensor: Value, index: Sequence[Value], element: Value) -> None:
        depth = self.depths[index[-1]]
        scratch = None
        room = self.row_bytes + row_bytes(tensor) <= MOST_ROWS
        if tensor in self.kept and room and self.depth((element,)) == depth:
            self.row_bytes += row_bytes(tensor)
            row = Tensor(tensor.dtype, tensor.shape[-1:])
            scratch = self.levels[0].builder(SCRATCH, type=row)
            self.levels[depth].builder.emit(STORE, [scratch, element, index[-1]])
        self.rows[tensor, *index[:-1]] = Row(scratch, *reversed(self.levels[depth - 1 : depth + 1]))

    def size_of(self, tensor: Value, axis: int) -> Value:
        """The size of a tensor that is computed here: of an operand that has its shape, or as its
        type says."""
        wanted, statement = tensor.shape[axis], self.definitions[tensor]
        if statement.op.elementwise:
            like = next(v for v in statement.operands if v.rank == tensor.rank)
            return self.size(like, axis)
        return self.told(wanted)

    def told(self, wanted: Dim) -> Value:
        """A size that a parameter has, or what is computed from such sizes."""
        if isinstance(wanted, int):
            return self.constant(wanted, INT64)
        for parameter in (*self.tensors.values(), *self.results):
            assert isinstance(parameter.type, Tensor)
            if not parameter.type.shape and parameter.dim == wanted:
                return parameter
            if wanted in parameter.type.shape:
                return self.size_in(parameter, parameter.type.shape.index(wanted))
        if not isinstance(wanted, Polynomial) or dims.as_symbol(wanted) is not None:
            raise LookupError(f"no parameter tells the size {dims.show(wanted)}")
        total: Value | None = None
        for monomial, coefficient in wanted.terms:
            term = self.constant(coefficient, INT64)
            for atom in monomial:
                term = self("mul", term, self.atom(atom))
            total = term if total is None else self("add", total, term)
        assert total is not None  # a polynomial has terms
        return total

    def atom(self, atom: dims.Atom) -> Value:
        if isinstance(atom, dims.Symbol):
            return self.told(dims.of(atom))
        op = "floor_div" if isinstance(atom, dims.FloorDiv) else "mod"
        return self(op, self.told(atom.numerator), self.told(atom.denominator))

    def size_in(self, parameter: Value, axis: int) -> Value:
        assert isinstance(parameter.type, Tensor)
        known = parameter.type.shape[axis]
        if isinstance(known, int):
            return self.constant(known, INT64)
        return self.emit("dim", [parameter], {"axis": axis})

    def emit(self, op: str, operands: Sequence[Value], attributes: Mapping[str, Any]) -> Value:
        key = (op, *operands, *sorted((k, repr(v)) for k, v in attributes.items()))
        found = self.known(key)
        if found is None:
            depth = self.depth(operands)
            if may_stop(op, operands):
                depth = max(depth, self.reached(self.place))
            level = self.levels[depth]
            found = level.made[key] = level.builder(op, *operands, **attributes)
            self.depths[found] = depth
        return found

    def store(self, tensor: Value, element: Value, index: Sequence[Value]) -> None:
        """Writes in the innermost level."""
        self.levels[-1].builder.emit(STORE, [tensor, element, *index])

    def require_elements(self, tensor: Value, axes: Sequence[int]) -> None:
        """Checks that none of the axes is empty; here, and not further out, where there may be no
        result that needs it."""
        assert isinstance(tensor.type, Tensor)
        for axis in axes:
            known = tensor.type.shape[axis]
            if not isinstance(known, int) or known < 1:
                condition = self("gt", self.size(tensor, axis), 0)
                self.levels[-1].builder.emit(CHECK, [condition])

    def known(self, key: Key) -> Value | None:
        return next((level.made[key] for level in self.levels if key in level.made), None)

    def depth(self, values: Sequence[Value]) -> int:
        return max((self.depths.get(v, 0) for v in values), default=0)

    def reached(self, places: Sequence[Value]) -> int:
        """How far in that stands which is done for these places alone: inside the last loop around
        them that may have no turns."""
        depth = self.depth(places)
        return max((d for d in range(depth + 1) if not self.levels[d].turns), default=0)

    # --- Loops ----------------------------------------------------------------------------------

    def loop(
        self,
        low: Value,
        high: Value,
        initial: Sequence[Value],
        turn: Callable[[Value, Sequence[Value]], Sequence[Value]],
        *,
        step: int = 1,
    ) -> tuple[Value, ...]:
        """A loop in the innermost level: `turn(index, carried)` writes its body and gives what it
        carries on. The loop's results."""
        block = self.open_loop(low, high, [v.type for v in initial], step)
        index, *carried = block.parameters
        block.results = tuple(turn(index, carried))
        return self.close_loop(low, high, initial, step, block)

    @contextmanager
    def each(self, low: Value, high: Value, *, step: int = 1) -> Iterator[Value]:
        """A loop in the innermost level that carries nothing, written by what the `with` holds; its
        index."""
        block = self.open_loop(low, high, (), step)
        yield block.parameters[0]
        self.close_loop(low, high, (), step, block)

    def open_loop(self, low: Value, high: Value, carried: Sequence[Type], step: int) -> Block:
        index = Value(INT)
        block = Block((index, *map(Value, carried)))
        turns = high in self.beyond or (low.dim == 0 and isinstance(high.dim, int) and high.dim > 0)
        for value in block.parameters:
            self.depths[value] = len(self.levels)
        self.levels.append(Level(Builder(block), turns=turns))
        if low.dim == 0 and step == 1:
            self.ends[index] = high
        return block

    def close_loop(
        self, low: Value, high: Value, initial: Sequence[Value], step: int, block: Block
    ) -> tuple[Value, ...]:
        self.levels.pop().is_open = False
        operands = [low, high, self.constant(step, INT64), *initial]
        types = [v.type for v in initial]
        results = self.levels[-1].builder.emit(FOR, operands, {}, (block,), types)
        for value in results:
            self.depths[value] = len(self.levels) - 1
        return results

    def fold(
        self,
        statement: Statement,
        index: Sequence[Value],
        bounds: tuple[Value, Value] | None = None,
    ) -> Value:
        """A reduction to one element, in the level of its index; `bounds` are those of the first
        axis that is reduced, where not all of it is."""
        (x,) = statement.operands
        fold = FOLDS[statement.op.name]
        axes = reduced_axes(statement)
        assert isinstance(x.type, Tensor)
        keep = statement.attributes.get("keep_dims", False)
        kept = iter(index)
        place: list[Value | None] = []
        for axis in range(len(x.type.shape)):
            if axis in axes:
                if keep:
                    next(kept)
                place.append(None)
            else:
                place.append(next(kept))
        before = self.levels
        self.levels = before[: self.depth([i for i in place if i is not None]) + 1]
        if fold.needs_elements:
            self.require_elements(x, axes)
        order = sorted(axes)
        where = cut(fold, x.dtype, [x.shape[a] for a in order], LONGEST)
        if where is None:
            found = self.fold_over(fold, x, place, order, fold.initial(self, x.dtype), bounds)
        else:
            found = sum_in_blocks(self, fold, x, place, order, bounds, where)
        result = fold.result(self, found, x.dtype)
        self.levels = before
        return result

    def fold_over(
        self,
        fold: Fold,
        x: Value,
        place: list[Value | None],
        axes: Sequence[int],
        initial: Sequence[Value],
        bounds: tuple[Value, Value] | None = None,
    ) -> Sequence[Value]:
        if not axes:
            index = [i for i in place if i is not None]
            return fold.step(self, initial, self.element(x, index), index)
        axis, *rest = axes

        def turn(i: Value, carried: Sequence[Value]) -> Sequence[Value]:
            inner = [*place]
            inner[axis] = i
            return self.fold_over(fold, x, inner, rest, carried)

        low, high = bounds or (self.constant(0, INT64), self.size(x, axis))
        return self.loop(low, high, initial, turn)


def may_stop(op: str, operands: Sequence[Value]) -> bool:
    """Whether a scalar op stops the program for some operands."""
    if op not in STOPPING or not operands[0].dtype.is_int:
        return False
    second = operands[1].dim
    return not (isinstance(second, int) and second > 0)


def row_bytes(tensor: Value) -> int:
    """The bytes of a row, the last axis, whose size is known."""
    size = tensor.shape[-1]
    assert isinstance(size, int)
    return size * tensor.dtype.bits // 8


def latest_folds(definitions: Mapping[Value, Statement]) -> dict[Value, int]:
    """For each value the position of the last reduction that it is made from, or -1."""
    found: dict[Value, int] = {}
    for position, (value, statement) in enumerate(definitions.items()):
        before = max((found.get(v, -1) for v in statement.operands), default=-1)
        found[value] = position if statement.op.name in FOLDS else before
    return found


def simplified(op: str, values: Sequence[Value]) -> Value | None:
    """What arithmetic on indices comes to without being done: `dim`s know constants."""
    if op not in ("add", "sub", "mul", "and") or len(values) != 2:
        return None
    a, b = values
    if op == "and":
        return None
    if op == "mul":
        return a if b.dim == 1 else b if a.dim == 1 else None
    if b.dim == 0:
        return a
    return b if op == "add" and a.dim == 0 else None
