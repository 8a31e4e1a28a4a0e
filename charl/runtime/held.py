"""What a program that runs out of memory holds: its largest tensors, and where it made them.

Every block of native memory knows the site that made it (`native/memory.c`); the statement of the
site tells the type, and the bytes of the block the size that the type leaves open.
"""

from __future__ import annotations

import ctypes
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from charl.core.places import quoted, span_of_result
from charl.interp.held import ARGUMENT, Held, told
from charl.runtime.library import library
from charl.source import Source, Span
from charl.types import types
from charl.types.dims import Dim
from charl.types.types import Tensor

if TYPE_CHECKING:
    from charl.backend.llvm.module import Site

LOOKED_AT = 1000  # the largest


def held(sites: Sequence[Site], source: Source | None) -> tuple[str, ...]:
    """A note about the largest tensors in use; `source` is the file that the user looks at."""
    words = (ctypes.c_int64 * (2 * LOOKED_AT))()
    count = library().charl_largest_tensors(words, LOOKED_AT)
    found = Counter((words[2 * n], words[2 * n + 1]) for n in range(count))
    tensors: Counter[Held] = Counter()
    for (number, size), times in found.items():
        tensors[described(sites, number, size, source)] += times
    return told(tensors, library().charl_tensors_now())


def described(sites: Sequence[Site], number: int, size: int, source: Source | None) -> Held:
    """What the user is told of a tensor of so many bytes that a site made."""
    if number < 0 or sites[number].statement is None:
        return Held(size, "", ARGUMENT)
    type, span = made_at(sites[number], size)
    return Held(size, "" if type is None else types.show(type), quoted(span, source))


def made_at(site: Site, size: int) -> tuple[Tensor | None, Span | None]:
    """The type and the place of the tensor of so many bytes that a site makes; no type where it is
    none of the results."""
    statement = site.statement
    assert statement is not None
    for position, value in enumerate(statement.results):
        if isinstance(value.type, Tensor) and value.rank:
            shape = filled(value.shape, size // (value.dtype.bits // 8))
            if shape is not None:
                return Tensor(value.dtype, shape), span_of_result(statement, position)
    return None, statement.span


def filled(shape: Sequence[Dim], elements: int) -> tuple[Dim, ...] | None:
    """The shape with the one size that only the run knows, if it is one; None where it is not the
    shape of so many elements."""
    known = 1
    for size in shape:
        known *= size if isinstance(size, int) else 1
    unknown = [place for place, size in enumerate(shape) if not isinstance(size, int)]
    if known == 0 or elements % known or (not unknown and elements != known):
        return None
    if len(unknown) != 1:
        return tuple(shape)
    return tuple(elements // known if place in unknown else n for place, n in enumerate(shape))
