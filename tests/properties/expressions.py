"""Random expressions of a given type, as twins.

`Expressions` knows what is in scope; each way to make a value of a type is one method, and
`expression` picks among those that fit. A way that finds nothing to work with gives None, and
another is tried. What may stop a program (a division, an index) is mostly guarded, so that most
programs run to their end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import TypeVar

from properties.twins import (
    BOOL,
    FLOAT,
    FLOAT32,
    INT,
    TEXT,
    Enum,
    Function,
    Seq,
    Size,
    Struct,
    Tensor,
    Text,
    Tup,
    Twin,
    Type,
    Variable,
    sizes,
)

T = TypeVar("T")
Way = Callable[[], "Twin | None"]
FLOATS = ("float32", "float64")
WORDS = ("a", "be", "Sea", "d-e", "", "fig 7", "é")
BINARY = {"+": "add", "-": "sub", "*": "mul"}
COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")
SMOOTH = ("sin", "cos", "tanh", "exp")


class Expressions:
    def __init__(self, random: Random) -> None:
        self.random = random
        self.scope: list[Variable] = []
        self.functions: list[Function] = []
        self.structs: list[Struct] = []
        self.enums: list[Enum] = []
        self.level = 0
        self.serial = 0

    # --- Choosing ---

    def one_of(self, options: Sequence[T]) -> T:
        return options[self.random.randrange(len(options))]

    def chance(self, percent: int) -> bool:
        return self.random.randrange(100) < percent

    def fresh(self, prefix: str = "v") -> str:
        self.serial += 1
        return f"{prefix}{self.serial}"

    def variables(self, type: Type) -> list[Variable]:
        return [v for v in self.scope if v.type == type]

    def expression(self, type: Type, depth: int = 3) -> Twin:
        if depth > 0 and not self.chance(15):
            for _ in range(4):
                found = self.one_of(self._ways(type, depth - 1))()
                if found is not None:
                    return found
        return self.leaf(type)

    def leaf(self, type: Type) -> Twin:
        known = self.variables(type)
        if known and self.chance(75):
            return self.one_of(known).name
        return self.literal(type)

    def literal(self, type: Type) -> Twin:
        match type:
            case Tensor("int64", ()):
                number = self.random.randrange(-9, 10)
                return (
                    Twin(f"({number})", f"({number})") if number < 0 else Twin(*[str(number)] * 2)
                )
            case Tensor("float64", ()):
                number = self.random.randrange(-8, 17) / 4
                return Twin(*[f"({number})" if number < 0 else f"{number}"] * 2)
            case Tensor("float32", ()):
                inner = self.literal(FLOAT)
                return Twin(f"({inner.charl} as float32)", f"np.float32({inner.python})")
            case Tensor("bool", ()):
                return self.one_of((Twin("true", "True"), Twin("false", "False")))
            case Tensor(dtype, shape):
                return self._tensor_literal(dtype, shape)
            case Text():
                word = self.one_of(WORDS)
                return Twin(f'"{word}"', repr(word))
            case Seq(element):
                return _listed([self.leaf(element) for _ in range(self.random.randrange(1, 4))])
            case Tup(items):
                return _tuple([self.leaf(t) for t in items])
            case Struct():
                return self._construct(type, 0)
            case Enum():
                return self._variant(type, 0)

    def _tensor_literal(self, dtype: str, shape: tuple[Size, ...]) -> Twin:
        scalar = Tensor(dtype if dtype != "float32" else "float64")
        count = 1
        for size in shape:
            count *= size if isinstance(size, int) else 99
        if count > 8 or self.chance(20) or dtype == "float64":
            value, lengths = self.literal(scalar), sizes(shape)
            return Twin(
                f"full({lengths.charl}, {value.charl}, dtype: {dtype})",
                f"np.full({lengths.python}, {value.python}, '{dtype}')",
            )

        def nested(rest: tuple[Size, ...]) -> Twin:
            if not rest:
                return self.literal(scalar)
            return _listed([nested(rest[1:]) for _ in range(int(rest[0]))])

        inner = nested(shape)
        return Twin(f"tensor({inner.charl})", f"np.array({inner.python}, '{dtype}')")

    # --- What any type can be made of ---

    def _ways(self, type: Type, depth: int) -> list[Way]:
        ways: list[Way] = [
            lambda: self._if(type, depth),
            lambda: self._call(type, depth),
            lambda: self._part(type),
            lambda: self._block(type, depth),
        ]
        match type:
            case Tensor("int64", ()):
                own = self._int_ways(depth)
            case Tensor("bool", ()):
                own = self._bool_ways(depth)
            case Tensor(dtype, ()):
                own = self._float_ways(dtype, depth)
            case Tensor():
                own = self._tensor_ways(type, depth)
            case Text():
                own = self._text_ways(depth)
            case Seq():
                own = self._list_ways(type, depth)
            case Tup(items):
                own = [lambda: _tuple([self.expression(t, depth) for t in items])]
            case Struct():
                own = [lambda: self._construct(type, depth)]
            case Enum():
                own = [lambda: self._variant(type, depth)]
        return ways + own * max(1, 8 // len(own))

    def _if(self, type: Type, depth: int) -> Twin:
        c, a, b = (self.expression(t, depth) for t in (BOOL, type, type))
        return Twin(
            f"(if {c.charl} {{ {a.charl} }} else {{ {b.charl} }})",
            f"({a.python} if {c.python} else {b.python})",
        )

    def _block(self, type: Type, depth: int) -> Twin:
        name = self.fresh()
        inner_type = self.any_type()
        value = self.expression(inner_type, depth)
        self.scope.append(Variable(inner_type, Twin(name, name), self.level, True))
        result = self.expression(type, depth)
        self.scope.pop()
        return Twin(
            f"({{ let {name} = {value.charl}; {result.charl} }})",
            f"(lambda {name}: {result.python})({value.python})",
        )

    def _call(self, type: Type, depth: int) -> Twin | None:
        known = [f for f in self.functions if f.result == type and not f.mutates]
        if not known:
            return None
        function = self.one_of(known)
        arguments = [self.expression(t, min(depth, 1)) for t in function.parameters]
        shown = [a.charl for a in arguments]
        if function.labels and self.chance(30):
            start = self.random.randrange(len(shown) + 1)
            shown[start:] = [f"{n}: {s}" for n, s in zip(function.labels[start:], shown[start:])]
        return Twin(
            f"{function.name.charl}({', '.join(shown)})",
            f"{function.name.python}({', '.join(a.python for a in arguments)})",
        )

    def _part(self, type: Type) -> Twin | None:
        """A part of a variable: an item, a field, an element."""
        found: list[Twin] = []
        for variable in self.scope:
            charl, python = variable.name
            match variable.type:
                case Tup(items):
                    found += [
                        Twin(f"{charl}.{i}", f"{python}[{i}]")
                        for i, t in enumerate(items)
                        if t == type
                    ]
                case Struct(_, fields):
                    found += [
                        Twin(f"{charl}.{n}", f"{python}['{n}']") for n, t in fields if t == type
                    ]
                case Seq(element) if element == type:
                    i = self.random.randrange(-1, 2)
                    found.append(Twin(f"{charl}[{i}]", f"at({python}, {i})"))
        return self.one_of(found) if found else None

    def _construct(self, type: Struct, depth: int) -> Twin:
        parts = [(n, self.expression(t, depth)) for n, t in type.fields]
        charl = ", ".join(f"{n}: {v.charl}" for n, v in parts)
        python = ", ".join(f"('{n}', {v.python})" for n, v in parts)
        return Twin(f"{type.name}({charl})", f"Record('{type.name}', ({python},))")

    def _variant(self, type: Enum, depth: int) -> Twin:
        name, payload = self.one_of(type.variants)
        parts = [self.expression(t, depth) for t in payload]
        shown = f"{name}({', '.join(p.charl for p in parts)})" if parts else name
        return Twin(shown, f"Choice('{name}', {_tuple(parts).python})")

    def any_type(self, depth: int = 1) -> Type:
        plain: list[Type] = [INT, INT, FLOAT, BOOL, TEXT, self.any_tensor(), self.any_tensor()]
        composite: list[Type] = [*self.structs, *self.enums]
        if depth > 0:
            composite += [
                Seq(self.any_type(0)),
                Seq(INT),
                Tup(tuple(self.any_type(0) for _ in range(self.random.randrange(2, 4)))),
            ]
        return self.one_of(plain + composite)

    def any_tensor(self, dtypes: tuple[str, ...] = ("float32", "float32", "int64")) -> Tensor:
        if self.chance(60):
            known = [
                v.type for v in self.scope if isinstance(v.type, Tensor) and v.type.dtype in dtypes
            ]
            known = [t for t in known if t.shape]
            if known:
                return self.one_of(known)
        shape = tuple(self.random.randrange(1, 5) for _ in range(self.random.randrange(1, 4)))
        return Tensor(self.one_of(dtypes), shape[:2] if shape[-1] > 2 else shape)

    # --- Numbers ---

    def _binary(self, type: Type, depth: int, operator: str, name: str) -> Twin:
        a, b = self.expression(type, depth), self.expression(type, depth)
        return Twin(f"({a.charl} {operator} {b.charl})", f"{name}({a.python}, {b.python})")

    def _any_binary(self, type: Type, depth: int) -> Twin:
        return self._binary(type, depth, *self.one_of(tuple(BINARY.items())))

    def _applied(self, name: str, *arguments: Twin, python: str = "") -> Twin:
        return Twin(
            f"{name}({', '.join(a.charl for a in arguments)})",
            f"{python or name}({', '.join(a.python for a in arguments)})",
        )

    def _int_ways(self, depth: int) -> list[Way]:
        return [
            lambda: self._any_binary(INT, depth),
            lambda: self._any_binary(INT, depth),
            lambda: self._division(INT, depth),
            lambda: self._power(INT, depth),
            lambda: self._applied("abs", self.expression(INT, depth), python="absolute"),
            lambda: self._applied(
                self.one_of(("minimum", "maximum")),
                self.expression(INT, depth),
                self.expression(INT, depth),
            ),
            lambda: self._length(depth),
            lambda: self._element(INT, depth),
            lambda: self._reduced(INT, depth),
            lambda: self._cast(INT, FLOAT, depth),
            lambda: self._match(INT, depth),
            lambda: self._folded(depth),
        ]

    def _float_ways(self, dtype: str, depth: int) -> list[Way]:
        type = Tensor(dtype)
        other = FLOAT32 if dtype == "float64" else FLOAT
        return [
            lambda: self._any_binary(type, depth),
            lambda: self._any_binary(type, depth),
            lambda: self._binary(type, depth, "/", "div"),
            lambda: self._binary(INT, depth, "/", "div") if dtype == "float64" else None,
            lambda: self._power(type, depth),
            lambda: self._smooth(type, depth),
            lambda: self._cast(type, INT, depth),
            lambda: self._cast(type, other, depth),
            lambda: self._element(type, depth),
            lambda: self._reduced(type, depth),
            lambda: self._match(type, depth),
        ]

    def _division(self, type: Tensor, depth: int) -> Twin:
        operator, name = self.one_of((("//", "floor_div"), ("%", "mod")))
        a, b = self.expression(type, depth), self.expression(type, depth)
        if not self.chance(4):
            b = Twin(f"(abs({b.charl}) + 1)", f"add(absolute({b.python}), 1)")
        return Twin(f"({a.charl} {operator} {b.charl})", f"{name}({a.python}, {b.python})")

    def _power(self, type: Tensor, depth: int) -> Twin:
        base, exponent = self.expression(type, depth), self.random.randrange(4)
        return Twin(f"({base.charl} ** {exponent})", f"power({base.python}, {exponent})")

    def _smooth(self, type: Tensor, depth: int) -> Twin:
        inner = self.expression(type, depth)
        if self.chance(30):
            name = self.one_of(("sqrt", "log"))
            return Twin(
                f"{name}(abs({inner.charl}) + 1)",
                f"plain(np.{name}(add(absolute({inner.python}), 1)))",
            )
        name = self.one_of(SMOOTH)
        type_of = f"np.{type.dtype}" if not type.shape else ""
        return Twin(f"{name}({inner.charl})", f"plain(np.{name}({type_of}({inner.python})))")

    def _cast(self, type: Tensor, source: Tensor, depth: int) -> Twin:
        inner = self.expression(source, depth)
        if source == FLOAT and type == INT and not self.chance(4):
            inner = Twin(
                f"minimum(maximum({inner.charl}, -99.0), 99.0)",
                f"minimum(maximum({inner.python}, -99.0), 99.0)",
            )
            if not self.chance(50):
                inner = Twin(f"tanh({inner.charl})", f"plain(np.tanh({inner.python}))")
        if type == INT and source == FLOAT:
            inner = Twin(
                f"where(is_nan({inner.charl}), 0.0, {inner.charl})",
                f"(0.0 if np.isnan({inner.python}) else {inner.python})",
            )
        shown = {"int64": "int", "float64": "float"}.get(type.dtype, type.dtype)
        return Twin(f"({inner.charl} as {shown})", f"cast({inner.python}, '{type.dtype}')")

    def _length(self, depth: int) -> Twin:
        type = self.one_of((TEXT, Seq(INT), Seq(TEXT), self.any_tensor()))
        inner = self.expression(type, depth)
        return Twin(f"len({inner.charl})", f"len({inner.python})")

    def _element(self, type: Tensor, depth: int) -> Twin | None:
        """A number out of a tensor or a list."""
        shape = (3,) if self.chance(50) else (2, 3)
        source: Type = Tensor(type.dtype, shape)
        if type.dtype == "int64" and self.chance(50):
            source, shape = Seq(INT), (1,)
        inner = self.expression(source, depth)
        index = [self.index(size) for size in shape]
        return Twin(
            f"{inner.charl}[{', '.join(i.charl for i in index)}]",
            f"at({inner.python}, {', '.join(i.python for i in index)})",
        )

    def index(self, size: int) -> Twin:
        known = self.variables(INT)
        if known and self.chance(40):
            charl, python = self.one_of(known).name
            return Twin(f"{charl} % {size}", f"({python}) % {size}")
        number = str(self.random.randrange(-size, size + (1 if self.chance(4) else 0)))
        return Twin(number, number)

    def _reduced(self, type: Tensor, depth: int) -> Twin | None:
        source = self.any_tensor((type.dtype,))
        name = self.one_of(("sum", "min", "max", "prod"))
        inner = self.expression(source, depth)
        if self.chance(20) and isinstance(source.shape[0], int):
            bound = self.literal(type)
            inner = Twin(
                f"({inner.charl})[({inner.charl}) > {bound.charl}]",
                f"({inner.python})[({inner.python}) > {bound.python}]",
            )
            name = "sum"
        if name == "sum" and self.chance(30) and type.dtype in FLOATS:
            return Twin(f"mean({inner.charl})", f"mean({inner.python})")
        return Twin(f"{name}({inner.charl})", f"reduce('{name}', {inner.python})")

    def _folded(self, depth: int) -> Twin:
        xs, start = self.expression(Seq(INT), depth), self.literal(INT)
        return Twin(
            f"fold({xs.charl}, {start.charl}, |s, x| s + x % 5)",
            f"fold({xs.python}, {start.python}, lambda s, x: add(s, mod(x, 5)))",
        )

    def _match(self, type: Type, depth: int) -> Twin | None:
        """A `match` on a variant."""
        if not self.enums:
            return None
        enum = self.one_of(self.enums)
        subject = self.expression(enum, depth)
        arms, tests = [], []
        for name, payload in enum.variants:
            names = [self.fresh() for _ in payload]
            self.scope += [
                Variable(t, Twin(n, n), self.level, True) for t, n in zip(payload, names)
            ]
            body = self.expression(type, min(depth, 1))
            del self.scope[len(self.scope) - len(names) :]
            pattern = f"{name}({', '.join(names)})" if names else name
            arms.append(f"{pattern} => {body.charl}")
            tests.append((name, f"(lambda {', '.join(names)}: {body.python})(*m.payload)"))
        python = tests[-1][1]
        for name, value in tests[:-1]:
            python = f"({value} if m.name == '{name}' else {python})"
        return Twin(
            f"(match {subject.charl} {{ {', '.join(arms)} }})",
            f"(lambda m: {python})({subject.python})",
        )

    # --- Bools and texts ---

    def _bool_ways(self, depth: int) -> list[Way]:
        return [
            lambda: self._compared(self.one_of((INT, INT, FLOAT, FLOAT32)), depth),
            lambda: self._compared(INT, depth),
            lambda: self._logic(depth),
            lambda: self._logic(depth),
            lambda: self._negation(depth),
            lambda: self._between(depth),
            lambda: self._equal(depth),
            lambda: self._all(depth),
            lambda: self._contained(depth),
        ]

    def _compared(self, type: Type, depth: int) -> Twin:
        a, b, operator = (
            self.expression(type, depth),
            self.expression(type, depth),
            self.one_of(COMPARISONS if type == INT else COMPARISONS[:4]),
        )
        return Twin(f"({a.charl} {operator} {b.charl})", f"bool({a.python} {operator} {b.python})")

    def _logic(self, depth: int) -> Twin:
        a, b = self.expression(BOOL, depth), self.expression(BOOL, depth)
        word = self.one_of(("and", "or"))
        return Twin(f"({a.charl} {word} {b.charl})", f"({a.python} {word} {b.python})")

    def _negation(self, depth: int) -> Twin:
        a = self.expression(BOOL, depth)
        return Twin(f"(not {a.charl})", f"(not {a.python})")

    def _between(self, depth: int) -> Twin:
        a, b, c = (self.expression(INT, depth) for _ in range(3))
        return Twin(
            f"({a.charl} <= {b.charl} < {c.charl})",
            f"(lambda a, b, c: a <= b < c)({a.python}, {b.python}, {c.python})",
        )

    def _equal(self, depth: int) -> Twin:
        options: list[Type] = [TEXT, Seq(INT), Tup((INT, TEXT)), *self.structs, *self.enums]
        options = [t for t in options if not _has_float(t)]
        type = self.one_of(options)
        a, b = self.expression(type, depth), self.expression(type, depth)
        return Twin(f"({a.charl} == {b.charl})", f"same({a.python}, {b.python})")

    def _all(self, depth: int) -> Twin:
        name = self.one_of(("all", "any"))
        inner = self.expression(Tensor("bool", self.any_tensor().shape), depth)
        return Twin(f"{name}({inner.charl})", f"reduce('{name}', {inner.python})")

    def _contained(self, depth: int) -> Twin:
        if self.chance(50):
            a, b = self.expression(TEXT, depth), self.expression(TEXT, depth)
            return Twin(f"contains({a.charl}, {b.charl})", f"({b.python} in {a.python})")
        a, b = self.expression(INT, depth), self.expression(Seq(INT), depth)
        return Twin(f"({a.charl} in {b.charl})", f"({a.python} in {b.python})")

    def _text_ways(self, depth: int) -> list[Way]:
        return [
            lambda: self._joined(depth),
            lambda: self._formatted(depth),
            lambda: self._text_method(depth),
            lambda: self._join(depth),
            lambda: self._shown(depth),
        ]

    def _joined(self, depth: int) -> Twin:
        a, b, plus = self.expression(TEXT, depth), self.expression(TEXT, depth), ("+", "++")
        return Twin(f"({a.charl} {self.one_of(plus)} {b.charl})", f"joined({a.python}, {b.python})")

    def _formatted(self, depth: int) -> Twin:
        a, b = self.leaf(INT), self.leaf(TEXT)
        spec = self.one_of(("", ":d", ":>4d", ":03d"))
        return Twin(
            f'f"<{{{a.charl}{spec}}} {{{b.charl}}}>"',
            f"('<' + format({a.python}, {spec[1:]!r}) + ' ' + {b.python} + '>')",
        )

    def _text_method(self, depth: int) -> Twin:
        inner = self.expression(TEXT, depth)
        name = self.one_of(("upper", "lower", "trim"))
        python = {"trim": "strip"}.get(name, name)
        if self.chance(50):
            return Twin(f"({inner.charl}).{name}()", f"({inner.python}).{python}()")
        return Twin(f"{name}({inner.charl})", f"({inner.python}).{python}()")

    def _join(self, depth: int) -> Twin:
        inner = self.expression(Seq(TEXT), depth)
        return Twin(f'join({inner.charl}, "-")', f"'-'.join({inner.python})")

    def _shown(self, depth: int) -> Twin:
        inner = self.expression(self.one_of((INT, BOOL, Seq(INT), Tup((INT, BOOL)))), depth)
        return Twin(f"str({inner.charl})", f"show({inner.python})")

    # --- Lists ---

    def _list_ways(self, type: Seq, depth: int) -> list[Way]:
        element = type.element
        ways: list[Way] = [
            lambda: _listed(
                [self.expression(element, depth) for _ in range(self.random.randrange(1, 4))]
            ),
            lambda: self._concatenated(type, depth),
            lambda: self._pushed(type, depth),
            lambda: self._reversed(type, depth),
            lambda: self._slice(type, depth),
            lambda: self._filtered(type, depth),
        ]
        if element == INT:
            ways += [lambda: self._mapped(depth), lambda: self._range_list(depth)]
            ways += [lambda: self._sorted(depth)]
        if element == TEXT:
            ways += [lambda: self._split(depth)]
        return ways

    def _concatenated(self, type: Seq, depth: int) -> Twin:
        a, b = self.expression(type, depth), self.expression(type, depth)
        return Twin(f"({a.charl} ++ {b.charl})", f"joined({a.python}, {b.python})")

    def _pushed(self, type: Seq, depth: int) -> Twin:
        xs, x = self.expression(type, depth), self.expression(type.element, depth)
        return Twin(f"push({xs.charl}, {x.charl})", f"joined({xs.python}, [{x.python}])")

    def _reversed(self, type: Seq, depth: int) -> Twin:
        xs = self.expression(type, depth)
        return Twin(f"reverse({xs.charl})", f"({xs.python})[::-1]")

    def _slice(self, type: Seq, depth: int) -> Twin:
        xs = self.expression(type, depth)
        return Twin(
            f"({{ let s = {xs.charl}; s[0..(len(s) + 1) // 2] }})",
            f"(lambda s: s[0 : (len(s) + 1) // 2])({xs.python})",
        )

    def _filtered(self, type: Seq, depth: int) -> Twin:
        xs, name = self.expression(type, depth), self.fresh()
        self.scope.append(Variable(type.element, Twin(name, name), self.level, True))
        keep = self.expression(BOOL, 1)
        self.scope.pop()
        return Twin(
            f"filter({xs.charl}, |{name}| {keep.charl})",
            f"[{name} for {name} in {xs.python} if {keep.python}]",
        )

    def _mapped(self, depth: int) -> Twin:
        source = self.one_of((INT, TEXT))
        xs, name = self.expression(Seq(source), depth), self.fresh()
        self.scope.append(Variable(source, Twin(name, name), self.level, True))
        body = self.expression(INT, 1)
        self.scope.pop()
        return Twin(
            f"map(|{name}| {body.charl}, {xs.charl})",
            f"[{body.python} for {name} in {xs.python}]",
        )

    def _range_list(self, depth: int) -> Twin:
        start, count = self.random.randrange(-3, 4), self.random.randrange(1, 5)
        return Twin(
            f"range_list({start}, {start + count})", f"list(range({start}, {start + count}))"
        )

    def _sorted(self, depth: int) -> Twin:
        xs = self.expression(Seq(INT), depth)
        return Twin(f"sort_by({xs.charl}, |x| x % 7)", f"sort_by({xs.python}, lambda x: mod(x, 7))")

    def _split(self, depth: int) -> Twin:
        text = self.expression(TEXT, depth)
        return Twin(f'split({text.charl}, "-")', f"({text.python}).split('-')")

    # --- Tensors ---

    def _tensor_ways(self, type: Tensor, depth: int) -> list[Way]:
        raise NotImplementedError


def _listed(items: list[Twin]) -> Twin:
    return Twin(f"[{', '.join(i.charl for i in items)}]", f"[{', '.join(i.python for i in items)}]")


def _tuple(items: list[Twin]) -> Twin:
    python = "".join(f"{i.python}, " for i in items)
    return Twin(f"({', '.join(i.charl for i in items)})", f"({python})")


def _has_float(type: Type) -> bool:
    match type:
        case Tensor(dtype, _):
            return dtype in FLOATS
        case Seq(element):
            return _has_float(element)
        case Tup(items):
            return any(map(_has_float, items))
        case Struct(_, fields):
            return any(_has_float(t) for _, t in fields)
        case Enum(_, variants):
            return any(_has_float(t) for _, payload in variants for t in payload)
    return False
