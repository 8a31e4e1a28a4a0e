"""Random functions from a vector to a number, smooth nearly everywhere, for gradients.

The same statements as in `programs.py`, over float64 values only, so that nearly everything a
function computes depends on its argument: loops, branches on values, calls, closures, structs,
lists, variants.
"""

from __future__ import annotations

from random import Random

from properties.expressions import Way
from properties.programs import Programs
from properties.twins import (
    BOOL,
    FLOAT,
    INT,
    Enum,
    Lines,
    Seq,
    Struct,
    Tensor,
    Tup,
    Twin,
    Type,
    Variable,
)

SIZE = 3
VECTOR, MATRIX = Tensor("float64", (SIZE,)), Tensor("float64", (2, SIZE))


class Slopes(Programs):
    def any_type(self, depth: int = 1) -> Type:
        options: list[Type] = [FLOAT, FLOAT, VECTOR, VECTOR, MATRIX, *self.structs, *self.enums]
        if depth > 0:
            options += [Seq(FLOAT), Seq(VECTOR), Tup((FLOAT, VECTOR))]
        return self.one_of(options)

    def any_tensor(self, dtypes: tuple[str, ...] = ()) -> Tensor:
        return self.one_of((VECTOR, VECTOR, MATRIX))

    def statement(self, depth: int) -> None:
        ways = [self.let, self.assign, self.assign, self.unpack, self.update_part, self.change]
        if depth > 0:
            ways += [lambda: self.branch(depth), lambda: self.count(depth)]
            ways += [lambda: self.loop(depth), lambda: self.each(depth), lambda: self.choose(depth)]
        if self.loops > 0:
            ways += [self.leave]
        if self.result is not None:
            ways += [self.give_back]
        self.one_of(ways)()

    def _ways(self, type: Type, depth: int) -> list[Way]:
        ways = super()._ways(type, depth)
        if isinstance(type, Seq):
            return ways[:4] + ways[4:9]  # without `filter`, whose result is no smooth function
        return ways

    def _float_ways(self, dtype: str, depth: int) -> list[Way]:
        return [
            lambda: self._any_binary(FLOAT, depth),
            lambda: self._any_binary(FLOAT, depth),
            lambda: self._quotient(FLOAT, depth),
            lambda: self._power(FLOAT, depth),
            lambda: self._smooth(FLOAT, depth),
            lambda: self._smooth(FLOAT, depth),
            lambda: self._element(FLOAT, depth),
            lambda: self._reduced(FLOAT, depth),
            lambda: self._match(FLOAT, depth),
            lambda: self._loop_number(),
            lambda: self._total(depth),
        ]

    def _tensor_ways(self, type: Tensor, depth: int) -> list[Way]:
        if type.dtype == "bool":
            return [lambda: self._compare_tensors(type, depth)]
        return [
            *[lambda: self._stretched(type, depth)] * 3,
            *[lambda: self._smooth(type, depth)] * 2,
            lambda: self._quotient(type, depth),
            lambda: self._power(type, depth),
            lambda: self._where(type, depth),
            lambda: self._transposed(type, depth),
            lambda: self._picked(type, depth),
            lambda: self._flipped(type, depth),
            lambda: self._sliced(type, depth),
            lambda: self._strided(type, depth),
            lambda: self._gathered(type, depth),
            lambda: self._stacked(type, depth),
            lambda: self._concat(type, depth),
            lambda: self._reshaped(type, depth),
            lambda: self._axis(type, depth),
            lambda: self._matmul(type, depth),
            lambda: self._cumulative(type, depth),
            lambda: self._sorted_tensor(type, depth),
        ]

    def _bool_ways(self, depth: int) -> list[Way]:
        return [
            *[lambda: self._compared(FLOAT, depth)] * 3,
            lambda: self._compared(INT, 0),
            lambda: self._logic(depth),
            lambda: self._negation(depth),
        ]

    def _compare_tensors(self, type: Tensor, depth: int) -> Twin:
        a, b = self._operands(Tensor("float64", type.shape), depth)
        return Twin(f"({a.charl} < {b.charl})", f"({a.python} < {b.python})")

    def _quotient(self, type: Tensor, depth: int) -> Twin:
        a, b = self.expression(type, depth), self.expression(type, depth)
        return Twin(
            f"({a.charl} / (1.5 + {b.charl} ** 2))",
            f"div({a.python}, add(1.5, power({b.python}, 2)))",
        )

    def _loop_number(self) -> Twin | None:
        known = self.variables(INT)
        if not known:
            return None
        charl, python = self.one_of(known).name
        return Twin(f"({charl} as float)", f"float({python})")

    def _total(self, depth: int) -> Twin:
        xs = self.expression(Seq(FLOAT), depth)
        return Twin(
            f"fold({xs.charl}, 0.5, |s, v| s * 0.5 + v)",
            f"fold({xs.python}, 0.5, lambda s, v: s * 0.5 + v)",
        )

    def program(self, length: int = 5) -> Lines:
        """`fn f(x: float[3]) -> float` among the declarations it needs."""
        for _ in range(self.random.randrange(3)):
            name = self.fresh("S")
            struct = Struct(name, ((self.fresh("f"), FLOAT), (self.fresh("f"), VECTOR)))
            fields = ", ".join(
                f"{n}: float{'[3]' if t == VECTOR else ''}" for n, t in struct.fields
            )
            self.lines.add(f"struct {name} {{ {fields} }}", None)
            self.structs.append(struct)
        for _ in range(self.random.randrange(2)):
            name, one, two = self.fresh("E"), self.fresh("V"), self.fresh("V")
            self.lines.add(f"enum {name} {{ {one}(float), {two}(float[3], float) }}", None)
            self.enums.append(Enum(name, ((one, (FLOAT,)), (two, (VECTOR, FLOAT)))))
        for _ in range(self.random.randrange(3)):
            self.declare_function()
        self.lines.open("fn f(x: float[3]) -> float", "def f(x)")
        self.level, self.result = 1, FLOAT
        self.scope = [Variable(VECTOR, Twin("x", "x"), 1, True)]
        self.bind(FLOAT, Twin("x[0] * x[1]", "mul(at(x, 0), at(x, 1))"))
        self.bind(FLOAT, Twin("sin(x[2])", "float(np.sin(at(x, 2)))"))
        self.bind(MATRIX, Twin("stack([x, cos(x)])", "np.stack([x, np.cos(x)])"))
        self.bind(VECTOR, Twin("x * x", "mul(x, x)"))
        for _ in range(length):
            if self.chance(15):
                self.declare_closure()
            else:
                self.statement(2)
        total = self.expression(FLOAT, 2)
        for variable in self.scope:
            if variable.type == FLOAT:
                total = Twin(
                    f"{total.charl} + {variable.name.charl}",
                    f"add({total.python}, {variable.name.python})",
                )
        self.lines.add(total.charl, f"return {total.python}")
        self.lines.close()
        return self.lines

    def each(self, depth: int) -> None:
        name = self.fresh("x")
        source: Type = self.one_of((Seq(FLOAT), Seq(VECTOR), VECTOR, MATRIX))
        row: Type = (
            source.element if isinstance(source, Seq) else Tensor("float64", source.shape[1:])
        )
        xs = self.expression(source, 2)
        rows = f"map(plain, {xs.python})" if isinstance(source, Tensor) else xs.python
        self.body([(name, row)], f"for {name} in {xs.charl}", f"for {name} in {rows}", depth)

    def leaf(self, type: Type) -> Twin:
        known = self.variables(type)
        if known and self.chance(90):
            return self.one_of(known).name
        if type == BOOL:
            return self._compared(FLOAT, 0)
        if isinstance(type, Tensor) and type.dtype == "bool":
            return self._compare_tensors(type, 0)
        return self.literal(type)


def random_slope(random: Random, length: int = 5) -> tuple[str, str]:
    """Charl and Python text that define `f`."""
    lines = Slopes(random).program(length)
    return "\n".join(lines.charl) + "\n", "\n".join(lines.python) + "\n"
