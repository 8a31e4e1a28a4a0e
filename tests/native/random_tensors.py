"""Random Core programs over tensors: chains, reductions, broadcasts, products, gathers, gradients,
loops and branches that carry tensors, calls, and integers at their extremes.

Every program is well typed. Sizes are constants or known only when it runs. Floats are kept near
1 and every operation on them is steady, so that a rounding stays one: what a program gives can be
compared with a small tolerance. What is decided by floats is decided only by exact ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import numpy as np

from charl.core.builder import Builder
from charl.core.clone import Renaming
from charl.core.ir import Block, Function, Program, Value
from charl.types import dims, dtypes
from charl.types.dims import Dim
from charl.types.types import INT, Tensor, Type

SIZES = (1, 2, 3, 4, 7, 8, 9, 16, 17, 33)
LARGE = (130, 300)
DEEPEST = 2
EXTREMES = (0, 1, -1, 2, 63, 64, 2**31 - 1, -(2**31), 2**62, 2**63 - 1, -(2**63), -(2**63) + 1)
UNARY = (
    "neg", "abs", "tanh", "sin", "cos", "erf", "sign_of_one", "exp", "log", "sqrt", "rsqrt",
    "log1p", "expm1", "atan", "sinh_small",
)  # fmt: skip


class RandomTensors:
    """One program: `program` is its Core, `arguments` what its entry is given. `large` ones have
    kernels that are worth several threads."""

    def __init__(self, seed: int, *, large: bool = False) -> None:
        self.random = Random(seed)
        self.float: dtypes.DType = self.random.choice((dtypes.FLOAT32, dtypes.FLOAT64))
        pick = [self.random.choice(LARGE if large else SIZES) for _ in range(2)]
        if self.random.random() < 0.1:
            pick[self.random.randrange(2)] = self.random.choice(LARGE)
        self.sizes = pick
        self.dynamic = self.random.random() < 0.4
        self.dims: list[Dim] = []  # of the function in hand: each has symbols of its own
        self.functions: dict[str, Function] = {}
        for number in range(self.random.randint(1, 2)):
            name = f"f{number}"
            self.functions[name] = self.function(name)
        self.program = Program(dict(self.functions), name)

    # --- Types ----------------------------------------------------------------------------------

    def of(self, dtype: dtypes.DType, *axes: int) -> Tensor:
        return Tensor(dtype, tuple(self.dims[a] for a in axes))

    def parameters(self) -> tuple[Type, ...]:
        f, i = self.float, dtypes.INT64
        return (
            self.of(f, 0, 1), self.of(f, 0, 1), self.of(f, 1), self.of(f, 0), self.of(f),
            self.of(i, 0), self.of(i, 0, 1), self.of(dtypes.INT32, 1), self.of(i, 1), INT,
        )  # fmt: skip

    def arguments(self) -> list[Any]:
        """Values of the parameters' types, the same every time."""
        numbers = np.random.default_rng(self.sizes)
        n, m = self.sizes
        f = self.float.numpy

        def floats(*shape: int) -> Any:
            return numbers.uniform(-1.5, 1.5, shape).astype(f)

        scalar = floats()
        extremes = numbers.choice(np.array(EXTREMES, np.int64), m)
        return [
            floats(n, m), floats(n, m), floats(m), floats(n),
            float(scalar) if self.float == dtypes.FLOAT64 else f.type(scalar),
            numbers.integers(0, 50, n), numbers.integers(-9, 9, (n, m)),
            numbers.integers(-9, 9, m).astype(np.int32), extremes, int(numbers.integers(0, 9)),
        ]  # fmt: skip

    # --- Functions and blocks -------------------------------------------------------------------

    def function(self, name: str) -> Function:
        numbered = enumerate(self.sizes)
        self.dims = [dims.symbol(f"n{i}") if self.dynamic else n for i, n in numbered]
        block = Block(tuple(Value(t) for t in self.parameters()))
        visible = list(block.parameters)
        self.fill(block, visible, 0, self.random.randint(4, 12))
        wanted = [self.parameters()[0], self.of(self.float, 0), self.of(self.float), INT]
        wanted += [self.of(dtypes.INT64, 1), self.of(dtypes.INT64, 0)]
        late = visible[-6:]
        block.results = (*(self.pick(visible, kind) for kind in wanted), *late)
        return Function(name, block)

    def fill(self, block: Block, visible: list[Value], depth: int, count: int) -> None:
        b = Builder(block)
        for _ in range(count):
            visible += self.statement(b, visible, depth)

    def pick(self, visible: Sequence[Value], type: Type) -> Value:
        """A visible value of a type, often a late one."""
        fitting = [v for v in visible if v.type == type]
        place = self.random.randrange(len(fitting))
        return fitting[max(place, self.random.randrange(len(fitting)))]

    def statement(self, b: Builder, visible: list[Value], depth: int) -> Sequence[Value]:
        kinds: list[Callable[..., Sequence[Value]]] = [
            self.chain, self.chain, self.chain, self.stretched, self.reduced, self.reduced,
            self.product, self.moved, self.gathered, self.integers, self.extremes, self.chosen,
            self.normalised, self.updated,
        ]  # fmt: skip
        if depth == 0:
            kinds += [self.gradient, self.gradient]
        if depth < DEEPEST:
            kinds += [self.if_, self.for_, self.while_]
        if self.functions and depth == 0:
            kinds.append(self.call)
        return self.random.choice(kinds)(b, visible, depth)

    # --- Floats ---------------------------------------------------------------------------------

    def near_one(self, b: Builder, x: Value) -> Value:
        found: Value = b("minimum", b("maximum", x, -2.0), 2.0)
        return found

    def unary(self, b: Builder, name: str, x: Value) -> Value:
        positive = b("add", b("abs", x), 0.5)
        match name:
            case "exp" | "expm1":
                return b(name, b("minimum", x, 0.5))
            case "log" | "sqrt" | "rsqrt" | "log1p":
                return b(name, positive)
            case "sign_of_one":
                return b("sign", positive)
            case "sinh_small":
                return self.near_one(b, b("sinh", b("tanh", x)))
        return b(name, x)

    def binary(self, b: Builder, x: Value, y: Value) -> Value:
        name = self.random.choice(("add", "sub", "mul", "div", "minimum", "maximum", "pow", "mul"))
        if name == "div":
            return self.near_one(b, b("div", x, b("add", b("abs", y), 0.5)))
        if name == "pow":
            base = b("add", b("abs", b("tanh", x)), 0.5)
            return self.near_one(b, b("pow", base, b("tanh", y)))
        return self.near_one(b, b(name, x, y))

    def any_float(self, visible: Sequence[Value]) -> Value:
        kinds = [self.of(self.float, *axes) for axes in ((0, 1), (0, 1), (1,), (0,), ())]
        return self.pick(visible, self.random.choice(kinds))

    def chain(self, b: Builder, visible: list[Value], depth: int) -> Sequence[Value]:
        x = self.any_float(visible)
        found = []
        for _ in range(self.random.randint(1, 4)):
            if self.random.random() < 0.5:
                x = self.unary(b, self.random.choice(UNARY), x)
            else:
                other = self.pick(visible, self.of(self.float) if self.coin() else x.type)
                x = self.binary(b, x, other)
            found.append(x)
        return found

    def coin(self) -> bool:
        return self.random.random() < 0.5

    def stretch(self, b: Builder, x: Value, like: Value, axes: tuple[int, ...]) -> Value:
        found: Value = b("broadcast", x, *b.sizes(like), axes=axes)
        return found

    def stretched(self, b: Builder, visible: list[Value], depth: int) -> Sequence[Value]:
        matrix = self.pick(visible, self.of(self.float, 0, 1))
        axes = self.random.choice(((1,), (0,), ()))
        x = self.pick(visible, self.of(self.float, *axes))
        wide = self.stretch(b, x, matrix, axes)
        return [wide, self.binary(b, matrix, wide)]

    def reduced(self, b: Builder, visible: list[Value], depth: int) -> Sequence[Value]:
        x = self.pick(visible, self.of(self.float, 0, 1))
        if self.coin():
            x = self.unary(b, self.random.choice(UNARY), x)
        axis: tuple[int, ...] | None = self.random.choice(((0,), (1,), (0, 1), None))
        name = self.random.choice(("reduce_sum", "reduce_max", "reduce_min", "reduce_sum"))
        total = b(name, x, axis=axis, keep_dims=False)
        if name == "reduce_sum":
            total = b("mul", total, 1.0 / 16)
        total = self.near_one(b, total)
        if axis is None or len(axis) == 2:
            return [total]
        back = self.stretch(b, total, x, (1 - axis[0],))
        return [total, self.binary(b, x, back)]

    def normalised(self, b: Builder, visible: list[Value], depth: int) -> Sequence[Value]:
        """A softmax or a normalisation of rows, as the library writes them."""
        x = self.pick(visible, self.of(self.float, 0, 1))
        if self.coin():
            top = b("reduce_max", x, axis=(1,), keep_dims=True)
            e = b("exp", b("sub", x, self.stretch(b, top, x, (0, 1))))
            total = b("reduce_sum", e, axis=(1,), keep_dims=True)
            return [b("div", e, self.stretch(b, total, x, (0, 1)))]
        count = b("cast", b.size(x, 1), dtype=self.float)
        mean = b("div", b("reduce_sum", x, axis=(1,), keep_dims=True), count)
        centred = b("sub", x, self.stretch(b, mean, x, (0, 1)))
        squares = b("reduce_sum", b("mul", centred, centred), axis=(1,), keep_dims=True)
        scale = b("rsqrt", b("add", b("div", squares, count), 0.5))
        return [b("mul", centred, self.stretch(b, scale, x, (0, 1)))]

    def product(self, b: Builder, visible: list[Value], depth: int) -> Sequence[Value]:
        x, y = (self.pick(visible, self.of(self.float, 0, 1)) for _ in range(2))
        match self.random.randrange(4):
            case 0:
                square = b("matmul", x, b("transpose", y, permutation=(1, 0)))
                back = b("matmul", self.near_one(b, b("mul", square, 1.0 / 16)), x)
                return [self.near_one(b, b("mul", back, 1.0 / 16))]
            case 1:
                vector = self.pick(visible, self.of(self.float, 1))
                found = b("contract", x, vector, left_batch=(), right_batch=(), left_axes=(1,),
                          right_axes=(0,))  # fmt: skip
            case 2:
                found = b("contract", x, y, left_batch=(0,), right_batch=(0,), left_axes=(1,),
                          right_axes=(1,))  # fmt: skip
            case _:
                found = b("contract", x, y, left_batch=(), right_batch=(), left_axes=(0, 1),
                          right_axes=(0, 1))  # fmt: skip
        return [self.near_one(b, b("mul", found, 1.0 / 16))]

    def moved(self, b: Builder, visible: list[Value], depth: int) -> Sequence[Value]:
        """Views and copies of other shapes, brought back to a shape that goes on."""
        x = self.pick(visible, self.of(self.float, 0, 1))
        n, m = b.sizes(x)
        match self.random.randrange(8):
            case 0:
                turned = b("transpose", x, permutation=(1, 0))
                return [b("transpose", self.unary(b, "tanh", turned), permutation=(1, 0))]
            case 1:
                return [b("flip", x, axes=self.random.choice(((0,), (1,), (0, 1))))]
            case 2:
                flat = b("reshape", x, b("mul", n, m))
                return [b("reshape", self.unary(b, "sin", flat), n, m)]
            case 3:
                two = b("concat", x, b("neg", x), axis=1)
                return [b("slice", two, b.constant(0), m, n, m, steps=(1, 1))]
            case 4:
                row = b("index", x, b.constant(self.random.choice((0, -1))))
                return [row, self.unary(b, "cos", row)]
            case 5:
                two = b("stack", x, self.unary(b, "tanh", x), axis=0)
                return [b("index", two, b.constant(self.random.randrange(2)))]
            case 6:
                wide = b("pad", x, 0.25, *map(b.constant, (1, 2)), *map(b.constant, (0, 3)))
                return [b("slice", wide, b.constant(1), b.constant(1), n, m, steps=(1, 1))]
            case _:
                total = b("cumsum", x, axis=self.random.randrange(2), reverse=self.coin())
                return [self.near_one(b, b("mul", total, 1.0 / 16))]

    def places(self, b: Builder, visible: list[Value], size: Value) -> Value:
        """Indices into an axis, of the shape [n0]."""
        whole = self.pick(visible, self.of(dtypes.INT64, 0))
        found: Value = b("mod", whole, size)
        return found

    def gathered(self, b: Builder, visible: list[Value], depth: int) -> Sequence[Value]:
        x = self.pick(visible, self.of(self.float, 0, 1))
        match self.random.randrange(4):
            case 0:
                return [b("gather", x, self.places(b, visible, b.size(x, 0)), axis=0)]
            case 1:
                row = self.pick(visible, self.of(self.float, 1))
                return [b("gather", row, self.places(b, visible, b.size(row, 0)), axis=0)]
            case 2:
                updates = self.unary(b, "tanh", x)
                there = self.places(b, visible, b.size(x, 0))
                return [self.near_one(b, b("scatter_add", x, there, updates, axis=0))]
            case _:
                there = self.places(b, visible, b.constant(5))
                hot = b("one_hot", there, b.constant(5), dtype=self.float)
                return [b("reduce_sum", hot, axis=(1,), keep_dims=False)]

    def updated(self, b: Builder, visible: list[Value], depth: int) -> Sequence[Value]:
        x, row = (
            self.pick(visible, self.of(self.float, 0, 1)),
            self.pick(visible, self.of(self.float, 1)),
        )
        place = b("mod", self.pick(visible, INT), b.size(x, 0))
        name = self.random.choice(("index_update", "index_add"))
        return [self.near_one(b, b(name, x, row, place))]

    # --- Integers, and what they decide ---------------------------------------------------------

    def integers(self, b: Builder, visible: list[Value], depth: int) -> Sequence[Value]:
        i, f = dtypes.INT64, self.float
        match self.random.randrange(6):
            case 0:
                x, y = (self.pick(visible, self.of(i, 0, 1)) for _ in range(2))
                name = self.random.choice(("add", "sub", "mul", "minimum", "maximum"))
                return [b("mod", b(name, x, y), b.constant(self.random.choice((7, 13, 97))))]
            case 1:
                x = self.pick(visible, self.of(i, 0, 1))
                where = b("argmax", x, axis=1, keep_dims=False)
                return [where]
            case 2:
                x = self.pick(visible, self.of(i, 0, 1))
                return [b("cast", b("mul", x, b.constant(3)), dtype=f)]
            case 3:
                x = self.pick(visible, self.of(i, 0))
                total = b("reduce_sum", x, axis=None, keep_dims=False)
                return [b("mod", total, b.constant(11))]
            case 4:
                x, y = self.pick(visible, INT), self.pick(visible, INT)
                name = self.random.choice(("add", "sub", "mul", "floor_div", "mod"))
                y = b("add", b("abs", y), b.constant(1)) if "d" in name[-3:] else y
                return [b("mod", b(name, x, y), b.constant(9))]
            case _:
                x = self.pick(visible, self.of(dtypes.INT32, 1))
                return [b("cast", x, dtype=i), b("bit_xor", x, b("bit_not", x))]

    def extremes(self, b: Builder, visible: list[Value], depth: int) -> Sequence[Value]:
        """Operations on the largest and the smallest: a few of them overflow, and stop it all."""
        kind = self.of(dtypes.INT64, 1)
        x, y = self.pick(visible, kind), self.pick(visible, kind)
        some = b.constant(self.random.choice((2, 3, -3, 7, 1 << 40, -(1 << 63), (1 << 63) - 1)))
        names = ["bit_and", "bit_or", "bit_xor", "minimum", "maximum", "floor_div", "mod"]
        if self.random.random() < 0.1:
            names = ["add", "mul", "sub", "floor_div", "shift_left"]
        name = self.random.choice(names)
        right = some if name in ("floor_div", "mod") else self.random.choice((some, y))
        if name == "shift_left":
            right = b.constant(self.random.choice((0, 1, 62, 63)))
        return [b(name, x, right)]

    def chosen(self, b: Builder, visible: list[Value], depth: int) -> Sequence[Value]:
        i = dtypes.INT64
        if self.coin():
            x, y = (self.pick(visible, self.of(i, 0, 1)) for _ in range(2))
            condition = b(self.random.choice(("lt", "eq", "ge")), x, y)
            sides = [self.pick(visible, self.of(self.float, 0, 1)) for _ in range(2)]
        else:
            x, y = (self.pick(visible, self.of(i, 0)) for _ in range(2))
            condition = b(self.random.choice(("lt", "ne", "gt")), x, y)
            sides = [self.pick(visible, self.of(self.float, 0)) for _ in range(2)]
        return [b("select", condition, *sides)]

    # --- Control ----------------------------------------------------------------------------------

    def carried(self) -> list[Type]:
        kinds = [*self.parameters()[:7], INT]
        return [self.random.choice(kinds) for _ in range(self.random.randint(1, 3))]

    def condition(self, b: Builder, visible: Sequence[Value]) -> Value:
        x, y = self.pick(visible, INT), self.pick(visible, INT)
        found: Value = b(self.random.choice(("lt", "eq", "ge", "ne")), x, y)
        return found

    def if_(self, b: Builder, visible: list[Value], depth: int) -> Sequence[Value]:
        kinds = self.carried()
        blocks = []
        for _ in range(2):
            block, inner = Block(), list(visible)
            self.fill(block, inner, depth + 1, self.random.randint(0, 3))
            block.results = tuple(self.pick(inner, kind) for kind in kinds)
            blocks.append(block)
        return b.emit("if", (self.condition(b, visible),), {}, tuple(blocks), kinds)

    def for_(self, b: Builder, visible: list[Value], depth: int) -> Sequence[Value]:
        kinds = self.carried()
        block = Block(tuple(Value(kind) for kind in (INT, *kinds)))
        inner = [*visible, *block.parameters]
        self.fill(block, inner, depth + 1, self.random.randint(1, 4))
        block.results = tuple(self.pick(inner, kind) for kind in kinds)
        bounds = map(b.constant, self.random.choice([(0, 3, 1), (5, 0, -2), (0, 0, 1), (2, 4, 1)]))
        initial = tuple(self.pick(visible, kind) for kind in kinds)
        return b.emit("for", (*bounds, *initial), {}, (block,), kinds)

    def while_(self, b: Builder, visible: list[Value], depth: int) -> Sequence[Value]:
        """Counts up to 3; the counter is the first carried value."""
        kinds = [INT, *self.carried()]
        condition = Block(tuple(Value(kind) for kind in kinds))
        c = Builder(condition)
        condition.results = (c("lt", condition.parameters[0], c.constant(3)),)
        body = Block(tuple(Value(kind) for kind in kinds))
        inner = [*visible, *body.parameters]
        self.fill(body, inner, depth + 1, self.random.randint(1, 3))
        count = Builder(body)("add", body.parameters[0], Builder(body).constant(1))
        body.results = (count, *(self.pick(inner, kind) for kind in kinds[1:]))
        initial = (b.constant(0), *(self.pick(visible, kind) for kind in kinds[1:]))
        return b.emit("while", initial, {}, (condition, body), kinds)

    def call(self, b: Builder, visible: list[Value], depth: int) -> Sequence[Value]:
        callee = self.random.choice(list(self.functions.values()))
        arguments = tuple(self.pick(visible, kind) for kind in self.parameters())
        renaming = Renaming()
        for parameter, argument in zip(callee.body.parameters, arguments):
            renaming.bind(parameter, argument)
        kinds = [renaming.type(kind) for kind in callee.result_types]
        return b.emit("call", arguments, {"function": callee.name}, (), kinds)

    def gradient(self, b: Builder, visible: list[Value], depth: int) -> Sequence[Value]:
        """Of the mean of some tensor, in what it was made of."""
        x = self.any_float(visible)
        y = b("reduce_sum", x, axis=None, keep_dims=False) if x.rank else x
        kinds = {v.type for v in visible if v.type in self.parameters()[:5]}
        wanted = tuple(self.pick(visible, kind) for kind in sorted(kinds, key=str)[:3])
        found = b.emit("gradient", (y, *wanted), {})
        return [self.near_one(b, g) for g in found]
