"""Sizes at run time: which value holds the integer that a dim stands for.

The checker's types name sizes by symbols. Where a value is defined whose type has a symbol (or a
polynomial that cannot be known otherwise) among its sizes, the axis is remembered as its source. A
`dim` statement is emitted only when somebody needs the number, in the region of the source, where
every use can see it. An int value whose `dim` is a symbol is itself the source.

Every reading of a variable with `?` sizes has symbols of its own. When the value read is known
better (it is `f32[64]`), the symbol is an alias of what is known, and all types from there on say
so.
"""

from __future__ import annotations

from charl.check.tree import Variable
from charl.core.builder import Builder, MalformedCore
from charl.core.ir import Value
from charl.lower.values import Structured
from charl.records import field, record
from charl.source import Span
from charl.types import dims, types
from charl.types.dims import Atom, Dim, FloorDiv, Modulo, Polynomial, Symbol, Unknown
from charl.types.types import INT, List, Tensor, Type


@record
class Source:
    """Where a size is found: the size of an axis of `value`, or `value` itself (axis None)."""

    value: Value
    axis: int | None


@record(frozen=False, eq=False)
class Region:
    """A block being made: what its names stand for, and the sizes found in it.

    `variables` begins as a copy of the surroundings'; what it assigns is handed out by results.
    """

    builder: Builder
    parent: Region | None = None
    variables: dict[Variable, Structured] = field(default_factory=dict)
    sizes: dict[Dim, Source] = field(default_factory=dict)

    @property
    def root(self) -> Region:
        return self if self.parent is None else self.parent.root

    def owner(self, dim: Dim) -> Region | None:
        """The region around (or this one) in which a size is found."""
        region: Region | None = self
        while region is not None and dim not in region.sizes:
            region = region.parent
        return region


@record(frozen=False, eq=False)
class Sizes:
    """The sizes of one function. `aliases` are symbols that turned out to be known otherwise."""

    aliases: dict[Symbol, Dim] = field(default_factory=dict)

    def dim(self, dim: Dim) -> Dim:
        return dims.substitute(dim, self.aliases) if self.aliases else dim

    def type(self, type: Type) -> Type:
        return types.substitute(type, self.aliases)

    # --- Finding out -----------------------------------------------------------------------------

    def define(self, region: Region, value: Value) -> None:
        """A new value: remember the sizes that it is the first to tell."""
        if isinstance(value.dim, Polynomial) and region.owner(value.dim) is None:
            region.sizes[value.dim] = Source(value, None)
        if isinstance(value.type, Tensor):
            for axis, dim in enumerate(value.type.shape):
                if isinstance(dim, Polynomial) and region.owner(dim) is None:
                    region.sizes[dim] = Source(value, axis)

    def match(self, region: Region, declared: Type, value: Value) -> None:
        """Let the symbols of a leaf's declared type stand for the sizes of the value."""
        if not isinstance(declared, Tensor) or not isinstance(value.type, Tensor):
            return
        for axis, (dim, known) in enumerate(zip(declared.shape, value.type.shape)):
            symbol = self.open_symbol(region, dim)
            if symbol is None or dim == known:
                continue
            if isinstance(known, Unknown):
                region.sizes[dim] = Source(value, axis)
            else:
                self.aliases[symbol] = known

    def equate(self, region: Region, dim: Dim, value: Value) -> Value:
        """An int value known to be equal to a dim; a constant when the dim is one."""
        known = self.dim(dim)
        if isinstance(known, int):
            return region.root.builder.constant(known)
        if value.type != INT or isinstance(known, Unknown):
            return value
        symbol = self.open_symbol(region, known)
        if value.dim is None:
            value.dim = known
            self.define(region, value)
        elif symbol is not None and value.dim != known:
            self.aliases[symbol] = value.dim
        return value

    def settle(self, region: Region, known: Type, declared: Type) -> Type:
        """A known type as it can be written in a region: sizes that only an inner region knows are
        those of the declared type."""
        match known, declared:
            case Tensor(dtype, shape), Tensor(_, other):
                pairs = zip(shape, other)
                return Tensor(
                    dtype, tuple([a if self.is_known(region, a) else self.dim(b) for a, b in pairs])
                )
            case List(element), List(other):
                return List(self.settle(region, element, other))
        return known

    def is_known(self, region: Region, dim: Dim) -> bool:
        """Whether a size can be told in a region."""
        if not isinstance(dim, Polynomial):
            return isinstance(dim, int)
        if region.owner(dim) is not None:
            return True
        return all(region.owner(dims.of(symbol)) for symbol in dims.symbols(dim))

    def open_symbol(self, region: Region, dim: Dim) -> Symbol | None:
        """The symbol, when a dim is one that nothing is known of yet."""
        symbol = dims.as_symbol(dim)
        if symbol is None or symbol in self.aliases or region.owner(dim) is not None:
            return None
        return symbol

    # --- Computing -------------------------------------------------------------------------------

    def size(self, region: Region, dim: Dim, span: Span | None) -> Value:
        """An int64 scalar equal to a dim whose symbols are known here."""
        dim = self.dim(dim)
        if isinstance(dim, int):
            return region.root.builder.constant(dim)
        owner = region.owner(dim)
        if owner is not None:
            return self._found(owner, dim, span)
        if isinstance(dim, Unknown) or dims.as_symbol(dim) is not None:
            raise MalformedCore(f"nothing tells the size {dims.show(dim)} at {span}")
        home = self._home(region, dim)
        value = self._compute(home, dim, span)
        value.dim = dim
        home.sizes[dim] = Source(value, None)
        return value

    def _found(self, owner: Region, dim: Dim, span: Span | None) -> Value:
        source = owner.sizes[dim]
        if source.axis is None:
            return source.value
        size: Value = _emit(owner, span, "dim", (source.value,), axis=source.axis)
        size.dim = dim
        owner.sizes[dim] = Source(size, None)
        return size

    def _home(self, region: Region, dim: Polynomial) -> Region:
        """The outermost region in which all symbols of a dim are known; a division whose divisor
        could be zero stays where it is written."""
        if _may_fail(dim):
            return region
        needed = {region.owner(dims.of(symbol)) for symbol in dims.symbols(dim)}
        home = region
        while home.parent is not None and home not in needed:
            home = home.parent
        return home

    def _compute(self, region: Region, dim: Polynomial, span: Span | None) -> Value:
        """The arithmetic for a polynomial: what is added first, then what is taken away."""
        total: Value | None = None
        for monomial, coefficient in sorted(dim.terms, key=lambda term: term[1] < 0):
            factors = [self._atom(region, atom, span) for atom in monomial]
            size = abs(coefficient)
            if size != 1 or not factors:
                factors.append(region.root.builder.constant(size))
            product = factors[0]
            for factor in factors[1:]:
                product = _emit(region, span, "mul", (product, factor))
            if total is not None:
                total = _emit(region, span, "add" if coefficient > 0 else "sub", (total, product))
            else:
                total = product if coefficient > 0 else _emit(region, span, "neg", (product,))
        assert total is not None
        return total

    def _atom(self, region: Region, atom: Atom, span: Span | None) -> Value:
        if isinstance(atom, Symbol) or region.owner(dims.of(atom)) is not None:
            return self.size(region, dims.of(atom), span)
        operands = (
            self.size(region, atom.numerator, span),
            self.size(region, atom.denominator, span),
        )
        return _emit(region, span, "floor_div" if isinstance(atom, FloorDiv) else "mod", operands)


def _may_fail(dim: Dim) -> bool:
    if not isinstance(dim, Polynomial):
        return False
    divisions = [a for m, _ in dim.terms for a in m if isinstance(a, FloorDiv | Modulo)]
    return any(not isinstance(a.denominator, int) or _may_fail(a.numerator) for a in divisions)


def _emit(
    region: Region, span: Span | None, op: str, operands: tuple[Value, ...], **attributes: int
) -> Value:
    with region.builder.at(span):
        (result,) = region.builder.emit(op, operands, dict(attributes), result_types=(INT,))
    return result


def joined_type(left: Type, right: Type) -> Type:
    """A type of Core for either of two: sizes that differ are unknown."""
    match left, right:
        case Tensor(dtype, shape), Tensor(_, other):
            if shape == other:
                return left
            pairs = zip(shape, other)
            return Tensor(dtype, tuple([a if a == b else dims.UNKNOWN for a, b in pairs]))
        case List(element), List(other):
            return List(joined_type(element, other))
    return left


def widened_type(known: Type, declared: Type) -> Type:
    """A known type, with the sizes that the declared type leaves open (`?`) forgotten."""
    match known, declared:
        case Tensor(dtype, shape), Tensor(_, other):
            pairs = zip(shape, other)
            return Tensor(dtype, tuple([b if isinstance(b, Unknown) else a for a, b in pairs]))
        case List(element), List(other):
            return List(widened_type(element, other))
    return known
