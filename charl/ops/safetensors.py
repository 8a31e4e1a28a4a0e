"""The safetensors format: named tensors in one file, without anything that could run.

    uint64 (little endian) length of the header
    header, JSON: {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ...}
    the bytes of the tensors, little endian, offsets counted from here

Source: the format as described at https://github.com/huggingface/safetensors (README, "Format").
A reader takes only the tensor it wants from the disk. JSON is loaded with the first file, not by
every program.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np

from charl.core.op import Fault
from charl.ops.arrays import broken, from_bytes, missing
from charl.types.dtypes import BFLOAT16

Array = np.ndarray[Any, Any]
Header = Mapping[str, Mapping[str, Any]]

_DTYPES = {"bool": "BOOL", "int8": "I8", "int16": "I16", "int32": "I32", "int64": "I64"}
_DTYPES |= {"float16": "F16", "bfloat16": "BF16", "float32": "F32", "float64": "F64"}
_DTYPES |= {"uint8": "U8", "uint16": "U16", "uint32": "U32", "uint64": "U64"}
_NAMES = {code: name for name, code in _DTYPES.items()}
_LONGEST_HEADER = 100_000_000


def write_safetensors(file: BinaryIO, tensors: Mapping[str, Array]) -> None:
    import json

    header: dict[str, Any] = {}
    start = 0
    for name, array in tensors.items():
        stop = start + array.nbytes
        header[name] = {
            "dtype": _DTYPES[array.dtype.name],
            "shape": list(array.shape),
            "data_offsets": [start, stop],
        }
        start = stop
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    text += b" " * (-len(text) % 8)  # the data begins at a multiple of 8
    file.write(struct.pack("<Q", len(text)) + text)
    for array in tensors.values():
        little = array.astype(array.dtype.newbyteorder("<"), copy=False)
        file.write(np.ascontiguousarray(little).tobytes())


def read_header(file: BinaryIO, path: str) -> Header:
    """The header by name; `file` then stands at the data. Faults: E0603, E0610."""
    import json

    start = file.read(8)
    if not start:
        raise Fault("E0610", f"`{path}` is empty")
    (length,) = struct.unpack("<Q", start) if len(start) == 8 else (0,)
    if not 2 <= length <= _LONGEST_HEADER:
        raise broken(path, "is not a safetensors file", start)
    text = file.read(length)
    if len(text) < length:
        raise broken(path, "is truncated: its header is not complete", start)
    try:
        header = json.loads(text)
    except (ValueError, RecursionError):
        raise broken(path, "is not a safetensors file", start) from None
    if not isinstance(header, dict):
        raise broken(path, "is not a safetensors file", start)
    header.pop("__metadata__", None)
    return header


def header_shape(header: Header, name: str, path: str) -> tuple[int, ...]:
    return _entry(header, name, path)[1]


def read_safetensor(file: BinaryIO, path: str, name: str) -> Array:
    """One tensor. Faults: E0603, E0606, E0607."""
    header = read_header(file, path)
    code, shape, start, stop = _entry(header, name, path)
    if code not in _NAMES:
        raise Fault("E0606", f"`{name}` in `{path}` holds {code}, a dtype Charl does not have")
    dtype = BFLOAT16.numpy if code == "BF16" else np.dtype(_NAMES[code]).newbyteorder("<")
    if stop - start != math.prod(shape) * dtype.itemsize:
        raise broken(path, f"has a damaged header where it tells of `{name}`")
    file.seek(start, 1)
    return from_bytes(file.read(stop - start), shape, dtype, path)


def _entry(header: Header, name: str, path: str) -> tuple[str, tuple[int, ...], int, int]:
    if name not in header:
        raise missing(path, name, list(header))
    try:
        fields = header[name]
        start, stop = fields["data_offsets"]
        shape = tuple(fields["shape"])
        if all(isinstance(n, int) and n >= 0 for n in (start, stop - start, *shape)):
            return fields["dtype"], shape, start, stop
    except (KeyError, TypeError, ValueError):
        pass
    raise broken(path, f"has a damaged header where it tells of `{name}`")
