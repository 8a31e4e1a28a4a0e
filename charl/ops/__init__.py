"""The primitives: importing this package fills `charl.core.op.REGISTRY`, one module per family."""

from charl.core import control
from charl.ops import (
    arithmetic,
    compare,
    contract,
    cumulative,
    elementwise,
    factor,
    index,
    linalg,
    reduce,
    shape,
    sort,
    special,
)

__all__ = [
    "arithmetic",
    "compare",
    "contract",
    "control",
    "cumulative",
    "elementwise",
    "factor",
    "index",
    "linalg",
    "reduce",
    "shape",
    "sort",
    "special",
]
