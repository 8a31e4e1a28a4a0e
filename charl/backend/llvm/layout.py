"""How values of Core are laid out in native code.

    in registers    a scalar is itself, a tensor a pointer to its elements and its sizes (those that
                    are constants are written as such), anything else a pointer to an object
    in a slot       eight bytes a word: a scalar takes one; a tensor its pointer, then its sizes;
                    anything else its pointer. Operands and results cross to the host in slots.

Elements lie in row-major order without gaps. What a pointer points to is counted: see
`runtime/native/memory.c`.
"""

from __future__ import annotations

from collections.abc import Sequence

from charl.backend.llvm.text import scalar_type
from charl.records import record
from charl.types.dtypes import DType
from charl.types.types import Tensor, Type


@record
class Held:
    """A value in registers. `text` is its name or literal, a pointer where it is no scalar;
    `sizes` are a tensor's, one for each axis, each a name or a literal."""

    text: str
    sizes: tuple[str, ...] = ()


def rank(type: Type) -> int:
    return len(type.shape) if isinstance(type, Tensor) else 0


def dtype_of(type: Type) -> DType:
    assert isinstance(type, Tensor) and isinstance(type.dtype, DType)
    return type.dtype


def register_types(type: Type) -> list[str]:
    """The types of the registers that hold a value: constant sizes need none."""
    if isinstance(type, Tensor):
        if not type.shape:
            return [scalar_type(dtype_of(type))]
        return ["ptr", *("i64" for n in type.shape if not isinstance(n, int))]
    return ["ptr"]


def registers(held: Held, type: Type) -> list[str]:
    """The registers of a value, in the order of `register_types`."""
    if isinstance(type, Tensor) and type.shape:
        sizes = [s for s, n in zip(held.sizes, type.shape) if not isinstance(n, int)]
        return [held.text, *sizes]
    return [held.text]


def held_in(names: Sequence[str], type: Type) -> Held:
    """The value that these registers hold."""
    text, *rest = names
    if not isinstance(type, Tensor):
        return Held(text)
    sizes = iter(rest)
    return Held(text, tuple(str(n) if isinstance(n, int) else next(sizes) for n in type.shape))


def words(type: Type) -> int:
    """The words of a slot."""
    return 1 + rank(type)
