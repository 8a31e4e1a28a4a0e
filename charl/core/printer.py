"""The text form of Core; `core/parser.py` reads it back, and passes are tested on it.

    entry @main

    fn @step[n](%w: f32[784, 10], %x: f32[n, 784], %n: i64 is n) {
      %y: f32[n, 10] = matmul %x, %w
      %zero: f32 = 0.0
      %total: f32 = for %lo, %hi, %one, %zero do (%i: i64 is i, %acc: f32) {
        %r: f32[10] = index %y, %i
        %s: f32 = reduce_sum %r {axis = (0), keep_dims = false}
        %t: f32 = add %acc, %s
        yield %t
      }
      return %total
    }

A statement is `results = op operands {attributes} blocks`; a block is a word, its parameters and
its body. A literal alone is a `constant`. `is` gives the dim that a value is equal to. The list
after a function's name holds its symbols. Values and symbols of the same name are told apart by
`.1`, `.2`...; values without a name are numbered. A tuple of attributes is `(1, 2)`, a DType is
`f32`, a type `type f32[n]`, a function `@f`, a record (of `ATTRIBUTE_CLASSES`) `Leaf(type = type
f32)`. The spans of statements have no text form. Printing is deterministic; printing what was
parsed gives the text back.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from itertools import chain
from typing import Any

import numpy as np

from charl.core.ir import Block, Function, Program, Statement, Value
from charl.records import fields, is_record
from charl.source import Source
from charl.types import dims, dtypes
from charl.types.dims import Atom, Dim, FloorDiv, Polynomial, Symbol, Unknown
from charl.types.dtypes import DType
from charl.types.types import Box, Handle, List, String, Tensor, Type

DTYPE_NAMES = {
    dtypes.BOOL: "bool",
    dtypes.INT8: "i8",
    dtypes.INT16: "i16",
    dtypes.INT32: "i32",
    dtypes.INT64: "i64",
    dtypes.FLOAT16: "f16",
    dtypes.BFLOAT16: "bf16",
    dtypes.FLOAT32: "f32",
    dtypes.FLOAT64: "f64",
}
BLOCK_WORDS = {
    "if": ("then", "else"),
    "for": ("do",),
    "while": ("cond", "do"),
    "scan": ("combine",),
}
# Arrays with more elements than this print as base64 of their bytes.
LONGEST_ARRAY = 64

_PLAIN = re.compile(r"[A-Za-z_][\w.]*\Z")


def print_program(program: Program) -> str:
    functions = "\n\n".join(print_function(f) for f in program.functions.values())
    return f"entry {_function_name(program.entry)}\n\n{functions}\n"


def print_function(function: Function) -> str:
    """The function's text, without a newline at its end."""
    names = Names(function)
    shown = f" as {_text(function.shown)}" if function.shown not in ("", function.name) else ""
    parameters = ", ".join(names.definition(v) for v in function.body.parameters)
    symbols = ", ".join(names.symbols.values())
    head = f"fn {_function_name(function.name)}{f'[{symbols}]' if symbols else ''}"
    lines = [f"{head}({parameters}){shown} {{"]
    lines += _body(function.body, names, "  ", "return")
    lines.append("}")
    return "\n".join(lines)


def print_statement(statement: Statement, names: Names) -> str:
    """One statement, its blocks left out; for messages about it."""
    return next(_statement(statement, names, ""))


class Names:
    """Unique names of a function's symbols (in the order they were made) and values (in order)."""

    def __init__(self, function: Function) -> None:
        self.symbols: dict[Symbol, str] = {}
        self.values: dict[Value, str] = {}
        self._taken: dict[str, int] = {}
        found = {s for value in _values(function.body) for s in _value_symbols(value)}
        found |= {
            s
            for statement in function.body.walk()
            for attribute in statement.attributes.values()
            if isinstance(attribute, Type)
            for s in _type_symbols(attribute)
        }
        for symbol in sorted(found, key=lambda s: s.serial):
            self.symbols[symbol] = self._unique(_word(symbol.name) or "n")
        self._taken = {}
        numbered = 0
        for value in _values(function.body):
            if word := _word(value.name):
                self.values[value] = "%" + self._unique(word)
            else:
                self.values[value] = f"%{numbered}"
                numbered += 1

    def _unique(self, word: str) -> str:
        count = self._taken.get(word, 0)
        self._taken[word] = count + 1
        return f"{word}.{count}" if count else word

    def definition(self, value: Value) -> str:
        dim = "" if value.dim is None else f" is {self.dim(value.dim)}"
        return f"{self.values[value]}: {self.type(value.type)}{dim}"

    def use(self, value: Value) -> str:
        """The name; a value the function does not define, as malformed Core has, shows as `%?`."""
        return self.values.get(value, "%?" + value.name)

    def type(self, type: Type) -> str:
        match type:
            case Tensor(dtype, shape):
                assert isinstance(dtype, DType)
                sizes = f"[{', '.join(self.dim(d) for d in shape)}]" if shape else ""
                return DTYPE_NAMES[dtype] + sizes
            case String():
                return "string"
            case List(element):
                return f"[{self.type(element)}]"
            case Box(name):
                return f"box {_text(name)}"
            case Handle(kind):
                return f"handle {_text(kind)}"
        raise TypeError(f"Core has no type {type!r}")

    def dim(self, dim: Dim) -> str:
        if not isinstance(dim, Polynomial):
            return "?" if isinstance(dim, Unknown) else str(dim)
        parts: list[str] = []
        for monomial, coefficient in dim.terms:
            body = "*".join(self._atom(a) for a in monomial)
            size = abs(coefficient)
            text = str(size) if not monomial else body if size == 1 else f"{size}*{body}"
            sign = "-" if coefficient < 0 else "+"
            parts.append(f" {sign} {text}" if parts else f"-{text}" if coefficient < 0 else text)
        return "".join(parts)

    def _atom(self, atom: Atom) -> str:
        if isinstance(atom, Symbol):
            return self.symbols[atom]
        sign = "//" if isinstance(atom, FloorDiv) else "%"
        return f"(({self.dim(atom.numerator)}) {sign} ({self.dim(atom.denominator)}))"

    def attribute(self, value: Any) -> str:
        match value:
            case None:
                return "none"
            case bool() | np.bool_():
                return "true" if value else "false"
            case int() | np.integer():
                return str(value)
            case float() | np.floating():
                return _number(value)
            case str():
                return _text(value)
            case DType():
                return DTYPE_NAMES[value]
            case Type():
                return "type " + self.type(value)
            case tuple() | list():
                return f"({', '.join(self.attribute(v) for v in value)})"
            case Source():
                return f"source {_text(value.name)}"
        if is_record(value):
            given = [(f, getattr(value, f.name)) for f in fields(value) if f.compare]
            shown = [f"{f.name} = {self.attribute(v)}" for f, v in given if v != f.default]
            return f"{type(value).__name__}({', '.join(shown)})"
        raise TypeError(f"no text form for the attribute {value!r}")


def _body(block: Block, names: Names, indent: str, word: str) -> Iterator[str]:
    for statement in block.statements:
        yield from _statement(statement, names, indent)
    results = ", ".join(names.use(v) for v in block.results)
    yield f"{indent}{word} {results}".rstrip()


def _statement(statement: Statement, names: Names, indent: str) -> Iterator[str]:
    if statement.op.name == "constant":
        (result,) = statement.results
        value = _constant(statement.attributes["value"], result.type)
        yield f"{indent}{names.use(result)}: {names.type(result.type)} = {value}"
        return
    line = indent
    if statement.results:
        line += ", ".join(names.definition(v) for v in statement.results) + " = "
    line += statement.op.name
    if statement.operands:
        line += " " + ", ".join(names.use(v) for v in statement.operands)
    if attributes := _attributes(statement, names):
        line += f" {{{attributes}}}"
    words = BLOCK_WORDS.get(statement.op.name, ())
    for index, block in enumerate(statement.blocks):
        parameters = ", ".join(names.definition(v) for v in block.parameters)
        word = words[index] if index < len(words) else "do"
        yield f"{line} {word}{f' ({parameters})' if parameters else ''} {{"
        yield from _body(block, names, indent + "  ", "yield")
        line = indent + "}"
    yield line


def _attributes(statement: Statement, names: Names) -> str:
    shown = []
    for key, value in statement.attributes.items():
        if statement.op.name == "undefined" and key == "type":
            continue
        is_function = key in ("function", "backward") and isinstance(value, str)
        text = _function_name(value) if is_function else names.attribute(value)
        shown.append(f"{key} = {text}")
    return ", ".join(shown)


def _constant(value: Any, type: Type) -> str:
    if not isinstance(type, Tensor):
        return _text(value) if isinstance(value, str) else f"({', '.join(map(_text, value))})"
    assert isinstance(type.dtype, DType)
    if not type.shape:
        with np.errstate(over="ignore"):  # a float64 past a narrow dtype's range is infinity there
            return _element(np.asarray(value, type.dtype.numpy)[()], type.dtype)
    array = np.ascontiguousarray(value, type.dtype.numpy)
    if array.size > LONGEST_ARRAY:
        return f"bytes {_text(base64.b64encode(array.tobytes()).decode())}"
    return f"[{', '.join(_element(x, type.dtype) for x in array.ravel())}]"


def _element(value: Any, dtype: DType) -> str:
    match dtype.kind:
        case "bool":
            return "true" if value else "false"
        case "int":
            return str(int(value))
    # The shortest text that reads back exactly; narrow floats through their exact float64.
    return _number(value if dtype.bits >= 32 else float(value))


def _number(value: Any) -> str:
    return str(np.float64(value) if isinstance(value, float) else value)


def _values(block: Block) -> Iterator[Value]:
    yield from block.parameters
    for statement in block.statements:
        yield from statement.results
        for nested in statement.blocks:
            yield from _values(nested)


def _value_symbols(value: Value) -> Iterator[Symbol]:
    own = () if value.dim is None else dims.symbols(value.dim)
    return chain(own, _type_symbols(value.type))


def _type_symbols(type: Type) -> Iterator[Symbol]:
    while isinstance(type, List):
        type = type.element
    sizes = type.shape if isinstance(type, Tensor) else ()
    return chain.from_iterable(dims.symbols(size) for size in sizes)


def _word(hint: str) -> str:
    """The part of a hint that can stand in a name; numbers are for values without one."""
    word = re.sub(r"\W", "_", hint.partition(".")[0])
    return word if word and not word[0].isdigit() else ""


def _function_name(name: str) -> str:
    return "@" + (name if _PLAIN.match(name) else _text(name))


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
