"""Reads the text form of Core (described in `core/printer.py`) by recursive descent.

The text says every type, so nothing is inferred here; `core/verifier.py` says whether the types
are right. Names are looked up in the blocks around their use: a name that is not defined yet is an
error, as is every other slip, all with code E0795 and its place.
"""

from __future__ import annotations

import base64
import json
import re
from collections import ChainMap
from collections.abc import Iterator
from typing import Any, NoReturn

import numpy as np

import charl.core.control  # noqa: F401  (declares the control ops)
from charl.core.ir import Block, Function, Program, Statement, Value
from charl.core.op import ATTRIBUTE_CLASSES, REGISTRY
from charl.core.printer import DTYPE_NAMES
from charl.diagnostics.diagnostic import CharlError, error
from charl.records import MISSING, fields, record
from charl.source import Source, Span
from charl.types import dims
from charl.types.dims import UNKNOWN, Dim, Known, Polynomial
from charl.types.dtypes import DType
from charl.types.types import Box, Handle, List, String, Tensor, Type

_DTYPES = {name: dtype for dtype, name in DTYPE_NAMES.items()}
_TOKEN = re.compile(
    r"""(?P<space> [ \t\r]+ | \#[^\n]* )
      | (?P<newline> \n )
      | (?P<text> "(?:[^"\\\n]|\\.)*" )
      | (?P<value> %[\w.]+ )
      | (?P<number> \d+ (?:\.\d+)? (?:e[+-]?\d+)? )
      | (?P<word> [A-Za-z_][\w.]* )
      | (?P<mark> // | [()\[\]{},:=+*%@?-] )""",
    re.VERBOSE,
)


def parse_program(text: str, name: str = "<core>") -> Program:
    return _Parser(text, name).program()


def parse_function(text: str, name: str = "<core>") -> Function:
    """The one function of a text without an `entry` line."""
    parser = _Parser(text, name)
    function = parser.function()
    if parser.token.kind != "end":
        parser.fail("text after the function")
    return function


@record
class _Token:
    """`first` on its line: a statement starts there, and no block of the one before."""

    kind: str
    text: str
    start: int
    first: bool


class _Parser:
    def __init__(self, text: str, name: str) -> None:
        self.source = Source(name, text)
        self.tokens: list[_Token] = list(self._tokens(text))
        self.position = 0
        self.values: ChainMap[str, Value] = ChainMap()
        self.symbols: dict[str, Polynomial] = {}
        self.sources: dict[str, Source] = {}

    def _tokens(self, text: str) -> Iterator[_Token]:
        position, first = 0, True
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None:
                self._report("this character has no meaning in Core", position, position + 1)
            kind = match.lastgroup or ""
            if kind == "newline":
                first = True
            elif kind != "space":
                yield _Token(kind, match.group(), position, first)
                first = False
            position = match.end()
        yield _Token("end", "", position, True)

    # --- Tokens --------------------------------------------------------------------------------

    @property
    def token(self) -> _Token:
        return self.tokens[self.position]

    def advance(self) -> _Token:
        token = self.token
        self.position = min(self.position + 1, len(self.tokens) - 1)
        return token

    def accept(self, text: str) -> bool:
        if self.token.text != text or self.token.kind == "text":
            return False
        self.advance()
        return True

    def expect(self, text: str) -> None:
        if not self.accept(text):
            self.fail(f"expected `{text}`")

    def expect_kind(self, kind: str, what: str) -> str:
        if self.token.kind != kind:
            self.fail(f"expected {what}")
        return self.advance().text

    def expect_text(self) -> str:
        quoted = self.expect_kind("text", "a text in quotes")
        try:
            return str(json.loads(quoted))
        except ValueError:
            self.position -= 1
            self.fail("this text has a malformed escape")

    def fail(self, message: str) -> NoReturn:
        self._report(message, self.token.start, self.token.start + len(self.token.text))

    def _report(self, message: str, start: int, stop: int) -> NoReturn:
        raise CharlError(error("E0795", message, Span(self.source, start, stop)))

    # --- Program and function ------------------------------------------------------------------

    def program(self) -> Program:
        """entry @name, then functions"""
        self.expect("entry")
        entry = self.function_name()
        functions: dict[str, Function] = {}
        while self.token.kind != "end":
            token = self.token
            function = self.function()
            if function.name in functions:
                self._report("this function is defined twice", token.start, token.start + 2)
            functions[function.name] = function
        if entry not in functions:
            self.fail(f"the entry function @{entry} is missing")
        return Program(functions, entry)

    def function(self) -> Function:
        """fn @name [symbols] (parameters) [as "shown"] { body return results }"""
        self.expect("fn")
        name = self.function_name()
        self.values, self.symbols = ChainMap(), {}
        if self.accept("["):
            while not self.accept("]"):
                symbol = self.expect_kind("word", "the name of a symbol")
                self.symbols[symbol] = dims.symbol(symbol.partition(".")[0])
                if self.token.text != "]":
                    self.expect(",")
        parameters = self.parameters()
        shown = self.expect_text() if self.accept("as") else name
        self.expect("{")
        return Function(name, self.body(parameters, "return"), shown)

    def function_name(self) -> str:
        self.expect("@")
        if self.token.kind == "text":
            return self.expect_text()
        return self.expect_kind("word", "the name of a function")

    def parameters(self) -> tuple[Value, ...]:
        """(%a: type, ...)"""
        self.expect("(")
        found: list[Value] = []
        while not self.accept(")"):
            found.append(self.definition())
            if self.token.text != ")":
                self.expect(",")
        return tuple(found)

    def body(self, parameters: tuple[Value, ...], word: str) -> Block:
        """statements, `word` results, }"""
        statements: list[Statement] = []
        while not self.accept(word):
            if self.token.kind == "end" or self.token.text == "}":
                self.fail(f"expected a statement or `{word}`")
            statements.append(self.statement())
        results = () if self.token.text == "}" else self.operands()
        self.expect("}")
        return Block(parameters, statements, results)

    # --- Statements ----------------------------------------------------------------------------

    def statement(self) -> Statement:
        """[definitions =] (op [operands] [{attributes}] blocks | literal)"""
        pending: list[tuple[str, Value]] = []
        if self.token.kind == "value":
            pending.append(self.typed_name())
            while self.accept(","):
                pending.append(self.typed_name())
            self.expect("=")
        results = tuple(value for _, value in pending)
        statement = self.operation(results)
        self.values.update(pending)
        return statement

    def operation(self, results: tuple[Value, ...]) -> Statement:
        op = REGISTRY.get(self.token.text) if self.token.kind == "word" else None
        if op is None:
            return self.constant(results)
        self.advance()
        operands = self.operands() if self.token.kind == "value" and not self.token.first else ()
        attributes = self.attributes() if self.token.text == "{" else {}
        if op.name == "undefined":
            if len(results) != 1:
                self.fail("`undefined` has one result")
            attributes["type"] = results[0].type
        blocks: list[Block] = []
        while self.token.kind == "word" and not self.token.first:
            self.advance()
            self.values = self.values.new_child()
            parameters = self.parameters() if self.token.text == "(" else ()
            self.expect("{")
            blocks.append(self.body(parameters, "yield"))
            self.values = self.values.parents
        return Statement(op, operands, attributes, tuple(blocks), results)

    def constant(self, results: tuple[Value, ...]) -> Statement:
        if len(results) != 1:
            self.fail(f"there is no op `{self.token.text}`")
        type = results[0].type
        value = self.constant_value(type)
        op = REGISTRY["constant"]
        assert op.dim is not None
        if results[0].dim is None:
            results[0].dim = op.dim(value=value, type=type)
        return Statement(op, (), {"value": value, "type": type}, (), results)

    def constant_value(self, type: Type) -> Any:
        if not isinstance(type, Tensor) or not type.shape:
            if self.token.kind == "word" and self.token.text not in ("true", "false", "nan", "inf"):
                self.fail(f"there is no op `{self.token.text}`")
            return self.attribute()
        assert isinstance(type.dtype, DType)
        shape = [size for size in type.shape if isinstance(size, int)]
        try:
            flat = self.elements(type.dtype)
        except (ValueError, TypeError, OverflowError):
            self.fail("these are not the elements of an array")
        if len(shape) != len(type.shape) or flat.size != int(np.prod(shape)):
            self.fail("a constant that does not fill its shape")
        return flat.reshape(shape)

    def elements(self, dtype: DType) -> np.ndarray[Any, Any]:
        """bytes "base64" | [number, ...]"""
        if self.accept("bytes"):
            return np.frombuffer(base64.b64decode(self.expect_text()), dtype.numpy)
        self.expect("[")
        found: list[Any] = []
        while not self.accept("]"):
            found.append(self.attribute())
            if self.token.text != "]":
                self.expect(",")
        return np.array(found, dtype.numpy)

    def definition(self) -> Value:
        name, value = self.typed_name()
        self.values[name] = value
        return value

    def typed_name(self) -> tuple[str, Value]:
        """%name: type [is dim]"""
        name = self.expect_kind("value", "a value")
        if name in self.values:
            self.position -= 1
            self.fail(f"`{name}` is defined twice")
        self.expect(":")
        type = self.type()
        dim = self.dim() if self.accept("is") else None
        hint = name[1:].partition(".")[0]
        return name, Value(type, dim, "" if hint.isdigit() else hint)

    def operands(self) -> tuple[Value, ...]:
        found = [self.operand()]
        while self.accept(","):
            found.append(self.operand())
        return tuple(found)

    def operand(self) -> Value:
        name = self.expect_kind("value", "a value")
        if name not in self.values:
            self.position -= 1
            self.fail(f"`{name}` is not defined here")
        return self.values[name]

    # --- Attributes, types, dims ---------------------------------------------------------------

    def attributes(self) -> dict[str, Any]:
        """{name = value, ...}"""
        return self.named_attributes("{", "}")

    def named_attributes(self, opening: str, closing: str) -> dict[str, Any]:
        self.expect(opening)
        found: dict[str, Any] = {}
        while not self.accept(closing):
            name = self.expect_kind("word", "the name of an attribute")
            self.expect("=")
            found[name] = self.attribute()
            if self.token.text != closing:
                self.expect(",")
        return found

    def attribute(self) -> Any:
        token = self.token
        if token.kind == "text":
            return self.expect_text()
        if token.text == "@":
            return self.function_name()
        if token.kind == "number" or token.text == "-":
            return self.number()
        if self.accept("("):
            items: list[Any] = []
            while not self.accept(")"):
                items.append(self.attribute())
                if self.token.text != ")":
                    self.expect(",")
            return tuple(items)
        word = self.expect_kind("word", "the value of an attribute")
        match word:
            case "none":
                return None
            case "true" | "false":
                return word == "true"
            case "nan" | "inf":
                return float(word)
            case "type":
                return self.type()
            case "source":
                return self.source_named(self.expect_text())
        if word in ATTRIBUTE_CLASSES:
            return self.record(ATTRIBUTE_CLASSES[word])
        if word not in _DTYPES:
            self.position -= 1
            self.fail("expected the value of an attribute")
        return _DTYPES[word]

    def number(self) -> int | float:
        sign = -1 if self.accept("-") else 1
        if self.accept("inf"):
            return sign * float("inf")
        text = self.expect_kind("number", "a number")
        return sign * (int(text) if text.isdigit() else float(text))

    def source_named(self, name: str) -> Source:
        return self.sources.setdefault(name, Source(name, ""))

    def record(self, kind: type) -> Any:
        """(field = value, ...) of a record; fields the text leaves out are empty."""
        missing: dict[str, Any] = {
            f.name: {} for f in fields(kind) if not f.compare and f.default is MISSING
        }
        given = self.named_attributes("(", ")")
        try:
            return kind(**missing, **given)
        except TypeError:
            self.fail(f"these are not the fields of a {kind.__name__}")

    def type(self) -> Type:
        """f32 | f32[dims] | string | [type] | box "name" | handle "kind" """
        if self.accept("["):
            element = self.type()
            self.expect("]")
            return List(element)
        word = self.expect_kind("word", "a type")
        match word:
            case "string":
                return String()
            case "box":
                return Box(self.expect_text())
            case "handle":
                return Handle(self.expect_text())
        if word not in _DTYPES:
            self.position -= 1
            self.fail(f"there is no type `{word}`")
        shape: list[Dim] = []
        if self.accept("["):
            shape.append(self.dim())
            while self.accept(","):
                shape.append(self.dim())
            self.expect("]")
        return Tensor(_DTYPES[word], tuple(shape))

    def dim(self) -> Dim:
        return UNKNOWN if self.accept("?") else self.known_dim()

    def known_dim(self) -> Known:
        """product {(+ | -) product}, the first perhaps negated"""
        total = -self.product() if self.accept("-") else self.product()
        while self.token.text in ("+", "-"):
            if self.advance().text == "+":
                total = total + self.product()
            else:
                total = total - self.product()
        return total

    def product(self) -> Known:
        """atom {(* | // | %) atom}"""
        result = self.dim_atom()
        while self.token.text in ("*", "//", "%"):
            match self.advance().text:
                case "*":
                    result = result * self.dim_atom()
                case "//":
                    result = dims.floor_divide(result, self.dim_atom())
                case _:
                    result = dims.modulo(result, self.dim_atom())
        return result

    def dim_atom(self) -> Known:
        if self.accept("("):
            inner = self.known_dim()
            self.expect(")")
            return inner
        if self.token.kind == "number":
            if not self.token.text.isdigit():
                self.fail("a dim is a whole number")
            return int(self.advance().text)
        name = self.expect_kind("word", "a dim")
        return self.symbols.setdefault(name, dims.symbol(name.partition(".")[0]))
