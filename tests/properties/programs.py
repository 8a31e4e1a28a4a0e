"""Random programs: declarations, statements and loops around the random expressions."""

from __future__ import annotations

from random import Random

from properties.tensors import Tensors
from properties.twins import (
    BOOL,
    FLOAT,
    INT,
    TEXT,
    Enum,
    Function,
    Lines,
    Seq,
    Struct,
    Tensor,
    Tup,
    Twin,
    Type,
    Variable,
    written,
)


class Programs(Tensors):
    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self.lines = Lines()
        self.loops = 0
        self.result: Type | None = None

    # --- Declarations ---

    def program(self, length: int = 10) -> Lines:
        for _ in range(self.random.randrange(3)):
            self.declare_struct()
        for _ in range(self.random.randrange(3)):
            self.declare_enum()
        for _ in range(length):
            match self.random.randrange(8):
                case 0:
                    self.declare_function()
                case 1:
                    self.declare_closure()
                case _:
                    self.statement(2)
        for variable in self.scope:
            self.show(variable.name)
        return self.lines

    def declare_struct(self) -> None:
        name = self.fresh("S")
        fields = [(self.fresh("f"), self.any_type()) for _ in range(self.random.randrange(1, 4))]
        struct = Struct(name, tuple(fields))
        body = ", ".join(f"{n}: {written(t)}" for n, t in fields)
        self.lines.add(f"struct {name} {{ {body} }}", None)
        self.structs.append(struct)

    def declare_enum(self) -> None:
        name = self.fresh("E")
        variants = tuple(
            (self.fresh("V"), tuple(self.any_type(0) for _ in range(self.random.randrange(3))))
            for _ in range(self.random.randrange(1, 4))
        )
        body = ", ".join(
            v + (f"({', '.join(map(written, payload))})" if payload else "")
            for v, payload in variants
        )
        self.lines.add(f"enum {name} {{ {body} }}", None)
        self.enums.append(Enum(name, variants))

    def declare_function(self) -> None:
        """A function: annotated, with its sizes generic or not; or a template; perhaps in-out."""
        name, result = self.fresh("g"), self.any_type()
        parameters = [self.any_type() for _ in range(self.random.randrange(1, 4))]
        names = [self.fresh("p") for _ in parameters]
        annotated = self.chance(60)
        mutates = annotated and self.chance(20)
        shown = [f"{n}: {written(t)}" if annotated else n for n, t in zip(names, parameters)]
        if mutates:
            shown[0] = "mut " + shown[0]
        arrow = f" -> {written(result)}" if annotated and not mutates else ""
        outer = self.scope, self.functions, self.result, self.loops
        self.level += 1
        # The globals so far can be read; functions declared above can be called.
        self.scope = [v for v in self.scope if self.chance(30)]
        self.scope = [Variable(v.type, v.name, v.level, True) for v in self.scope]
        self.functions = [f for f in self.functions if not f.mutates]
        self.scope += [
            Variable(t, Twin(n, n), self.level, not mutates or i > 0)
            for i, (n, t) in enumerate(zip(names, parameters))
        ]
        self.result, self.loops = None if mutates else result, 0
        self.lines.open(f"fn {name}({', '.join(shown)}){arrow}", f"def {name}({', '.join(names)})")
        for _ in range(self.random.randrange(4)):
            self.statement(1)
        if mutates:
            own = [v for v in self.assignable() if v.name.charl == names[0]]
            if own:
                self.assign_to(own[0], 1)
            self.lines.add(None, f"return {names[0]}")
        else:
            value = self.expression(result, 2)
            self.lines.add(value.charl, f"return {value.python}")
        self.lines.close()
        self.level -= 1
        self.scope, self.functions, self.result, self.loops = outer
        labels = tuple(names)
        self.functions.append(
            Function(tuple(parameters), result, Twin(name, name), labels, mutates)
        )

    def declare_closure(self) -> None:
        name, result = self.fresh("c"), self.any_type()
        parameters = [self.any_type() for _ in range(self.random.randrange(3))]
        names = [self.fresh("p") for _ in parameters]
        before = len(self.scope)
        captured = [v.name.python for v in self.scope]
        self.scope += [Variable(t, Twin(n, n), self.level, True) for t, n in zip(parameters, names)]
        body = self.expression(result, 2)
        del self.scope[before:]
        annotated = self.chance(50)
        shown = [f"{n}: {written(t)}" if annotated else n for n, t in zip(names, parameters)]
        kept = ", ".join([*names, "*", *(f"{n}={n}" for n in captured)] if captured else names)
        self.lines.add(
            f"let {name} = |{', '.join(shown)}| {body.charl}",
            f"{name} = lambda {kept}: {body.python}",
        )
        self.functions.append(Function(tuple(parameters), result, Twin(name, name)))

    # --- Statements ---

    def statement(self, depth: int) -> None:
        ways = [self.let, self.let, self.assign, self.assign, self.print, self.unpack]
        ways += [self.update_part, self.change]
        if depth > 0:
            ways += [lambda: self.branch(depth), lambda: self.count(depth)]
            ways += [lambda: self.loop(depth), lambda: self.each(depth), lambda: self.choose(depth)]
        if self.loops > 0:
            ways += [self.leave]
        if self.result is not None:
            ways += [self.give_back]
        self.one_of(ways)()

    def block(self, depth: int) -> None:
        outer = list(self.scope), list(self.functions)
        for _ in range(self.random.randrange(1, 4)):
            self.statement(depth)
        self.scope, self.functions = outer

    def bind(self, type: Type, value: Twin, fixed: bool = False) -> None:
        """`let` of a fresh name, or of one that shadows (in Python every name is fresh)."""
        python = self.fresh()
        shadowed = [v for v in self.scope if v.level == self.level and not v.fixed]
        name = python
        if shadowed and self.lines.depth > 0 and self.chance(10):
            name = self.one_of(shadowed).name.charl
        note = f": {written(type)}" if self.chance(30) else ""
        self.lines.add(f"let {name}{note} = {value.charl}", f"{python} = {value.python}")
        self.scope = [v for v in self.scope if v.name.charl != name]
        self.scope.append(Variable(type, Twin(name, python), self.level, fixed))

    def let(self) -> None:
        type = self.any_type()
        self.bind(type, self.expression(type))

    def show(self, value: Twin) -> None:
        self.lines.add(f"print({value.charl})", f"out({value.python})")

    def print(self) -> None:
        values = [self.expression(self.any_type()) for _ in range(self.random.randrange(1, 3))]
        self.lines.add(
            f"print({', '.join(v.charl for v in values)})",
            f"out({', '.join(v.python for v in values)})",
        )

    def assignable(self) -> list[Variable]:
        return [v for v in self.scope if v.level == self.level and not v.fixed]

    def assign(self) -> None:
        if self.assignable():
            self.assign_to(self.one_of(self.assignable()), 2)

    def assign_to(self, variable: Variable, depth: int) -> None:
        name, value = variable.name, self.expression(variable.type, depth)
        if variable.type in (INT, FLOAT) and self.chance(50):
            operator, function = self.one_of((("+=", "add"), ("-=", "sub"), ("*=", "mul")))
            self.lines.add(
                f"{name.charl} {operator} {value.charl}",
                f"{name.python} = {function}({name.python}, {value.python})",
            )
            return
        self.lines.add(f"{name.charl} = {value.charl}", f"{name.python} = {value.python}")

    def update_part(self) -> None:
        """An element, a field or an item is assigned; a list grows."""
        known = [v for v in self.assignable() if isinstance(v.type, Seq | Struct | Tensor | Tup)]
        known = [v for v in known if not (isinstance(v.type, Tensor) and not v.type.shape)]
        if not known:
            return self.let()
        variable = self.one_of(known)
        charl, python = variable.name
        match variable.type:
            case Seq(element):
                value = self.expression(element, 2)
                match self.random.randrange(3):
                    case 0:
                        i = self.random.randrange(-1, 1)
                        self.lines.add(
                            f"{charl}[{i}] = {value.charl}",
                            f"{python} = put({python}, {i}, {value.python})",
                        )
                    case 1:
                        self.lines.add(
                            f"{charl}.push({value.charl})",
                            f"{python} = {python} + [{value.python}]",
                        )
                    case _:
                        self.lines.add(
                            f"{charl}.insert(0, {value.charl})",
                            f"{python} = insert({python}, 0, {value.python})",
                        )
            case Struct(_, fields):
                name, type = self.one_of(fields)
                value = self.expression(type, 2)
                self.lines.add(
                    f"{charl}.{name} = {value.charl}",
                    f"{python} = {python}.with_field('{name}', {value.python})",
                )
            case Tup(items):
                i = self.random.randrange(len(items))
                value = self.expression(items[i], 2)
                self.lines.add(
                    f"{charl}.{i} = {value.charl}",
                    f"{python} = (*{python}[:{i}], {value.python}, *{python}[{i + 1} :])",
                )
            case Tensor(dtype, shape):
                size = shape[0] if isinstance(shape[0], int) else 1
                place, value = self.index(size), self.expression(Tensor(dtype, shape[1:]), 2)
                self.lines.add(
                    f"{charl}[{place.charl}] = {value.charl}",
                    f"{python} = put({python}, {place.python}, {value.python})",
                )
        return None

    def unpack(self) -> None:
        """A tuple taken apart."""
        items = tuple(self.any_type(0) for _ in range(2))
        value = self.expression(Tup(items), 2)
        names = [self.fresh() for _ in items]
        self.lines.add(
            f"let ({', '.join(names)}) = {value.charl}", f"{', '.join(names)} = {value.python}"
        )
        self.scope += [Variable(t, Twin(n, n), self.level) for t, n in zip(items, names)]

    def change(self) -> None:
        """A call that changes its argument."""
        for function in self.functions:
            known = [v for v in self.assignable() if (v.type,) == function.parameters[:1]]
            if function.mutates and known:
                variable = self.one_of(known)
                rest = [self.expression(t, 1) for t in function.parameters[1:]]
                shown = ", ".join([variable.name.charl, *(r.charl for r in rest)])
                told = ", ".join([variable.name.python, *(r.python for r in rest)])
                self.lines.add(
                    f"{function.name.charl}({shown})",
                    f"{variable.name.python} = {function.name.python}({told})",
                )
                return
        self.assign()

    def branch(self, depth: int) -> None:
        condition = self.expression(BOOL, 2)
        self.lines.open(f"if {condition.charl}", f"if {condition.python}")
        self.block(depth - 1)
        if self.chance(50):
            self.lines.close("} else {")
            self.lines.add(None, "else:")
            self.lines.depth += 1
            self.block(depth - 1)
        self.lines.close()

    def count(self, depth: int) -> None:
        """`for` over a range."""
        name, start = self.fresh("i"), self.random.randrange(-2, 3)
        stop = start + self.random.randrange(5)
        charl, python = self.one_of(
            (
                (f"{start}..{stop}", f"range({start}, {stop})"),
                (f"{start}..={stop}", f"range({start}, {stop} + 1)"),
                (f"{start}..{stop} step 2", f"range({start}, {stop}, 2)"),
                (f"{stop}..{start} step -1", f"range({stop}, {start}, -1)"),
            )
        )
        self.body([(name, INT)], f"for {name} in {charl}", f"for {name} in {python}", depth)

    def each(self, depth: int) -> None:
        """`for` over the elements of a list, the rows of a tensor, perhaps with their numbers."""
        name, number, other = self.fresh("x"), self.fresh("i"), self.fresh("y")
        source = self.one_of((Seq(self.any_type(0)), self.any_tensor(), TEXT))
        match source:
            case Seq(element):
                row = element
            case Tensor(dtype, shape):
                row = Tensor(dtype, shape[1:])
            case _:
                row = TEXT
        xs = self.expression(source, 2)
        rows = f"map(plain, {xs.python})" if isinstance(source, Tensor) else xs.python
        match self.random.randrange(3):
            case 0:
                bound = [(name, row)]
                head = f"{name} in {xs.charl}", f"{name} in {rows}"
            case 1:
                bound = [(number, INT), (name, row)]
                head = (
                    f"({number}, {name}) in enumerate({xs.charl})",
                    f"{number}, {name} in enumerate({rows})",
                )
            case _ if isinstance(source, Seq):
                bound = [(name, row), (other, row)]
                head = (
                    f"({name}, {other}) in zip({xs.charl}, reverse({xs.charl}))",
                    f"{name}, {other} in zip({xs.python}, ({xs.python})[::-1])",
                )
            case _:
                bound = [(name, row)]
                head = f"{name} in {xs.charl}", f"{name} in {rows}"
        self.body(bound, f"for {head[0]}", f"for {head[1]}", depth)

    def loop(self, depth: int) -> None:
        """`while`, counted so that it ends."""
        name = self.fresh("k")
        self.lines.add(f"let {name} = 0", f"{name} = 0")
        condition = self.expression(BOOL, 1)
        limit = self.random.randrange(1, 5)
        outer = list(self.scope)
        self.scope.append(Variable(INT, Twin(name, name), self.level, True))
        self.lines.open(
            f"while {name} < {limit} and {condition.charl}",
            f"while {name} < {limit} and {condition.python}",
        )
        self.lines.add(f"{name} += 1", f"{name} += 1")
        self.loops += 1
        self.block(depth - 1)
        self.loops -= 1
        self.lines.close()
        self.scope = outer

    def body(self, bound: list[tuple[str, Type]], charl: str, python: str, depth: int) -> None:
        outer = list(self.scope)
        self.scope += [Variable(t, Twin(n, n), self.level, True) for n, t in bound]
        self.lines.open(charl, python)
        self.loops += 1
        self.block(depth - 1)
        self.loops -= 1
        self.lines.close()
        self.scope = outer

    def leave(self) -> None:
        condition, word = self.expression(BOOL, 1), self.one_of(("break", "continue"))
        self.lines.open(f"if {condition.charl}", f"if {condition.python}")
        self.lines.add(word, word)
        self.lines.close()

    def give_back(self) -> None:
        assert self.result is not None
        condition, value = self.expression(BOOL, 1), self.expression(self.result, 1)
        self.lines.open(f"if {condition.charl}", f"if {condition.python}")
        self.lines.add(f"return {value.charl}", f"return {value.python}")
        self.lines.close()

    def choose(self, depth: int) -> None:
        """`match` as a statement."""
        if not self.enums:
            return self.branch(depth)
        enum = self.one_of(self.enums)
        subject, name = self.expression(enum, 2), self.fresh("m")
        self.lines.open(f"match {subject.charl}", f"for {name} in [{subject.python}]")
        for variant, payload in enum.variants:
            names = [self.fresh() for _ in payload]
            pattern = f"{variant}({', '.join(names)})" if names else variant
            self.lines.open(f"{pattern} =>", f"if {name}.name == '{variant}'")
            unpacked = "".join(f"{n}, " for n in names)
            self.lines.add(None, f"{unpacked} = {name}.payload" if names else "pass")
            outer = list(self.scope)
            self.scope += [
                Variable(t, Twin(n, n), self.level, True) for t, n in zip(payload, names)
            ]
            loops, self.loops = self.loops, 0  # the Python twin is a loop of its own
            self.block(depth - 1)
            self.loops = loops
            self.scope = outer
            self.lines.close()
        self.lines.close()
        return None


def random_program(random: Random, length: int = 10) -> tuple[str, str]:
    """Charl and Python text of one program."""
    lines = Programs(random).program(length)
    return "\n".join(lines.charl) + "\n", "\n".join(lines.python) + "\n"
