"""What the REPL's entries mean: a `Kept` state, answers as text, and questions about names."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from typing import TextIO

import numpy as np

from charl import driver
from charl.check.declarations import (
    Alias,
    Builtin,
    Entry,
    Enum,
    Function,
    Logic,
    Module,
    OpFunction,
    Static,
    Struct,
    Variant,
)
from charl.check.tree import Variable
from charl.core.op import Kind, Op
from charl.core.printer import print_program
from charl.diagnostics.diagnostic import CharlError, Diagnostic, error
from charl.diagnostics.suggest import nearest
from charl.kept import Kept
from charl.ops.show import quote, show_number, show_tensor
from charl.python_values import Leaves, shown
from charl.source import Source, Span
from charl.syntax import ast
from charl.tools.members import members
from charl.tools.report import report
from charl.types import types
from charl.types.types import Tensor, Type

# A tensor with more elements than this shows the ends of its axes only.
WHOLE = 60
# A tensor whose text is longer than this is shown row by row.
WIDTH = 60
# Types whose values tell it themselves.
PLAIN = (types.INT, types.FLOAT, types.BOOL)


class Session:
    """A conversation. Entries are numbered, and errors name them `<entry 3>`."""

    def __init__(self, output: TextIO | None = None) -> None:
        self.output = sys.stdout if output is None else output
        self.count = 0
        self.kept = Kept()

    def reset(self) -> None:
        self.kept = Kept()

    def evaluate(self, text: str) -> str:
        """Runs an entry; the text that shows its value, empty if it has none. Raises CharlError."""
        type, leaves, warnings = self.kept.run(self._source(text), self.output)
        report(warnings, json=False)
        return "" if type == types.UNIT else display(type, leaves)

    def type_of(self, text: str) -> str:
        """The type an expression would have. Raises CharlError."""
        checker = self.kept.checker
        chunk = checker.check(self._expression(text))
        checker.forget()
        assert chunk.instance.result is not None
        return types.show(chunk.instance.result)

    def core_of(self, text: str) -> str:
        """The optimised Core of an expression, as text. Raises CharlError."""
        checker = self.kept.checker
        chunk = checker.check(self._expression(text))
        checker.forget()
        # Only what the expression reads is of interest.
        program = driver.compile_chunk(chunk)
        return print_program(program).rstrip()

    def doc_of(self, name: str) -> str:
        """What a name is: its declaration, and its documentation. Raises CharlError."""
        entry: Entry | None = None
        for index, part in enumerate(name.split(".")):
            if index == 0:
                entry = self.kept.checker.entry(part)
            elif isinstance(entry, Module):
                entry = entry.names.get(part)
            else:
                entry = None
        if entry is None:
            raise CharlError(self._unknown(name))
        return described(entry, self.kept)

    def names(self) -> Iterable[str]:
        return self.kept.checker.visible_names()

    def members(self, before: str) -> Iterable[str]:
        return members(self.kept, before)

    def _source(self, text: str) -> Source:
        self.count += 1
        return Source(f"<entry {self.count}>", text)

    def _expression(self, text: str) -> Source:
        """An entry that must be one expression. Raises CharlError (E0740)."""
        source = self._source(text)
        if [type(s) for s in driver.parse(source).statements] != [ast.ExprStatement]:
            span = Span(source, 0, len(text))
            raise CharlError(error("E0740", "an expression is needed here", span))
        return source

    def _unknown(self, name: str) -> Diagnostic:
        source = Source("<entry>", f":doc {name}")
        span = Span(source, len(":doc "), len(source.text))
        guess = nearest(name, self.names())
        label = f"did you mean `{guess}`?" if guess else ""
        return error("E0741", f"nothing is named `{name}`", span, label)


def display(type: Type, leaves: Leaves) -> str:
    """A value as the REPL answers: tensors with dtype and shape, long ones by their ends."""
    if type in PLAIN:
        return shown(type, leaves)
    if type == types.STRING:
        return quote(leaves[0])
    if isinstance(type, Tensor):
        elide = np.size(leaves[0]) > WHOLE
        return f"{types.show(type)}{in_rows(show_tensor(leaves[0], show_number, elide))}"
    return shown(type, leaves)


def in_rows(text: str) -> str:
    """A tensor's text with each row on a line of its own, where one line is too short."""
    if len(text) <= WIDTH or not text.startswith("[["):
        return f" {text}"
    depth = len(text) - len(text.lstrip("["))

    def broken(between: re.Match[str]) -> str:
        closing, elided, opening = between.groups()
        indent = "\n" + " " * (depth - len(opening))
        return f"{closing},{indent}{f'...,{indent}' if elided else ''}{opening}"

    return "\n" + re.sub(r"(\]+), (\.\.\., )?(\[+)", broken, text)


def described(entry: Entry, kept: Kept) -> str:
    """A name's declaration as it is written, then its documentation."""
    match entry:
        case Variable():
            return f"{entry.name}: {types.show(entry.type)}"
        case Function():
            return documented(signature(entry), entry.doc)
        case Struct() | Enum() | Alias():
            return documented(entry.node.span.text, entry.node.doc)
        case Variant():
            return documented(f"{entry.name} of enum {entry.enum.name}", entry.enum.node.doc)
        case OpFunction():
            return documented(op_signature(entry.op), entry.op.doc)
        case Builtin():
            return documented(entry.name, entry.doc or "a part of the language")
        case Module():
            names = sorted(name for name in entry.names if not name.startswith("_"))
            return documented(f"module {entry.name}: {', '.join(names)}", entry.syntax.doc)
        case Static():
            return f"{entry.value}"
        case Logic():
            return entry.node.span.text
    return "a part of the language"


def documented(head: str, doc: str) -> str:
    return f"{head}\n\n{doc.strip()}" if doc.strip() else head


def signature(function: Function) -> str:
    """`fn name(parameters) -> result` as written."""
    generics = ", ".join(generic.name for generic in function.generics)
    brackets = f"[{generics}]" if generics else ""
    parameters = ", ".join(parameter.span.text for parameter in function.parameters)
    result = f" -> {function.result.span.text}" if function.result is not None else ""
    prefix = "mut fn" if function.mutable else "fn"
    return f"{prefix} {function.name}{brackets}({parameters}){result}"


def op_signature(op: Op) -> str:
    """The parameters of a primitive in words."""
    words = {
        Kind.TENSOR: "tensor",
        Kind.TENSORS: "tensors",
        Kind.DIMS: "sizes",
        Kind.INTEGER: "int",
        Kind.INTEGERS: "ints",
        Kind.BOOLEAN: "bool",
        Kind.TEXT: "string",
        Kind.DTYPE: "dtype",
    }
    parts = []
    for parameter in op.parameters:
        kind = words.get(parameter.kind, "value")
        if parameter.type is not None:
            kind = types.show(parameter.type)
        parts.append(f"{parameter.name}: {kind}")
    return f"fn {op.surface}({', '.join(parts)})"
