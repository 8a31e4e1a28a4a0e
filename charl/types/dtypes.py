"""Element types of tensors and scalars.

`int` means int64 and `float` float64. bfloat16 is NumPy's by way of `ml_dtypes`, imported only
when a program uses it.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from charl.records import record


@record(eq=False)
class DType:
    """`kind` is one of `bool`, `int`, `float`; `bits` is the width of one element. Those below are
    all there are."""

    name: str
    kind: str
    bits: int

    @property
    def numpy(self) -> np.dtype[Any]:
        return _numpy(self.name)

    @property
    def is_float(self) -> bool:
        return self.kind == "float"

    @property
    def is_int(self) -> bool:
        return self.kind == "int"

    @property
    def is_number(self) -> bool:
        return self.kind != "bool"

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return self.name


@cache
def _numpy(name: str) -> np.dtype[Any]:
    if name == "bfloat16":
        import ml_dtypes  # only programs that use bfloat16 pay for it

        bfloat16: np.dtype[Any] = np.dtype(ml_dtypes.bfloat16)
        return bfloat16
    return np.dtype(name)


BOOL = DType("bool", "bool", 8)
INT8, INT16, INT32, INT64 = (DType(f"int{n}", "int", n) for n in (8, 16, 32, 64))
FLOAT16, FLOAT32, FLOAT64 = (DType(f"float{n}", "float", n) for n in (16, 32, 64))
BFLOAT16 = DType("bfloat16", "float", 16)

ALL = (BOOL, INT8, INT16, INT32, INT64, FLOAT16, BFLOAT16, FLOAT32, FLOAT64)
BY_NAME = {dtype.name: dtype for dtype in ALL} | {"int": INT64, "float": FLOAT64}
