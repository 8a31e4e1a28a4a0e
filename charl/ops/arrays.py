"""NumPy's .npy and .npz files, and IDX files: numbers with their shape and dtype.

Sources: NumPy Enhancement Proposal 1 and `numpy.lib.format` for .npy; the page of the MNIST
database (LeCun, Cortes, Burges) for IDX. The program says which dtype and rank it wants. Integers
become any dtype they fit into, floats any float dtype; nothing else is converted. Headers are read
here and not by NumPy, so that a damaged file is said to be damaged where it is. Data that runs
short and data left over are both faults.
"""

from __future__ import annotations

import ast
import gzip
import io
import math
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, BinaryIO, TypeVar

import numpy as np

from charl.core.op import Effect, Fault, Kind, Op, Parameter, RuleContext, declare
from charl.diagnostics.suggest import nearest
from charl.ops.declare import value_of
from charl.ops.expect import PATH, expect_count, expect_string, text
from charl.ops.faults import limits
from charl.ops.files import (
    NO_GRADIENT,
    expanded,
    fault_of,
    kind_of,
    read_bytes,
    read_unzipped,
    write_atomically,
)
from charl.types.dtypes import BY_NAME, FLOAT32, DType
from charl.types.types import Tensor, Type, Typed

Array = np.ndarray[Any, Any]
Result = TypeVar("Result")

_NPY = b"\x93NUMPY"
_IDX_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_KINDS = {"O": "Python objects", "S": "byte strings", "U": "strings", "V": "records"}
_KINDS |= {"c": "complex numbers", "M": "dates", "m": "time spans"}


def shape_text(shape: Sequence[int]) -> str:
    return f"[{', '.join(map(str, shape))}]"


# --- .npy ----------------------------------------------------------------------------------------


def broken(path: str, why: str, content: bytes = b"") -> Fault:
    """Fault E0603; the first bytes of the file may tell what it is instead."""
    kind = kind_of(content)
    helps = (f"it looks like {kind}",) if kind is not None else ()
    return Fault("E0603", f"`{path}` {why}", helps=helps)


def npy_header(file: BinaryIO, path: str) -> tuple[tuple[int, ...], np.dtype[Any], bool]:
    """Shape, dtype, and whether columns come first; `file` then stands at the data."""
    start = file.read(8)
    if not start:
        raise Fault("E0610", f"`{path}` is empty")
    if start[:6] != _NPY:
        raise broken(path, "is not a .npy file", start)
    width, layout = (2, "<H") if start[6:7] == b"\x01" else (4, "<I")
    size = file.read(width)
    if len(size) < width:
        raise broken(path, "is truncated: its header is not complete")
    (length,) = struct.unpack(layout, size)
    header = file.read(min(length, 1 << 20))
    if len(header) < length:
        raise broken(path, "is truncated: its header is not complete")
    try:
        fields = ast.literal_eval(header.decode("utf-8").strip())
        shape, order = tuple(fields["shape"]), bool(fields["fortran_order"])
        dtype = np.lib.format.descr_to_dtype(fields["descr"])
        whole = all(isinstance(n, int) and n >= 0 for n in shape)
    except (ValueError, SyntaxError, KeyError, TypeError, MemoryError, RecursionError):
        whole = False
    if not whole:
        raise broken(path, "has a damaged header")
    return shape, dtype, order


def read_npy(file: BinaryIO, path: str) -> Array:
    """The array of a .npy file."""
    shape, dtype, columns_first = npy_header(file, path)
    if dtype.hasobject:
        raise _unsupported(path, dtype)
    return from_bytes(file.read(), shape, dtype, path, "F" if columns_first else "C")


def from_bytes(
    content: bytes, shape: tuple[int, ...], dtype: np.dtype[Any], path: str, order: Any = "C"
) -> Array:
    """An array of exactly these bytes."""
    needed = math.prod(shape) * dtype.itemsize
    if len(content) != needed:
        state = "is truncated" if len(content) < needed else "holds too much"
        why = f"{state}: its shape {shape_text(shape)} needs {needed} bytes of data"
        raise broken(path, f"{why}, but there are {len(content)}")
    return np.frombuffer(content, dtype).reshape(shape, order=order)


def write_npy(file: Any, value: Any) -> None:
    """A value of the interpreter as .npy; bfloat16, which NumPy has no name for, as float32."""
    array = np.asarray(value)
    if array.dtype.name == "bfloat16":
        array = array.astype(np.float32)
    np.lib.format.write_array(file, array, allow_pickle=False)


# --- .npz ----------------------------------------------------------------------------------------


def read_npz(path: str, key: str) -> Array:
    """One array of a .npz file. Faults: E0601, E0602, E0603, E0606, E0607, E0610."""
    return _from_npz(path, key, read_npy)


def npz_shape(path: str, key: str) -> tuple[int, ...]:
    return _from_npz(path, key, lambda file, path: npy_header(file, path)[0])


def _from_npz(path: str, key: str, read: Callable[[Any, str], Result]) -> Result:
    """What `read` makes of the .npy file of one array; the others are not touched."""
    import zipfile  # 10 ms to load: only programs that read archives pay for it

    try:
        with open(expanded(path), "rb") as file:
            start = file.read(8)
            if not start:
                raise Fault("E0610", f"`{path}` is empty")
            if not start.startswith(b"PK"):
                raise broken(path, "is not a .npz file", start)
            with zipfile.ZipFile(file) as archive:
                names = [n.removesuffix(".npy") for n in archive.namelist()]
                if key not in names:
                    raise missing(path, key, names)
                with archive.open(archive.infolist()[names.index(key)]) as entry:
                    return read(entry, path)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError):
        raise broken(path, "is a damaged or truncated .npz file") from None
    except (OSError, ValueError) as error:
        raise fault_of(error, path, "read") from None


def missing(path: str, key: str, names: Sequence[str]) -> Fault:
    similar = nearest(key, names)
    shown = ", ".join(f"`{n}`" for n in names[:20]) + (", ..." if len(names) > 20 else "")
    helps = (f"did you mean `{similar}`?",) if similar is not None else ()
    notes = (f"it holds {shown}",) if names else ("it holds nothing",)
    return Fault("E0607", f"`{path}` holds no tensor `{key}`", helps=helps, notes=notes)


# --- IDX -----------------------------------------------------------------------------------------


def idx_header(content: bytes, path: str) -> tuple[tuple[int, ...], np.dtype[Any], int]:
    """Shape, dtype, and where the data begins."""
    if not content:
        raise Fault("E0610", f"`{path}` is empty")
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in _IDX_DTYPES:
        raise broken(path, "is not an IDX file", content)
    rank = content[3]
    start = 4 + 4 * rank
    if len(content) < start:
        raise broken(path, "is truncated: its header is not complete")
    return struct.unpack(f">{rank}I", content[4:start]), np.dtype(_IDX_DTYPES[content[2]]), start


def idx_shape(path: str) -> tuple[int, ...]:
    """The shape, from the header alone."""
    with open(expanded(path), "rb") as file:
        start = file.read(1024)
    if start.startswith(b"\x1f\x8b"):
        with gzip.open(expanded(path)) as unzipped:
            start = unzipped.read(1024)
    return idx_header(start, path)[0]


def read_idx(path: str) -> Array:
    content = read_unzipped(path)
    shape, dtype, start = idx_header(content, path)
    return from_bytes(content[start:], shape, dtype, path)


# --- From a file's dtype to the program's --------------------------------------------------------


def _unsupported(path: str, dtype: np.dtype[Any]) -> Fault:
    kind = _KINDS.get(dtype.kind, str(dtype))
    return Fault("E0606", f"`{path}` holds {kind}, not numbers")


def as_value(array: Array, dtype: DType, rank: int, path: str) -> Any:
    """What a file holds as a value of the program's dtype and rank. Fault: E0606."""
    found = BY_NAME.get(array.dtype.name)
    if array.dtype.kind not in "biuf" and found is None:
        raise _unsupported(path, array.dtype)
    if array.ndim != rank:
        raise Fault(
            "E0606",
            f"`{path}` has the shape {shape_text(array.shape)} of rank {array.ndim}, "
            f"but rank {rank} is asked for",
            helps=(f"read it with `rank: {array.ndim}`",),
        )
    if dtype.is_float:
        with np.errstate(over="ignore"):
            return value_of(np.array(array, dtype.numpy, order="C"))
    if array.dtype.kind == "f" or (found is not None and found.is_float):
        raise Fault(
            "E0606",
            f"`{path}` holds {array.dtype.name}, but {dtype} is asked for",
            helps=(f"read floats, and convert them: `round(x) as {dtype}`",),
        )
    low, high = limits(dtype) if dtype.is_int else (0, 1)
    if array.size and not (low <= int(array.min()) and int(array.max()) <= high):
        outside = int(array.min()) if int(array.min()) < low else int(array.max())
        raise Fault("E0606", f"`{path}` holds {outside}, which does not fit into {dtype}")
    return value_of(np.array(array, dtype.numpy, order="C"))


# --- Declarations --------------------------------------------------------------------------------

DTYPE = Parameter("dtype", Kind.DTYPE, default=FLOAT32)
RANK = Parameter("rank", Kind.INTEGER, default=None)


def array_type(ctx: RuleContext, attributes: Mapping[str, Any]) -> Tensor:
    """The type of what is read: sizes are known only when the program runs."""
    rank = attributes.get("rank")
    if rank is None:
        ctx.fail("the rank of this file is not known: say it, as in `rank: 2`")
    if not 0 <= rank <= 32:
        ctx.fail(f"{rank} is not a rank")
    sizes = (ctx.unknown(f"n{axis}") for axis in range(rank))
    return Tensor(attributes.get("dtype", FLOAT32), tuple(sizes))


def _load_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Mapping[str, Any]
) -> tuple[Type, ...]:
    for position in range(len(operands)):
        expect_string(ctx, operands, position)
    return (array_type(ctx, attributes),)


def _load_npy(path: str, *, dtype: DType = FLOAT32, rank: int) -> Any:
    return as_value(read_npy(io.BytesIO(read_bytes(path)), path), dtype, rank, path)


def _load_npz(path: str, key: str, *, dtype: DType = FLOAT32, rank: int) -> Any:
    return as_value(read_npz(path, key), dtype, rank, path)


def _load_idx(path: str, *, dtype: DType = FLOAT32, rank: int) -> Any:
    return as_value(read_idx(path), dtype, rank, path)


def _save_npy_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Mapping[str, Any]
) -> tuple[Type, ...]:
    expect_count(ctx, operands, 2)
    expect_string(ctx, operands, 0)
    if not isinstance(operands[1].type, Tensor):
        ctx.fail(f"a tensor is expected here, but this is {operands[1].type}", (1,))
    return ()


def _save_npy(path: str, value: Any) -> tuple[()]:
    write_atomically(path, lambda file: write_npy(file, value))
    return ()


def _loader(name: str, doc: str, parameters: Sequence[Parameter], evaluate: Any) -> Op:
    return declare(
        Op(
            name,
            doc,
            (*parameters, DTYPE, RANK),
            _load_rule,
            evaluate,
            no_gradient=NO_GRADIENT,
            surface=name,
            effect=Effect.EFFECT,
        )
    )


_loader("load_npy", "The array of a .npy file.", (PATH,), _load_npy)
_loader("load_npz", "One array of a .npz file.", (PATH, text("key")), _load_npz)
_loader(
    "load_idx",
    "The array of an IDX file (the format of MNIST), which may be gzip.",
    (PATH,),
    _load_idx,
)
declare(
    Op(
        "save_npy",
        "Writes a tensor to a .npy file; bfloat16 as float32.",
        (PATH, Parameter("x", dtype="any")),
        _save_npy_rule,
        _save_npy,
        no_gradient=NO_GRADIENT,
        surface="save_npy",
        effect=Effect.EFFECT,
    )
)
