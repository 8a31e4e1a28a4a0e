"""A Core program as running Python: functions are compiled when they are first called.

All generated functions share one namespace, in which constants, bound evaluations and the functions
themselves are globals. A function's global is at first a stub that compiles it and takes its place.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from charl.core.builder import MalformedCore
from charl.core.effects import Effects, block_effect, function_effects
from charl.core.ir import Function, Program, Statement, Value
from charl.interp.emit import Code, emit
from charl.interp.outline import outline
from charl.records import record


@record
class Unit:
    """A compiled function. A `part` was cut out of another and is no call of its own."""

    function: Function
    code: Code
    part: bool

    def statement(self, line: int) -> Statement | None:
        """The statement that a line of the generated source came from."""
        statements = self.code.statements
        return statements[line - 1] if 0 < line <= len(statements) else None

    def values(self, statement: Statement, variables: dict[str, Any]) -> tuple[Any, ...]:
        """The operands of a statement in a frame with these local variables."""
        return tuple(self._value(v, variables) for v in statement.operands)

    def _value(self, value: Value, variables: dict[str, Any]) -> Any:
        value = self.code.plan.canonical(value)
        if value in self.code.constants:
            return self.code.constants[value]
        return variables[self.code.plan.variable(value)]


class Machine:
    """`units` finds a compiled function by the file name that its Python code carries."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._effects = function_effects(program)
        self.namespace: dict[str, Any] = {"references": sys.getrefcount}
        self.units: dict[str, Unit] = {}
        self._names: dict[str, str] = {}
        self._parts: dict[str, Function] = {}
        self._kept = 0

    @property
    def effects(self) -> Effects:
        return self._effects

    def function(self, name: str) -> Callable[..., Any]:
        """A Core function as a Python function: one result comes bare, several as a tuple."""
        function: Callable[..., Any] = self.namespace[self.function_name(name)]
        return function

    def keep(self, value: Any, hint: str = "k") -> str:
        self._kept += 1
        name = f"{hint}{self._kept}"
        self.namespace[name] = value
        return name

    def function_name(self, name: str) -> str:
        known = self._names.get(name)
        if known is None:
            known = self._names[name] = f"f{len(self._names) + 1}"
            self.namespace[known] = self._stub(name, known)
        return known

    def _stub(self, name: str, python_name: str) -> Callable[..., Any]:
        def compile_and_call(*arguments: Any) -> Any:
            return self._compile(name, python_name)(*arguments)

        return compile_and_call

    def _compile(self, name: str, python_name: str) -> Callable[..., Any]:
        is_part = name in self._parts
        function = self._parts[name] if is_part else self.program.functions[name]
        if not is_part:
            expect_no_gradients(function)
            outlined = outline(function)
            function = outlined.function
            for part in outlined.parts:
                self._parts[part.name] = part
                self._effects[part.name] = block_effect(part.body, self._effects)
        code = emit(function, python_name, self)
        file = f"<charl {python_name} @{name}>"
        self.units[file] = Unit(function, code, is_part)
        exec(compile(code.source, file, "exec"), self.namespace)
        compiled: Callable[..., Any] = self.namespace[python_name]
        return compiled


def expect_no_gradients(function: Function) -> None:
    for statement in function.body.walk():
        if statement.op.name == "gradient":
            raise MalformedCore(f"in @{function.name}: a `gradient` that autodiff left behind")
