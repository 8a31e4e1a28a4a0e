"""Random Core programs: loops, branches and calls over ints, tensors and lists, full of updates.

Every program is well typed and cannot fail: numbers are kept small, indices in bounds. Values are
taken up again often, so that updates meet all kinds of sharing.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from charl.core.builder import Builder
from charl.core.ir import Block, Function, Program, Value
from charl.types import dtypes
from charl.types.types import BOOL, FLOAT, INT, List, Tensor, Type

LENGTH = 3
ARRAY = Tensor(dtypes.INT64, (LENGTH,))
MATRIX = Tensor(dtypes.FLOAT64, (2, LENGTH))
LIST = List(INT)
NESTED = List(LIST)
TYPES: tuple[Type, ...] = (INT, FLOAT, BOOL, ARRAY, MATRIX, LIST, NESTED)
# What loops and branches carry: mostly what can be updated in place.
CARRIED = (*TYPES, ARRAY, ARRAY, MATRIX, LIST, NESTED)
DEEPEST = 2


def random_program(random: Random) -> Program:
    """The entry takes one value of each of TYPES and returns some values."""
    functions: dict[str, Function] = {}
    for number in range(random.randint(1, 3)):
        name = f"f{number}"
        functions[name] = _Maker(random, dict(functions)).function(name)
    return Program(functions, name)


class _Maker:
    def __init__(self, random: Random, callable: dict[str, Function]) -> None:
        self.random, self.callable = random, callable

    def function(self, name: str) -> Function:
        block = Block(tuple(Value(t) for t in TYPES))
        visible = list(block.parameters)
        self.fill(block, visible, 0)
        block.results = tuple(self.pick(visible, kind) for kind in (*TYPES, ARRAY, LIST, MATRIX))
        return Function(name, block)

    def fill(self, block: Block, visible: list[Value], depth: int) -> None:
        b = Builder(block)
        for _ in range(self.random.randint(1, 6)):
            visible += self.statement(b, visible, depth)

    def pick(self, visible: Sequence[Value], type: Type) -> Value:
        """A visible value, often a late one."""
        fitting = [v for v in visible if v.type == type]
        place = self.random.randrange(len(fitting))
        return fitting[max(place, self.random.randrange(len(fitting)))]

    def statement(self, b: Builder, visible: list[Value], depth: int) -> Sequence[Value]:
        kinds = [self.arithmetic, self.update, self.update, self.listing, self.nesting]
        if depth < DEEPEST:
            kinds += [self.if_, self.for_, self.while_]
        if self.callable and depth < 2:
            kinds.append(self.call)
        return self.random.choice(kinds)(b, visible, depth)

    def index(self, b: Builder, visible: list[Value]) -> Value:
        found: Value = b("mod", self.pick(visible, INT), b.constant(LENGTH))
        return found

    def small(self, b: Builder, value: Value) -> Value:
        found: Value = b("mod", value, b.constant(97))
        return found

    def arithmetic(self, b: Builder, visible: list[Value], depth: int) -> Sequence[Value]:
        int1, int2 = self.pick(visible, INT), self.pick(visible, INT)
        array, matrix = self.pick(visible, ARRAY), self.pick(visible, MATRIX)
        match self.random.randrange(8):
            case 0:
                return [self.small(b, b(self.random.choice(["add", "sub", "mul"]), int1, int2))]
            case 1:
                return [b(self.random.choice(["lt", "eq", "ge"]), int1, int2)]
            case 2:
                other = self.pick(visible, ARRAY)
                return [b("mod", b("add", array, other), b.constant(89))]
            case 3:
                wide = b(
                    "broadcast",
                    b("index", matrix, b.constant(0)),
                    b.constant(2),
                    b.constant(LENGTH),
                    axes=(1,),
                )
                return [b("minimum", b("maximum", b("add", matrix, wide), -50.0), 50.0)]
            case 4:
                return [b("index", array, self.index(b, visible))]
            case 5:
                return [b("cast", int1, dtype=dtypes.FLOAT64)]
            case 6:
                return [b("select", self.pick(visible, BOOL), array, self.pick(visible, ARRAY))]
            case _:
                return [b("not", self.pick(visible, BOOL))]

    def update(self, b: Builder, visible: list[Value], depth: int) -> Sequence[Value]:
        place = self.index(b, visible)
        if self.random.random() < 0.6:
            op = self.random.choice(["index_update", "index_update", "index_add"])
            value = self.small(b, self.pick(visible, INT))
            return [
                b("mod", b(op, self.pick(visible, ARRAY), value, place), b.constant(97))
                if op == "index_add"
                else b(op, self.pick(visible, ARRAY), value, place)
            ]
        row = b("index", self.pick(visible, MATRIX), b.constant(self.random.randrange(2)))
        return [b("index_update", self.pick(visible, MATRIX), row, b.constant(0))]

    def listing(self, b: Builder, visible: list[Value], depth: int) -> Sequence[Value]:
        xs, value = self.pick(visible, LIST), self.pick(visible, INT)
        match self.random.randrange(5):
            case 0:
                return [b("list_push", xs, value)]
            case 1:
                pushed = b("list_push", xs, value)
                rest, last = b("list_pop", pushed)
                return [pushed, rest, last]
            case 2:
                pushed = b("list_push", xs, value)
                return [b("list_set", pushed, b.constant(-1), self.pick(visible, INT))]
            case 3:
                return [b("list_get", b("list_push", xs, value), b.constant(0))]
            case _:
                return [b("list_make", value, self.pick(visible, INT), element=INT)]

    def nesting(self, b: Builder, visible: list[Value], depth: int) -> Sequence[Value]:
        """Lists of two lists, of which one is often taken, grown and put back."""
        xs, place = self.pick(visible, NESTED), b.constant(self.random.randrange(2))
        inner = self.pick(visible, LIST)
        match self.random.randrange(6):
            case 0:
                return [b("list_make", inner, self.pick(visible, LIST), element=LIST)]
            case 1:
                return [b("list_set", xs, place, inner)]
            case 2:
                taken = b("list_get", xs, place)
                return [taken, b("list_set", xs, place, b("list_push", taken, place))]
            case _:
                grown = b("list_push", b("list_get", xs, place), self.pick(visible, INT))
                return [b("list_set", xs, place, grown)]

    def if_(self, b: Builder, visible: list[Value], depth: int) -> Sequence[Value]:
        kinds = [self.random.choice(CARRIED) for _ in range(self.random.randint(1, 3))]
        blocks = []
        for _ in range(2):
            block, inner = Block(), list(visible)
            if self.random.random() < 0.7:
                self.fill(block, inner, depth + 1)
            block.results = tuple(self.pick(inner, kind) for kind in kinds)
            blocks.append(block)
        return b.emit("if", (self.pick(visible, BOOL),), {}, tuple(blocks), kinds)

    def for_(self, b: Builder, visible: list[Value], depth: int) -> Sequence[Value]:
        kinds = [self.random.choice(CARRIED) for _ in range(self.random.randint(1, 4))]
        block = Block(tuple(Value(kind) for kind in (INT, *kinds)))
        inner = [*visible, *block.parameters]
        self.fill(block, inner, depth + 1)
        block.results = tuple(self.pick(inner, kind) for kind in kinds)
        low, high, step = self.random.choice([(0, 3, 1), (5, 0, -2), (0, 0, 1), (2, 3, 1)])
        bounds = (b.constant(low), b.constant(high), b.constant(step))
        initial = tuple(self.pick(visible, kind) for kind in kinds)
        return b.emit("for", (*bounds, *initial), {}, (block,), kinds)

    def while_(self, b: Builder, visible: list[Value], depth: int) -> Sequence[Value]:
        """Counts up to 3; the counter is the first carried value."""
        kinds = [INT, *(self.random.choice(CARRIED) for _ in range(self.random.randint(0, 3)))]
        condition = Block(tuple(Value(kind) for kind in kinds))
        inner = [*visible, *condition.parameters]
        if self.random.random() < 0.3:
            self.fill(condition, inner, DEEPEST)
        c = Builder(condition)
        condition.results = (c("lt", condition.parameters[0], c.constant(3)),)
        body = Block(tuple(Value(kind) for kind in kinds))
        inner = [*visible, *body.parameters]
        self.fill(body, inner, depth + 1)
        count = Builder(body)("add", body.parameters[0], Builder(body).constant(1))
        body.results = (count, *(self.pick(inner, kind) for kind in kinds[1:]))
        initial = (b.constant(0), *(self.pick(visible, kind) for kind in kinds[1:]))
        return b.emit("while", initial, {}, (condition, body), kinds)

    def call(self, b: Builder, visible: list[Value], depth: int) -> Sequence[Value]:
        callee = self.random.choice(list(self.callable.values()))
        arguments = tuple(self.pick(visible, kind) for kind in TYPES)
        return b.emit("call", arguments, {"function": callee.name}, (), callee.result_types)
