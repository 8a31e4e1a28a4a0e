"""Saved models: named tensors in one file, NumPy's .npz, or safetensors where the name ends so.

The names are those of a model's fields (`layers.0.weight`). A tensor that is missing or has another
shape than the model's is fault E0607, which says what the file holds.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

import numpy as np

from charl.core.op import Effect, Fault, Kind, Op, Parameter, RuleContext, declare
from charl.ops.arrays import (
    DTYPE,
    RANK,
    array_type,
    as_value,
    npz_shape,
    read_npz,
    shape_text,
    write_npy,
)
from charl.ops.expect import PATH, expect_int, expect_string
from charl.ops.files import NO_GRADIENT, expanded, fault_of, write_atomically
from charl.ops.safetensors import header_shape, read_header, read_safetensor, write_safetensors
from charl.types.dims import Unknown
from charl.types.dtypes import FLOAT32, DType
from charl.types.types import Tensor, Type, Typed

Array = np.ndarray[Any, Any]


def _is_safetensors(path: str) -> bool:
    return path.endswith(".safetensors")


# --- Writing -------------------------------------------------------------------------------------


def _save_tensors(path: str, *tensors: Any, names: Sequence[str]) -> tuple[()]:
    arrays = {name: np.asarray(tensor) for name, tensor in zip(names, tensors, strict=True)}
    write = write_safetensors if _is_safetensors(path) else _write_npz
    write_atomically(path, lambda file: write(file, arrays))
    return ()


def _write_npz(file: BinaryIO, arrays: Mapping[str, Array]) -> None:
    """Like numpy.savez, but for any names, and the same bytes on every run."""
    import zipfile  # 10 ms to load: only programs that write archives pay for it

    with zipfile.ZipFile(file, "w", allowZip64=True) as archive:
        for name, array in arrays.items():
            content = io.BytesIO()
            write_npy(content, array)
            archive.writestr(zipfile.ZipInfo(name + ".npy"), content.getvalue())


# --- Reading -------------------------------------------------------------------------------------


def _load_tensor(
    path: str, *sizes: int, name: str, dtype: DType = FLOAT32, rank: int | None = None
) -> Any:
    if _is_safetensors(path):
        with _open(path) as file:
            array = read_safetensor(file, path, name)
    else:
        array = read_npz(path, name)
    if array.ndim != rank if rank and not sizes else array.shape != sizes:
        expected = f"one of rank {rank}" if rank and not sizes else shape_text(sizes)
        raise Fault(
            "E0607",
            f"`{name}` in `{path}` has the shape {shape_text(array.shape)}, "
            f"but the model's is {expected}",
            helps=("the file was saved from a model of other sizes",),
        )
    return as_value(array, dtype, array.ndim, f"{path}: {name}")


def _open(path: str) -> BinaryIO:
    try:
        return open(expanded(path), "rb")
    except (OSError, ValueError) as error:
        raise fault_of(error, path, "read") from None


def saved_shape(path: str, name: str) -> tuple[int, ...]:
    """The shape of one tensor of a saved model."""
    if _is_safetensors(path):
        with _open(path) as file:
            return header_shape(read_header(file, path), name, path)
    return npz_shape(path, name)


# --- Declarations --------------------------------------------------------------------------------


def _save_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Mapping[str, Any]
) -> tuple[Type, ...]:
    expect_string(ctx, operands, 0)
    names = attributes["names"]
    if len(names) != len(operands) - 1:
        ctx.fail(f"{len(operands) - 1} tensors need as many names, but there are {len(names)}")
    for name in names:
        if names.count(name) > 1:
            ctx.fail(f"two tensors have the name `{name}`")
    for position, operand in enumerate(operands[1:], 1):
        if not isinstance(operand.type, Tensor):
            ctx.fail(f"a tensor is expected here, but this is {operand.type}", (position,))
    return ()


def _load_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Mapping[str, Any]
) -> tuple[Type, ...]:
    expect_string(ctx, operands, 0)
    sizes = operands[1:]
    for position in range(1, len(operands)):
        expect_int(ctx, operands, position)
    if not sizes:
        return (array_type(ctx, {"rank": 0, **attributes}),)
    if attributes.get("rank", len(sizes)) not in (None, len(sizes)):
        ctx.fail(f"{len(sizes)} sizes are not of rank {attributes['rank']}")
    shape = tuple(
        ctx.unknown("n") if s.dim is None or isinstance(s.dim, Unknown) else s.dim for s in sizes
    )
    return (Tensor(attributes.get("dtype", FLOAT32), shape),)


declare(
    Op(
        "save_tensors",
        "Writes named tensors to a .npz or .safetensors file; `names` holds one name for each.",
        (PATH, Parameter("tensors", Kind.TENSORS, "any")),
        _save_rule,
        _save_tensors,
        no_gradient=NO_GRADIENT,
        effect=Effect.EFFECT,
    )
)
declare(
    Op(
        "load_tensor",
        "One tensor of a .npz or .safetensors file. With sizes its shape must be these, "
        "with `rank` alone it may have any sizes; with neither it is a scalar.",
        (
            PATH,
            Parameter("sizes", Kind.DIMS, default=()),
            Parameter("name", Kind.TEXT),
            DTYPE,
            RANK,
        ),
        _load_rule,
        _load_tensor,
        no_gradient=NO_GRADIENT,
        surface="load_tensor",
        effect=Effect.EFFECT,
    )
)
