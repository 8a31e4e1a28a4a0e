"""Argument types in canonical form: what identifies an instance.

Two calls share an instance when their argument types are the same up to the names of the sizes
that only the run knows. Every size that occurs alone in some shape becomes the next symbol of the
session's pool; polynomials over such sizes keep their form, any other polynomial becomes a symbol
of its own. `sizes` maps the pool's symbols back to the caller's dims.
"""

from __future__ import annotations

from collections.abc import Sequence

from charl.check.frame import Frame, Session
from charl.types import dims, types
from charl.types.dims import Dim, Polynomial, Symbol, Unknown
from charl.types.types import Type


class Canonical:
    """Numbers the sizes of a sequence of types in the order in which they are met."""

    def __init__(self, session: Session, constants: bool = True) -> None:
        self.session = session
        self.constants = constants
        self.sizes: dict[Symbol, Dim] = {}
        self._symbols: dict[Dim, Polynomial] = {}

    def types(self, many: Sequence[Type]) -> tuple[Type, ...]:
        for type in many:
            types.map_dims(type, self._meet)
        return tuple(types.map_dims(type, self.dim) for type in many)

    def dim(self, dim: Dim) -> Dim:
        if isinstance(dim, Unknown) or (isinstance(dim, int) and self.constants):
            return dim
        if dim in self._symbols:
            return self._symbols[dim]
        if isinstance(dim, Polynomial):
            values: dict[Symbol, Dim] = {}
            for symbol in dims.symbols(dim):
                found = self._symbols.get(dims.of(symbol))
                if found is None:
                    return self._new(dim)
                values[symbol] = found
            return dims.substitute(dim, values)
        return self._new(dim)

    def _meet(self, dim: Dim) -> Dim:
        if dims.as_symbol(dim) is not None and dim not in self._symbols:
            self._new(dim)
        return dim

    def _new(self, dim: Dim) -> Dim:
        symbol = self.session.pool_symbol(len(self.sizes))
        self.sizes[symbol] = dim
        self._symbols[dim] = dims.of(symbol)
        return self._symbols[dim]


def closed(frame: Frame, type: Type) -> Type:
    """The type with every learnt size fact put in."""
    return types.map_dims(type, frame.simplify) if frame.facts else type
