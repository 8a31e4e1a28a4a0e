"""Random expressions of tensor types: each method is one way to come by a tensor of a shape."""

from __future__ import annotations

from properties.expressions import BINARY, COMPARISONS, FLOATS, Expressions, Way
from properties.twins import Size, Tensor, Twin, is_concrete, sizes


class Tensors(Expressions):
    def _tensor_ways(self, type: Tensor, depth: int) -> list[Way]:
        dtype, shape = type.dtype, type.shape
        ways: list[Way] = [
            lambda: self._where(type, depth),
            lambda: self._transposed(type, depth),
            lambda: self._picked(type, depth),
            lambda: self._flipped(type, depth),
            lambda: self._made(type),
        ]
        if is_concrete(shape):
            ways += [
                lambda: self._sliced(type, depth),
                lambda: self._gathered(type, depth),
                lambda: self._stacked(type, depth),
                lambda: self._concat(type, depth),
                lambda: self._reshaped(type, depth),
                lambda: self._strided(type, depth),
            ]
        if dtype == "bool":
            return ways + [
                lambda: self._compare_tensors(type, depth),
                lambda: self._compare_tensors(type, depth),
                lambda: self._tensor_logic(type, depth),
            ]
        ways += [
            lambda: self._stretched(type, depth),
            lambda: self._stretched(type, depth),
            lambda: self._stretched(type, depth),
            lambda: self._axis(type, depth),
            lambda: self._matmul(type, depth),
            lambda: self._cumulative(type, depth),
            lambda: self._sorted_tensor(type, depth),
            lambda: self._power(type, depth),
        ]
        if dtype in FLOATS:
            ways += [lambda: self._smooth(type, depth), lambda: self._smooth(type, depth)]
            ways += [lambda: self._convert(type, depth)]
        if dtype == "int64":
            ways += [lambda: self._arg(type, depth), lambda: self._division(type, depth)]
            ways += [lambda: self._convert(type, depth)]
            if len(shape) == 1:
                ways += [lambda: Twin(f"arange({shape[0]})", f"np.arange({shape[0]})")]
        return ways

    def _made(self, type: Tensor) -> Twin:
        name, lengths = self.one_of(("zeros", "ones")), sizes(type.shape)
        return Twin(
            f"{name}({lengths.charl}, dtype: {type.dtype})",
            f"np.{name}({lengths.python}, '{type.dtype}')",
        )

    def stretchable(self, type: Tensor) -> Tensor:
        """A type that stretches to this one: a scalar, a lower rank, some sizes of 1."""
        match self.random.randrange(4):
            case 0:
                return Tensor(type.dtype)
            case 1:
                return Tensor(type.dtype, type.shape[self.random.randrange(len(type.shape)) :])
            case 2:
                return Tensor(type.dtype, tuple(1 if self.chance(40) else s for s in type.shape))
        return type

    def _operands(self, type: Tensor, depth: int) -> tuple[Twin, Twin]:
        a = self.expression(type, depth)
        b = self.expression(self.stretchable(type), depth)
        return (a, b) if self.chance(50) else (b, a)

    def _stretched(self, type: Tensor, depth: int) -> Twin:
        a, b = self._operands(type, depth)
        pairs = [*BINARY.items(), *([("/", "div")] if type.dtype in FLOATS else [])]
        operator, name = self.one_of(pairs)
        if self.chance(20):
            name = self.one_of(("minimum", "maximum"))
            return self._applied(name, a, b)
        return Twin(f"({a.charl} {operator} {b.charl})", f"{name}({a.python}, {b.python})")

    def _compare_tensors(self, type: Tensor, depth: int) -> Twin:
        a, b = self._operands(Tensor(self.one_of(("int64", "float32")), type.shape), depth)
        operator = self.one_of(COMPARISONS[:4])
        return Twin(f"({a.charl} {operator} {b.charl})", f"({a.python} {operator} {b.python})")

    def _tensor_logic(self, type: Tensor, depth: int) -> Twin:
        a, b = self.expression(type, depth), self.expression(type, depth)
        if self.chance(30):
            return Twin(f"(not {a.charl})", f"np.logical_not({a.python})")
        word = self.one_of(("and", "or"))
        return Twin(f"({a.charl} {word} {b.charl})", f"np.logical_{word}({a.python}, {b.python})")

    def _where(self, type: Tensor, depth: int) -> Twin:
        condition = self.expression(Tensor("bool", type.shape), depth)
        a, b = self._operands(type, depth)
        return self._applied("where", condition, a, b, python="np.where")

    def _convert(self, type: Tensor, depth: int) -> Twin:
        source = self.one_of(("int64", "bool") if type.dtype == "float32" else ("bool",))
        inner = self.expression(Tensor(source, type.shape), depth)
        return Twin(f"({inner.charl} as {type.dtype})", f"cast({inner.python}, '{type.dtype}')")

    def _transposed(self, type: Tensor, depth: int) -> Twin | None:
        rank = len(type.shape)
        if rank < 2:
            return None
        order = list(range(rank))
        self.random.shuffle(order)
        source: list[Size] = [0] * rank
        for place, axis in enumerate(order):
            source[axis] = type.shape[place]
        inner = self.expression(Tensor(type.dtype, tuple(source)), depth)
        return Twin(f"transpose({inner.charl}, {order})", f"np.transpose({inner.python}, {order})")

    def _reshaped(self, type: Tensor, depth: int) -> Twin:
        count = 1
        for size in type.shape:
            count *= int(size)
        source: tuple[Size, ...] = (count,)
        for factor in (2, 3):
            if count % factor == 0 and self.chance(50):
                source = (factor, count // factor)
        inner = self.expression(Tensor(type.dtype, source), depth)
        target = list(type.shape)
        shown = [str(s) for s in target]
        if self.chance(40):
            shown[self.random.randrange(len(shown))] = "-1"
        return Twin(
            f"reshape({inner.charl}, [{', '.join(shown)}])", f"np.reshape({inner.python}, {target})"
        )

    def _picked(self, type: Tensor, depth: int) -> Twin:
        """A tensor with one axis more, indexed there."""
        size, place = self.random.randrange(1, 4), self.random.randrange(len(type.shape) + 1)
        shape = (*type.shape[:place], size, *type.shape[place:])
        inner, i = self.expression(Tensor(type.dtype, shape), depth), self.index(size)
        before = ".., " * place
        return Twin(
            f"{inner.charl}[{before}{i.charl}]",
            f"at({inner.python}, {'slice(None), ' * place}{i.python})",
        )

    def _sliced(self, type: Tensor, depth: int) -> Twin:
        """A part of a longer tensor along the first axis."""
        length = int(type.shape[0])
        before, after = self.random.randrange(3), self.random.randrange(3)
        whole = Tensor(type.dtype, (before + length + after, *type.shape[1:]))
        inner, stop = self.expression(whole, depth), before + length
        if self.chance(4):
            stop += after + 1
            return Twin(
                f"({inner.charl}[{before}..{stop}])[0..{length}]",
                f"cut(cut({inner.python}, {before}, {stop}), 0, {length})",
            )
        return Twin(f"{inner.charl}[{before}..{stop}]", f"cut({inner.python}, {before}, {stop})")

    def _strided(self, type: Tensor, depth: int) -> Twin:
        """Every second row, or the rows backwards."""
        if self.chance(50):
            inner = self.expression(type, depth)
            return Twin(f"{inner.charl}[.. step -1]", f"({inner.python})[::-1]")
        whole = Tensor(type.dtype, (2 * int(type.shape[0]), *type.shape[1:]))
        inner = self.expression(whole, depth)
        return Twin(f"{inner.charl}[.. step 2]", f"({inner.python})[::2]")

    def _gathered(self, type: Tensor, depth: int) -> Twin:
        rows = self.random.randrange(1, 4)
        inner = self.expression(Tensor(type.dtype, (rows, *type.shape[1:])), depth)
        places = [self.random.randrange(-rows, rows) for _ in range(int(type.shape[0]))]
        return Twin(f"{inner.charl}[tensor({places})]", f"at({inner.python}, np.array({places}))")

    def _stacked(self, type: Tensor, depth: int) -> Twin | None:
        axis = self.random.randrange(len(type.shape))
        if int(type.shape[axis]) > 3:
            return None
        part = Tensor(type.dtype, (*type.shape[:axis], *type.shape[axis + 1 :]))
        parts = [self.expression(part, depth) for _ in range(int(type.shape[axis]))]
        return Twin(
            f"stack([{', '.join(p.charl for p in parts)}], axis: {axis})",
            f"np.stack([{', '.join(p.python for p in parts)}], axis={axis}).astype('{type.dtype}')",
        )

    def _concat(self, type: Tensor, depth: int) -> Twin | None:
        axis = self.random.randrange(len(type.shape))
        size = int(type.shape[axis])
        if size < 2:
            return None
        first = self.random.randrange(1, size)
        parts = [
            self.expression(
                Tensor(type.dtype, (*type.shape[:axis], s, *type.shape[axis + 1 :])), depth
            )
            for s in (first, size - first)
        ]
        return Twin(
            f"concat([{', '.join(p.charl for p in parts)}], axis: {axis - len(type.shape)})",
            f"np.concatenate([{', '.join(p.python for p in parts)}], axis={axis})",
        )

    def _flipped(self, type: Tensor, depth: int) -> Twin:
        inner, axis = self.expression(type, depth), self.random.randrange(len(type.shape))
        return Twin(f"flip({inner.charl}, axes: [{axis}])", f"np.flip({inner.python}, {axis})")

    def _axis(self, type: Tensor, depth: int) -> Twin:
        """A reduction along one axis of a tensor with one more, or kept as size 1."""
        name, size = self.one_of(("sum", "max", "min", "prod")), self.random.randrange(1, 4)
        axis = self.random.randrange(len(type.shape) + 1)
        kept = [i for i, s in enumerate(type.shape) if s == 1]
        if kept and self.chance(60):
            axis = self.one_of(kept)
            shape = (*type.shape[:axis], size, *type.shape[axis + 1 :])
            inner = self.expression(Tensor(type.dtype, shape), depth)
            return Twin(
                f"{name}({inner.charl}, axis: {axis}, keep_dims: true)",
                f"reduce('{name}', {inner.python}, {axis}, True)",
            )
        shape = (*type.shape[:axis], size, *type.shape[axis:])
        inner = self.expression(Tensor(type.dtype, shape), depth)
        if name == "sum" and type.dtype in FLOATS and self.chance(40):
            return Twin(f"mean({inner.charl}, axis: {axis})", f"mean({inner.python}, {axis})")
        return Twin(
            f"{name}({inner.charl}, axis: {axis - len(shape)})",
            f"reduce('{name}', {inner.python}, {axis})",
        )

    def _arg(self, type: Tensor, depth: int) -> Twin:
        axis, size = self.random.randrange(len(type.shape) + 1), self.random.randrange(1, 4)
        shape = (*type.shape[:axis], size, *type.shape[axis:])
        inner, name = (
            self.expression(Tensor("int64", shape), depth),
            self.one_of(("argmax", "argmin")),
        )
        return Twin(
            f"{name}({inner.charl}, axis: {axis})", f"np.{name}({inner.python}, axis={axis})"
        )

    def _matmul(self, type: Tensor, depth: int) -> Twin | None:
        shape, k = type.shape, self.random.randrange(1, 4)
        match len(shape):
            case 1:
                pairs = [((k,), (k, shape[0])), ((shape[0], k), (k,))]
            case 2:
                pairs = [((shape[0], k), (k, shape[1]))]
            case _:
                pairs = [((*shape[:-1], k), (*shape[:-2], k, shape[-1]))]
                pairs += [((*shape[:-1], k), (k, shape[-1]))]
        left, right = self.one_of(pairs)
        a = self.expression(Tensor(type.dtype, left), depth)
        b = self.expression(Tensor(type.dtype, right), depth)
        return Twin(f"({a.charl} @ {b.charl})", f"np.matmul({a.python}, {b.python})")

    def _cumulative(self, type: Tensor, depth: int) -> Twin:
        inner, axis = self.expression(type, depth), self.random.randrange(len(type.shape))
        name = self.one_of(("cumsum", "cumprod"))
        return Twin(
            f"{name}({inner.charl}, axis: {axis})",
            f"np.{name}({inner.python}, axis={axis}, dtype='{type.dtype}')",
        )

    def _sorted_tensor(self, type: Tensor, depth: int) -> Twin:
        inner = self.expression(type, depth)
        return Twin(f"sort({inner.charl})", f"np.sort({inner.python}, axis=-1, kind='stable')")
