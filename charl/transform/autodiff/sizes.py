"""Sizes as integers in the code: found, moved to where they are known, computed from symbols.

The types of reverse code mention symbols; code needs values. A `dim` of a forward value in reverse
code is moved to the forward block, so that the integer is kept rather than the tensor. A size of a
type is made from values at hand whose dim or shape has its symbols.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set

from charl.core.builder import Builder
from charl.core.clone import Renaming, defined_symbols
from charl.core.ir import Block, Statement, Value
from charl.types import dims, types
from charl.types.dims import Dim, Polynomial, Symbol
from charl.types.dtypes import DType
from charl.types.types import Tensor, Type


def move_sizes(forward: Block, reverse: Block, own: set[Value]) -> None:
    """Take each `dim` of a forward value out of the reverse block and into the forward one."""
    moved: dict[tuple[Value, int], Value] = {}

    def visit(block: Block) -> None:
        stay: list[Statement] = []
        for statement in block.statements:
            tensor = statement.operands[0] if statement.operands else None
            if statement.op.name == "dim" and tensor in own:
                assert tensor is not None
                key = (tensor, statement.attributes["axis"])
                if key not in moved:
                    moved[key] = size_of(forward, *key)
                    own.add(moved[key])
                renaming.values[statement.results[0]] = moved[key]
                continue
            for nested in statement.blocks:
                visit(nested)
            stay.append(statement)
        block.statements = stay

    renaming = Renaming()
    visit(reverse)
    if moved:
        rewire(reverse, renaming.values)


def rewire(block: Block, values: Mapping[Value, Value]) -> None:
    """Let other values stand for some in a block that is still being made."""
    for statement in block.walk():
        statement.operands = tuple([values.get(v, v) for v in statement.operands])
        for nested in statement.blocks:
            nested.results = tuple([values.get(v, v) for v in nested.results])
    block.results = tuple([values.get(v, v) for v in block.results])


def size_of(forward: Block, tensor: Value, axis: int) -> Value:
    """The size of an axis of a forward value, as a value of the forward block."""
    for statement in forward.statements:
        if (
            statement.op.name == "dim"
            and statement.operands == (tensor,)
            and statement.attributes["axis"] == axis
        ):
            return statement.results[0]
    size: Value = Builder(forward)("dim", tensor, axis=axis)
    return size


def sizes_missing(
    forward: Block, body: Block, renaming: Renaming, local: set[Symbol]
) -> Iterator[Value]:
    """Integers of the forward block for the symbols that no kept value brings along."""
    if not local:
        return
    defined = set(defined_symbols(body))
    mentioned: dict[Symbol, None] = {}
    for statement in body.walk():
        for value in (*statement.operands, *statement.results):
            mentioned.update(dict.fromkeys(type_symbols(value.type)))
    for symbol in mentioned:
        if symbol in local and symbol not in defined and symbol not in renaming.symbols:
            size = size_named(forward, symbol)
            if size is not None:
                yield size


def size_named(block: Block, symbol: Symbol) -> Value | None:
    """The integer that is a symbol, made from a tensor of the block if need be."""
    values = [*block.parameters, *(r for s in block.statements for r in s.results)]
    for value in values:
        if dims.as_symbol(value.dim) is symbol:
            return value
    for value in values:
        if isinstance(value.type, Tensor):
            for axis, size in enumerate(value.type.shape):
                if dims.as_symbol(size) is symbol:
                    return size_of(block, value, axis)
    return None


def type_symbols(type: Type) -> Iterator[Symbol]:
    while isinstance(type, types.List):
        type = type.element
    if isinstance(type, Tensor):
        for size in type.shape:
            yield from dims.symbols(size)


# --- Sizes of a type ------------------------------------------------------------------------------


def sizes_from(
    b: Builder, shape: Sequence[Dim], at_hand: Sequence[Value], local: Set[Symbol] = frozenset()
) -> list[Value] | None:
    """The sizes of a shape as integers, made of values at hand; None when some size cannot be."""
    if any(isinstance(d, dims.Unknown) or local & set(dims.symbols(d)) for d in shape):
        return None
    needed = dict.fromkeys(s for d in shape for s in dims.symbols(d))
    if not needed:
        return [b.constant(d) for d in shape]
    known: dict[Symbol, Value] = {}
    for value in at_hand:
        symbol = dims.as_symbol(value.dim)
        if symbol in needed:
            known.setdefault(symbol, value)
    for value in at_hand:
        if isinstance(value.type, Tensor):
            for axis, size in enumerate(value.type.shape):
                symbol = dims.as_symbol(size)
                if symbol in needed and symbol not in known:
                    known[symbol] = b.size(value, axis)
    if len(known) < len(needed) or not all(map(is_sum, shape)):
        return None
    return [evaluate(b, d, known) for d in shape]


def zeros(b: Builder, dtype: DType, sizes: Sequence[Value]) -> Value:
    """Zeros, or falsehoods, of any dtype."""
    zero = b.constant(False if dtype.kind == "bool" else 0, Tensor(dtype))
    result: Value = b("broadcast", zero, *sizes, axes=()) if sizes else zero
    return result


def is_sum(dim: Dim) -> bool:
    """Whether a dim is a sum of products of symbols, without divisions."""
    return not isinstance(dim, Polynomial) or all(
        isinstance(atom, Symbol) for monomial, _ in dim.terms for atom in monomial
    )


def evaluate(b: Builder, dim: Dim, known: dict[Symbol, Value]) -> Value:
    """A dim computed from the values of its symbols."""
    if not isinstance(dim, Polynomial):
        assert isinstance(dim, int)
        return b.constant(dim)
    total: Value | None = None
    for monomial, coefficient in dim.terms:
        product: Value | None = None if coefficient == 1 else b.constant(coefficient)
        for atom in monomial:
            assert isinstance(atom, Symbol)
            product = known[atom] if product is None else b("mul", product, known[atom])
        product = b.constant(1) if product is None else product
        total = product if total is None else b("add", total, product)
    assert total is not None
    return total
