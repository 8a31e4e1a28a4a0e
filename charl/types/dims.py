"""Dimensions: integers, or polynomials over symbols in normal form.

A `Dim` is a plain `int`, a `Polynomial`, or `UNKNOWN` (a written `?` that no value has filled in).
Arithmetic on dims gives an `int` whenever the result is constant, so constant shapes cost nothing.
The normal form is a sum of monomials with integer coefficients, monomials sorted; two dims are
equal exactly when their normal forms are. Floor division that does not divide out, and modulo, are
kept as atoms, themselves over normal forms.

A symbol stands for one integer at run time. A *rigid* symbol is the generic name of an annotated
signature while that function is checked once for all sizes: two different rigid polynomials are an
error. Any other symbol is a size that only the run knows: what cannot be proven becomes a check.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import TypeAlias

from charl.records import field, record

_serial = itertools.count()


@record(frozen=False, eq=False)
class Symbol:
    """One unknown integer; compares by identity, `serial` orders symbols deterministically."""

    name: str
    rigid: bool = False
    serial: int = field(default_factory=lambda: next(_serial))

    def __repr__(self) -> str:
        return self.name


@record
class FloorDiv:
    """`numerator // denominator` that does not simplify."""

    numerator: Dim
    denominator: Dim

    def __repr__(self) -> str:
        return f"{_wrap(self.numerator)} // {_wrap(self.denominator)}"


@record
class Modulo:
    """`numerator % denominator` that does not simplify."""

    numerator: Dim
    denominator: Dim

    def __repr__(self) -> str:
        return f"{_wrap(self.numerator)} % {_wrap(self.denominator)}"


Atom: TypeAlias = Symbol | FloorDiv | Modulo
Monomial = tuple[Atom, ...]


class Unknown(Enum):
    """`?` in a written type."""

    DIM = "?"

    def __repr__(self) -> str:
        return "?"


UNKNOWN = Unknown.DIM


@record
class Polynomial:
    """Sum of `coefficient * product(monomial)`; never constant, no zero coefficients, sorted."""

    terms: tuple[tuple[Monomial, int], ...]

    def __add__(self, other: int | Polynomial) -> Known:
        return _sum(self, other, 1)

    __radd__ = __add__

    def __sub__(self, other: int | Polynomial) -> Known:
        return _sum(self, other, -1)

    def __rsub__(self, other: int | Polynomial) -> Known:
        return _sum(self * -1, other, 1)

    def __neg__(self) -> Known:
        return self * -1

    def __mul__(self, other: int | Polynomial) -> Known:
        product: dict[Monomial, int] = {}
        for left, a in self.terms:
            for right, b in _terms(other):
                key = tuple(sorted(left + right, key=_order))
                product[key] = product.get(key, 0) + a * b
        return _normal(product)

    __rmul__ = __mul__

    def __floordiv__(self, other: int | Polynomial) -> Known:
        return floor_divide(self, other)

    def __rfloordiv__(self, other: int) -> Known:
        return floor_divide(other, self)

    def __mod__(self, other: int | Polynomial) -> Known:
        return modulo(self, other)

    def __rmod__(self, other: int) -> Known:
        return modulo(other, self)

    def __repr__(self) -> str:
        return show(self)


Known: TypeAlias = int | Polynomial
Dim: TypeAlias = Known | Unknown


def symbol(name: str, *, rigid: bool = False) -> Polynomial:
    """A fresh symbol as a dim."""
    return Polynomial((((Symbol(name, rigid),), 1),))


def of(atom: Atom) -> Polynomial:
    """The dim that is this atom alone."""
    return Polynomial((((atom,), 1),))


def as_symbol(dim: Dim | None) -> Symbol | None:
    """The symbol, when the dim is one symbol and nothing else."""
    if isinstance(dim, Polynomial) and len(dim.terms) == 1:
        (monomial, coefficient) = dim.terms[0]
        if coefficient == 1 and len(monomial) == 1 and isinstance(monomial[0], Symbol):
            return monomial[0]
    return None


def floor_divide(a: Known, b: Known) -> Known:
    """`a // b`, divided out where every term allows it (`(2*N + 3) // 2` is `N + 1`)."""
    if isinstance(a, int) and isinstance(b, int):
        return a // b if b else 0
    if b == 1:
        return a
    if a == b:
        return 1
    if isinstance(b, int) and b:
        whole = {m: c // b for m, c in _terms(a) if c % b == 0 or not m}
        rest = {m: c for m, c in _terms(a) if m and c % b}
        if not rest:
            return _normal(whole)
        low = {m: c for m, c in _terms(a) if not m or c % b}
        kept = _normal({m: c // b for m, c in _terms(a) if m and c % b == 0})
        return kept + of(FloorDiv(_normal(low), b))
    quotient = _exact_quotient(a, b)
    return of(FloorDiv(a, b)) if quotient is None else quotient


def modulo(a: Known, b: Known) -> Known:
    if isinstance(a, int) and isinstance(b, int):
        return a % b if b else 0
    if b == 1 or a == b:
        return 0
    if isinstance(b, int) and b and all(c % b == 0 for m, c in _terms(a) if m):
        return dict(_terms(a)).get((), 0) % b
    return of(Modulo(a, b))


def _exact_quotient(a: Known, b: Known) -> Known | None:
    """`a / b` when `b` is a single monomial that divides every term of `a`."""
    divisor = list(_terms(b))
    if len(divisor) != 1:
        return None
    (atoms, coefficient) = divisor[0]
    result: dict[Monomial, int] = {}
    for monomial, c in _terms(a):
        left = list(monomial)
        for atom in atoms:
            if atom not in left:
                return None
            left.remove(atom)
        if c % coefficient:
            return None
        result[tuple(left)] = c // coefficient
    return _normal(result)


def symbols(dim: Dim) -> Iterator[Symbol]:
    """Every symbol a dim mentions, also inside divisions, perhaps repeated."""
    if isinstance(dim, Polynomial):
        for monomial, _ in dim.terms:
            for atom in monomial:
                if isinstance(atom, Symbol):
                    yield atom
                else:
                    yield from symbols(atom.numerator)
                    yield from symbols(atom.denominator)


def substitute(dim: Dim, values: Mapping[Symbol, Dim]) -> Dim:
    """The dim with symbols replaced; a symbol replaced by UNKNOWN makes the whole dim UNKNOWN."""
    if not isinstance(dim, Polynomial) or not values:
        return dim
    total: Known = 0
    for monomial, coefficient in dim.terms:
        product: Known = coefficient
        for atom in monomial:
            value = _substitute_atom(atom, values)
            if isinstance(value, Unknown):
                return UNKNOWN
            product = product * value
        total = total + product
    return total


def _substitute_atom(atom: Atom, values: Mapping[Symbol, Dim]) -> Dim:
    if isinstance(atom, Symbol):
        return values.get(atom, of(atom))
    numerator = substitute(atom.numerator, values)
    denominator = substitute(atom.denominator, values)
    if isinstance(numerator, Unknown) or isinstance(denominator, Unknown):
        return UNKNOWN
    divide = floor_divide if isinstance(atom, FloorDiv) else modulo
    return divide(numerator, denominator)


class Verdict(Enum):
    """What can be said about two dims before the run."""

    EQUAL = "equal"
    DIFFERENT = "different"
    OPEN = "open"


def compare(a: Dim, b: Dim) -> Verdict:
    """Equal, provably different (rigid names count as different), or left to a run-time check."""
    if isinstance(a, Unknown) or isinstance(b, Unknown):
        return Verdict.OPEN
    if a == b:
        return Verdict.EQUAL
    difference = a - b
    if isinstance(difference, int):
        return Verdict.DIFFERENT if difference else Verdict.EQUAL
    if all(isinstance(a, Symbol) and a.rigid for m, _ in difference.terms for a in m):
        return Verdict.DIFFERENT
    return Verdict.OPEN  # a division may come out even


def at_least(a: Known, b: Known) -> bool:
    """Whether `a >= b` whatever the symbols are, from 1 up: every term that is missing is made up
    for by one that is a multiple of it."""
    spare: list[tuple[Monomial, int]] = []
    missing: list[tuple[Monomial, int]] = []
    for monomial, coefficient in _terms(a - b):
        (spare if coefficient > 0 else missing).append((monomial, abs(coefficient)))
    for monomial, needed in missing:
        for place, (other, left) in enumerate(spare):
            if needed and not Counter(monomial) - Counter(other):
                used = min(left, needed)
                needed -= used
                spare[place] = (other, left - used)
        if needed:
            return False
    return True


def evaluate(dim: Dim, values: Mapping[Symbol, int]) -> int:
    """The integer a dim stands for; every symbol must have a value."""
    result = substitute(dim, dict(values))
    if not isinstance(result, int):
        raise KeyError(f"no value for {result}")
    return result


def show(dim: Dim) -> str:
    if not isinstance(dim, Polynomial):
        return "?" if isinstance(dim, Unknown) else str(dim)
    parts: list[str] = []
    for monomial, coefficient in dim.terms:
        body = "*".join(repr(a) if isinstance(a, Symbol) else f"({a!r})" for a in monomial)
        size = abs(coefficient)
        text = str(size) if not monomial else body if size == 1 else f"{size}*{body}"
        sign = "-" if coefficient < 0 else "+"
        parts.append(f" {sign} {text}" if parts else f"-{text}" if coefficient < 0 else text)
    return "".join(parts)


def _wrap(dim: Dim) -> str:
    text = show(dim)
    return f"({text})" if " " in text else text


def _terms(dim: Known) -> tuple[tuple[Monomial, int], ...]:
    return dim.terms if isinstance(dim, Polynomial) else (((), dim),) if dim else ()


def _sum(a: Known, b: Known, sign: int) -> Known:
    total = dict(_terms(a))
    for monomial, coefficient in _terms(b):
        total[monomial] = total.get(monomial, 0) + sign * coefficient
    return _normal(total)


def _order(atom: Atom) -> tuple[int, int, str]:
    if isinstance(atom, Symbol):
        return (0, atom.serial, "")
    return (1, 0, repr(atom))


def _normal(terms: dict[Monomial, int]) -> Known:
    kept = {m: c for m, c in terms.items() if c}
    if not kept:
        return 0
    if len(kept) == 1 and () in kept:
        return kept[()]
    key = lambda item: (-len(item[0]), [_order(a) for a in item[0]])  # noqa: E731
    return Polynomial(tuple(sorted(kept.items(), key=key)))
