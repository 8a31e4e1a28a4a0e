"""The shapes of files that are there when a program is checked.

`load_csv("iris.csv")` with a literal path gives the checker an exact shape. Only headers are read,
of a CSV file its rows are counted. A file that is missing or broken has no shape here: the run says
what is wrong with it, at the line that reads it.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Mapping
from typing import Any

from charl.core.op import Fault
from charl.ops.arrays import idx_shape, npy_header, npz_shape
from charl.ops.files import expanded
from charl.ops.saved import saved_shape
from charl.ops.tables import table_shape

# A larger CSV file takes too long to count while a program is only checked.
LARGEST = 64 << 20

Attributes = Mapping[str, Any]


def _csv(path: str, attributes: Attributes) -> tuple[int, ...]:
    header, delimiter = attributes.get("header", "auto"), attributes.get("delimiter", ",")
    return table_shape(path, header, delimiter, attributes.get("columns", ()))


def _npy(path: str, attributes: Attributes) -> tuple[int, ...]:
    with open(expanded(path), "rb") as file:
        return npy_header(file, path)[0]


def _npz(path: str, attributes: Attributes) -> tuple[int, ...]:
    return npz_shape(path, attributes["key"])


def _idx(path: str, attributes: Attributes) -> tuple[int, ...]:
    return idx_shape(path)


def _tensor(path: str, attributes: Attributes) -> tuple[int, ...]:
    return saved_shape(path, attributes["name"])


_PROVIDERS: dict[str, Callable[[str, Attributes], tuple[int, ...]]] = {
    "load_csv": _csv,
    "load_npy": _npy,
    "load_npz": _npz,
    "load_idx": _idx,
    "load_tensor": _tensor,
}


def shape_of_file(op_name: str, path: str, attributes: Attributes) -> tuple[int, ...] | None:
    """The shape `op_name` will read from `path`; None when that cannot be known now.

    `attributes` are those of the op, and for `load_npz` the literal `key`.
    """
    provider = _PROVIDERS.get(op_name)
    if provider is None:
        return None
    try:
        if not os.path.isfile(expanded(path)):
            return None
        if op_name == "load_csv" and os.path.getsize(expanded(path)) > LARGEST:
            return None
        return provider(path, attributes)
    except (Fault, OSError, EOFError, ValueError, KeyError, zlib.error):
        return None
