"""Copying Core: blocks and functions with their values, symbols and nested blocks renamed.

A copy must not share Values with its original, nor the Symbols that the original defines: two runs
of one body may meet different sizes. A `Renaming` holds both maps. Binding a parameter to an
argument matches their types, so that the caller's sizes flow into the copy: inlining a function of
`f32[n]` for an argument `f32[64]` puts 64 for `n` in every type and dim of the copy.

Which symbols does a block define? Walking it in order, a symbol first met in the type or dim of a
value from outside (or in a type among attributes) belongs outside and keeps its name; one first
met in a result or in a nested block's parameter is defined there and is made fresh. Of the copied
block's own parameters, dims are definitions, while sizes in shapes stay as they are unless the
parameter is bound: the loop around the block is what relates them to the outside.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from charl.core.builder import Builder
from charl.core.ir import Block, Function, InlinedSpan, Statement, Value
from charl.diagnostics.diagnostic import Frame
from charl.records import field, record
from charl.source import Span
from charl.types import dims, types
from charl.types.dims import Dim, Symbol, Unknown
from charl.types.types import List, Tensor, Type


@record(frozen=False)
class Renaming:
    """What stands for what in a copy. Values and symbols without an entry stand for themselves.

    `call` is the inlined call the copies belong to: it is kept in their spans.
    """

    values: dict[Value, Value] = field(default_factory=dict)
    symbols: dict[Symbol, Dim] = field(default_factory=dict)
    call: Frame | None = None

    def bind(self, old: Value, new: Value) -> None:
        """Let `new` stand for `old`, and the sizes of `new` for the symbols of `old`."""
        self.values[old] = new
        if new.dim is not None:
            self._match(old.dim, new.dim)
        for had, has in zip(_sizes(old.type), _sizes(new.type)):
            self._match(had, has)

    def _match(self, old: Dim | None, new: Dim) -> None:
        symbol = dims.as_symbol(old)
        if symbol is None or isinstance(new, Unknown):
            return
        if symbol not in self.symbols or isinstance(new, int):
            self.symbols[symbol] = new

    def value(self, value: Value) -> Value:
        return self.values.get(value, value)

    def type(self, type: Type) -> Type:
        return types.substitute(type, self.symbols)

    def dim(self, dim: Dim | None) -> Dim | None:
        return None if dim is None else dims.substitute(dim, self.symbols)

    def define(self, value: Value) -> Value:
        """The copy of a value that the copied code defines."""
        new = Value(self.type(value.type), self.dim(value.dim), value.name)
        self.values[value] = new
        return new

    def span(self, span: Span | None) -> Span | None:
        if self.call is None:
            return span
        if span is None:
            return self.call.span
        calls = (*calls_of(span), self.call, *calls_of(self.call.span))
        return InlinedSpan(span.source, span.start, span.stop, calls)

    def attributes(self, attributes: dict[str, Any]) -> dict[str, Any]:
        if not self.symbols or not any(isinstance(a, Type) for a in attributes.values()):
            return attributes
        return {k: self.type(a) if isinstance(a, Type) else a for k, a in attributes.items()}

    def statement(self, old: Statement) -> Statement:
        operands = tuple([self.values.get(v, v) for v in old.operands])
        blocks = tuple([self.block(b) for b in old.blocks])
        results = tuple([self.define(v) for v in old.results])
        attributes = self.attributes(old.attributes)
        return Statement(old.op, operands, attributes, blocks, results, self.span(old.span))

    def block(self, old: Block) -> Block:
        parameters = tuple([self.define(v) for v in old.parameters])
        statements = [self.statement(s) for s in old.statements]
        return Block(parameters, statements, tuple([self.value(v) for v in old.results]))


def copy_function(function: Function, name: str = "") -> Function:
    """A function that shares nothing with the original."""
    renaming = Renaming()
    for parameter in function.body.parameters:
        _refresh(_symbols(parameter), renaming)
    _refresh(defined_symbols(function.body), renaming)
    body = renaming.block(function.body)
    return Function(name or function.name, body, function.shown, function.span)


def paste(
    builder: Builder,
    block: Block,
    arguments: Sequence[Value],
    renaming: Renaming | None = None,
) -> tuple[Value, ...]:
    """Append a copy of a block's statements with arguments for its parameters; its results."""
    renaming = renaming or Renaming()
    for parameter, argument in zip(block.parameters, arguments, strict=True):
        renaming.bind(parameter, argument)
    _refresh(defined_symbols(block), renaming)
    for statement in block.statements:
        builder.block.statements.append(renaming.statement(statement))
    return tuple([renaming.value(v) for v in block.results])


def inline(
    builder: Builder, function: Function, arguments: Sequence[Value], span: Span | None
) -> tuple[Value, ...]:
    """Append a function's statements in place of a call at `span`; its results."""
    renaming = Renaming(call=Frame(function.shown or function.name, span))
    for parameter, argument in zip(function.body.parameters, arguments, strict=True):
        renaming.bind(parameter, argument)
    for parameter in function.body.parameters:
        _refresh(_symbols(parameter), renaming)
    return paste(builder, function.body, arguments, renaming)


def calls_of(span: Span | None) -> tuple[Frame, ...]:
    """The inlined calls around a place, innermost first."""
    return span.calls if isinstance(span, InlinedSpan) else ()


def free_values(*blocks: Block) -> tuple[Value, ...]:
    """The outer values that blocks use, each once, in order of first use."""
    free: dict[Value, None] = {}
    for block in blocks:
        _free(block, set(), free)
    return tuple(free)


def _free(block: Block, bound: set[Value], free: dict[Value, None]) -> None:
    bound.update(block.parameters)
    for statement in block.statements:
        for value in statement.operands:
            if value not in bound:
                free[value] = None
        for inner in statement.blocks:
            _free(inner, bound, free)
        bound.update(statement.results)
    for value in block.results:
        if value not in bound:
            free[value] = None


def defined_symbols(block: Block) -> tuple[Symbol, ...]:
    """The symbols that a block defines (see the head of this file)."""
    inner: dict[Symbol, None] = {}
    outer: set[Symbol] = set()
    for parameter in block.parameters:
        outer.update(s for size in _sizes(parameter.type) for s in dims.symbols(size))
    for parameter in block.parameters:
        symbol = dims.as_symbol(parameter.dim)
        if symbol is not None:
            inner[symbol] = None
            outer.discard(symbol)
    _classify(block, set(block.parameters), inner, outer)
    return tuple(inner)


def _classify(
    block: Block, bound: set[Value], inner: dict[Symbol, None], outer: set[Symbol]
) -> None:
    def define(values: Sequence[Value]) -> None:
        for value in values:
            bound.add(value)
            for symbol in _symbols(value):
                if symbol not in outer:
                    inner[symbol] = None

    for statement in block.statements:
        for value in statement.operands:
            if value not in bound:
                outer.update(s for s in _symbols(value) if s not in inner)
        for attribute in statement.attributes.values():
            if isinstance(attribute, Type):
                sizes = _sizes(attribute)
                outer.update(s for d in sizes for s in dims.symbols(d) if s not in inner)
        for nested in statement.blocks:
            define(nested.parameters)
            _classify(nested, bound, inner, outer)
        define(statement.results)


def _refresh(symbols: Sequence[Symbol] | Iterator[Symbol], renaming: Renaming) -> None:
    for symbol in symbols:
        if symbol not in renaming.symbols:
            renaming.symbols[symbol] = dims.symbol(symbol.name, rigid=symbol.rigid)


def _symbols(value: Value) -> Iterator[Symbol]:
    if value.dim is not None:
        yield from dims.symbols(value.dim)
    for size in _sizes(value.type):
        yield from dims.symbols(size)


def _sizes(type: Type) -> tuple[Dim, ...]:
    """The sizes in a type of Core."""
    while isinstance(type, List):
        type = type.element
    return type.shape if isinstance(type, Tensor) else ()
