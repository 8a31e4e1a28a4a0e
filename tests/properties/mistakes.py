"""Random programs with one mistake in them, of a kind the checker must see before the run.

The mistake stands on a line of its own, where its meaning does not depend on how the program runs:
not in a branch (a condition known at compile time would leave it out) and not in a template.
"""

from __future__ import annotations

from random import Random

from properties.programs import Programs
from properties.twins import BOOL, FLOAT32, INT, TEXT, Seq, Tensor, Tup, Type, written

# Values of any two of these never fit each other, not even as literals.
STRANGERS: tuple[Type, ...] = (INT, TEXT, BOOL, Seq(TEXT), Tup((TEXT, INT)), Tup((INT, INT, INT)))


class Mistakes(Programs):
    def __init__(self, random: Random, place: int) -> None:
        super().__init__(random)
        self.place = place
        self.line = -1
        self.certain = True

    def statement(self, depth: int) -> None:
        if self.certain and self.line < 0:
            self.place -= 1
            if self.place < 0:
                self.line = len(self.lines.charl)
                self.lines.add(self.mistake(), None)
        super().statement(depth)

    def uncertain(self, write: object, depth: int) -> None:
        before, self.certain = self.certain, False
        write(depth)  # type: ignore[operator]
        self.certain = before

    def branch(self, depth: int) -> None:
        self.uncertain(super().branch, depth)

    def loop(self, depth: int) -> None:
        self.uncertain(super().loop, depth)

    def choose(self, depth: int) -> None:
        self.uncertain(super().choose, depth)

    def declare_function(self) -> None:
        before, self.certain = self.certain, False
        super().declare_function()
        self.certain = before

    def mistake(self) -> str:
        kinds = (
            self._name, self._declared, self._condition, self._operator, self._shapes,
            self._matrices, self._dtypes, self._arguments, self._field, self._missing, self._cover,
            self._rank, self._assigned, self._unpacked, self._reshape, self._axis_missing,
            self._not_a_function, self._result, self._constant, self._element_types, self._spare,
        )  # fmt: skip
        while True:
            found = self.one_of(kinds)()
            if found is not None:
                return found

    def _value(self, type: Type) -> str:
        return self.expression(type, 1).charl

    def _two_strangers(self) -> tuple[Type, Type]:
        first = self.random.randrange(len(STRANGERS))
        step = self.random.randrange(1, len(STRANGERS))
        return STRANGERS[first], STRANGERS[(first + step) % len(STRANGERS)]

    def _name(self) -> str:
        return f"print({self.fresh('nobody')} + {self._value(INT)})"

    def _declared(self) -> str:
        a, b = self._two_strangers()
        return f"let {self.fresh('q')}: {written(a)} = {self._value(b)}"

    def _condition(self) -> str:
        type = self.one_of((INT, TEXT, Seq(INT), FLOAT32, Tensor("bool", (2,))))
        return f"{self.one_of(('if', 'while'))} {self._value(type)} {{ }}"

    def _operator(self) -> str:
        text, other = self._value(TEXT), self._value(self.one_of((INT, BOOL, TEXT)))
        operator = self.one_of(("-", "*", "/", "//", "%", "**", "@"))
        a, b = (text, other) if self.chance(50) else (other, text)
        return f"print({a} {operator} {b})"

    def _shapes(self) -> str:
        type = self.any_tensor(("float32",))
        size = type.shape[-1]
        assert isinstance(size, int)
        other = Tensor("float32", (*type.shape[:-1], size + 1 if size > 1 else 3))
        if size == 1:
            type = Tensor("float32", (*type.shape[:-1], 2))
        return f"print({self._value(type)} {self.one_of('+-*/')} {self._value(other)})"

    def _matrices(self) -> str:
        a, b = Tensor("float32", (2, 3)), Tensor("float32", self.one_of(((2, 3), (4, 2), (2,))))
        return f"print({self._value(a)} @ {self._value(b)})"

    def _dtypes(self) -> str:
        shape = self.any_tensor().shape
        first, second = self.one_of((("int64", "float32"), ("float64", "float32")))
        lengths = ", ".join(map(str, shape))
        a, b = f"ones([{lengths}], dtype: {first})", f"ones([{lengths}], dtype: {second})"
        return f"print({a} {self.one_of('+-*')} {b})"

    def _arguments(self) -> str | None:
        known = [f for f in self.functions if f.parameters and not f.mutates]
        if not known:
            return None
        function = self.one_of(known)
        values = [self._value(t) for t in function.parameters]
        match self.random.randrange(3):
            case 0:
                values.append(self._value(INT))
            case 1:
                values.pop()
            case _:
                values[-1] = f"{self.fresh('nobody')}: {values[-1]}"
        return f"{function.name.charl}({', '.join(values)})"

    def _field(self) -> str | None:
        if not self.structs:
            return None
        return f"print(({self._value(self.one_of(self.structs))}).{self.fresh('nothing')})"

    def _missing(self) -> str | None:
        if not self.structs:
            return None
        struct = self.one_of(self.structs)
        given = [f"{n}: {self._value(t)}" for n, t in struct.fields[1:]]
        return f"print({struct.name}({', '.join(given)}))"

    def _cover(self) -> str | None:
        known = [e for e in self.enums if len(e.variants) > 1]
        if not known:
            return None
        enum = self.one_of(known)
        arms = [
            f"{name}({', '.join('_' for _ in payload)}) => 0" if payload else f"{name} => 0"
            for name, payload in enum.variants[1:]
        ]
        return f"print(match {self._value(enum)} {{ {', '.join(arms)} }})"

    def _rank(self) -> str:
        type = self.any_tensor()
        index = ", ".join("0" for _ in range(len(type.shape) + 1))
        return f"print({self._value(type)}[{index}])"

    def _assigned(self) -> str | None:
        strange = [v for v in self.assignable() if v.type in STRANGERS]
        if not strange:
            return None
        variable = self.one_of(strange)
        other = self.one_of([t for t in STRANGERS if t != variable.type])
        return f"{variable.name.charl} = {self._value(other)}"

    def _unpacked(self) -> str:
        names = [self.fresh("q") for _ in range(3)]
        return f"let ({', '.join(names)}) = {self._value(Tup((INT, TEXT)))}"

    def _reshape(self) -> str:
        return f"print(reshape({self._value(Tensor('float32', (2, 3)))}, [{self.one_of('4578')}]))"

    def _axis_missing(self) -> str:
        type = self.any_tensor()
        name, axis = self.one_of(("sum", "max")), self.one_of((len(type.shape), -9))
        return f"print({name}({self._value(type)}, axis: {axis}))"

    def _not_a_function(self) -> str:
        return f"print(({self._value(self.one_of((INT, TEXT, Seq(INT))))})({self._value(INT)}))"

    def _result(self) -> str:
        a, b = self._two_strangers()
        return f"fn {self.fresh('h')}() -> {written(a)} {{ {self._value(b)} }}"

    def _constant(self) -> str:
        name = self.fresh("q")
        return f"const {name} = {self._value(INT)}; {name} = 3"

    def _element_types(self) -> str:
        a, b = self._two_strangers()
        return f"print([{self._value(a)}, {self._value(b)}])"

    def _spare(self) -> str | None:
        if self.loops == 0 and self.level == 0:
            return self.one_of(("break", "continue", "return 3"))
        return None


def faulty_program(random: Random, length: int = 6) -> tuple[str, int]:
    """A program and the number of its faulty line, counted from 1."""
    while True:
        program = Mistakes(random, random.randrange(length))
        text = "\n".join(program.program(length).charl) + "\n"
        if program.line >= 0:
            return text, program.line + 1
