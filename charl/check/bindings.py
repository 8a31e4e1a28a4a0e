"""Matching annotations against argument types: what a signature's generic names stand for.

`match` compares an annotation with the type of an argument: names that occur alone bind first, and
a polynomial with one unknown is solved for it; everything else is compared afterwards (by
`coerce`).
"""

from __future__ import annotations

from charl.check.infer import resolve
from charl.records import field, record
from charl.types import dims, types
from charl.types.dims import UNKNOWN, Dim, Polynomial, Symbol, Unknown
from charl.types.types import Type

REST = Symbol("..", rigid=True)
"""Stands for `..` at the head of a shape in a signature; bound to several dims when matched."""


# --- Matching annotations against arguments ------------------------------------------------------


@record(frozen=False, eq=False)
class Bindings:
    """What generic names stand for in one call."""

    dims: dict[Symbol, Dim] = field(default_factory=dict)
    types: dict[types.Parameter, Type] = field(default_factory=dict)
    rest: tuple[Dim, ...] | None = None

    def apply(self, type: Type) -> Type:
        """The annotation with generic names replaced; names without a binding stay."""
        match type:
            case types.Parameter() if type in self.types:
                return self.types[type]
            case types.GenericTensor(dtype, shape):
                bound = self.types.get(dtype)
                inner = self._shape(shape)
                if isinstance(bound, types.Tensor):
                    return types.Tensor(bound.dtype, inner)
                return types.GenericTensor(dtype, inner)
            case types.Tensor(dtype, shape):
                return types.Tensor(dtype, self._shape(shape)) if shape else type
            case types.List(element):
                return types.List(self.apply(element))
            case types.Array(element, length):
                return types.Array(self.apply(element), length)
            case types.Tuple(items):
                return types.Tuple(tuple(self.apply(t) for t in items))
            case types.Struct(declaration, arguments, fields):
                return types.Struct(
                    declaration, self._arguments(arguments), tuple(self.apply(t) for t in fields)
                )
            case types.Enum(declaration, arguments, variants, recursive):
                payloads = tuple(tuple(self.apply(t) for t in p) for p in variants)
                return types.Enum(declaration, self._arguments(arguments), payloads, recursive)
            case types.Function(parameters, result) if parameters is not None:
                return types.Function(
                    tuple(self.apply(p) for p in parameters),
                    None if result is None else self.apply(result),
                )
        return type

    def _arguments(self, arguments: tuple[Type | Dim, ...]) -> tuple[Type | Dim, ...]:
        return tuple(
            self.apply(a) if isinstance(a, Type) else dims.substitute(a, self.dims)
            for a in arguments
        )

    def _shape(self, shape: tuple[Dim, ...]) -> tuple[Dim, ...]:
        result: list[Dim] = []
        for dim in shape:
            if dims.as_symbol(dim) is REST:
                result.extend(self.rest if self.rest is not None else (dim,))
            else:
                result.append(dims.substitute(dim, self.dims))
        return tuple(result)

    def match(self, annotation: Type, found: Type) -> None:
        """Bind what can be read off; disagreement is left to the coercion that follows."""
        found = resolve(found)
        match annotation, found:
            case types.Parameter(), _:
                self.types.setdefault(annotation, found)
            case types.GenericTensor(dtype, shape), types.Tensor():
                self.types.setdefault(dtype, types.Tensor(found.dtype))
                self._match_shape(shape, found.shape)
            case types.Tensor(_, shape), types.Tensor():
                self._match_shape(shape, found.shape)
            case (types.List(a), types.List(b)) | (types.Array(a, _), types.Array(b, _)):
                self.match(a, b)
            case types.Tuple(a), types.Tuple(b):
                for x, y in zip(a, b):
                    self.match(x, y)
            case (types.Struct() | types.Enum(), types.Struct() | types.Enum()):
                if annotation.declaration is found.declaration:
                    self._match_arguments(annotation.arguments, found.arguments)

    def _match_arguments(
        self, wanted: tuple[Type | Dim, ...], found: tuple[Type | Dim, ...]
    ) -> None:
        for x, y in zip(wanted, found):
            if isinstance(x, Type) and isinstance(y, Type):
                self.match(x, y)
            elif not isinstance(x, Type) and not isinstance(y, Type):
                self._match_shape((x,), (y,))

    def _match_shape(self, wanted: tuple[Dim, ...], found: tuple[Dim, ...]) -> None:
        if wanted and dims.as_symbol(wanted[0]) is REST:
            count = len(found) - len(wanted) + 1
            if count < 0:
                return
            if self.rest is None:
                self.rest = found[:count]
            wanted, found = wanted[1:], found[count:]
        if len(wanted) != len(found):
            return
        for dim, value in zip(wanted, found):
            name = dims.as_symbol(dim)
            if name is not None and name.rigid and name not in self.dims:
                self.dims[name] = value

    def solve(self, annotation: Type, found: Type) -> None:
        """After `match`: solve sizes like `2*N + 1` for a single name still unbound."""
        if not isinstance(annotation, types.Tensor | types.GenericTensor):
            return
        found = resolve(found)
        if not isinstance(found, types.Tensor) or len(found.shape) != len(annotation.shape):
            return
        for dim, value in zip(annotation.shape, found.shape):
            unbound = {s for s in dims.symbols(dim) if s.rigid and s not in self.dims}
            if len(unbound) == 1 and not isinstance(value, Unknown):
                (name,) = unbound
                solution = _solve(dims.substitute(dim, self.dims), name, value)
                if solution is not None:
                    self.dims[name] = solution


def hint(type: Type | None) -> Type | None:
    """An annotation whose generic names are not all bound, as a hint for a literal: what is not
    known may become anything."""
    match type:
        case types.Parameter():
            return types.Variable()
        case types.GenericTensor() | None:
            return None
        case types.Tensor(dtype, shape):
            known_shape = tuple(
                UNKNOWN if any(s.rigid for s in dims.symbols(d)) else d for d in shape
            )
            return types.Tensor(dtype, known_shape)
        case types.List(element):
            inner = hint(element)
            return types.List(types.Variable() if inner is None else inner)
        case types.Tuple(items):
            return types.Tuple(tuple(hint(t) or types.Variable() for t in items))
        case types.Enum(declaration, arguments, variants, recursive):
            changed = tuple(
                (hint(a) or types.Variable()) if isinstance(a, Type) else a for a in arguments
            )
            payloads = tuple(tuple(hint(t) or types.Variable() for t in p) for p in variants)
            return types.Enum(declaration, changed, payloads, recursive)
    return type


def _solve(dim: Dim, name: Symbol, value: int | Polynomial) -> int | Polynomial | None:
    """The value of `name` that makes a linear dim equal to `value`."""
    if not isinstance(dim, Polynomial):
        return None
    at_zero = dims.substitute(dim, {name: 0})
    at_one = dims.substitute(dim, {name: 1})
    at_two = dims.substitute(dim, {name: 2})
    if isinstance(at_zero, Unknown) or isinstance(at_one, Unknown) or isinstance(at_two, Unknown):
        return None
    slope = at_one - at_zero
    if not isinstance(slope, int) or slope == 0 or at_two - at_one != slope:
        return None
    rest = value - at_zero
    return rest // slope if rest % slope == 0 else None
