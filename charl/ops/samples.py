"""Sample operands for the declarations: the same numbers on every run and machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from charl.core.op import Kind, Op, Sample
from charl.types import dtypes as charl_dtypes
from charl.types import types
from charl.types.types import Tensor, Type

Array = np.ndarray[Any, Any]
INF, NAN = float("inf"), float("nan")


def draw(*shape: int, low: float = -2.0, high: float = 2.0, dtype: str = "float64") -> Array:
    """Distinct numbers between low and high in no order, the same ones for the same shape."""
    generator = np.random.Generator(np.random.PCG64([len(shape), *shape]))
    count = int(np.prod(shape, dtype=np.int64))
    steps = (np.arange(count) + 0.5) / max(count, 1)
    return (low + (high - low) * generator.permutation(steps)).reshape(shape).astype(dtype)


def whole(*shape: int, low: int = -5, high: int = 6, dtype: str = "int64") -> Array:
    """Integers with low <= n < high."""
    generator = np.random.Generator(np.random.PCG64([len(shape), *shape]))
    return generator.integers(low, high, shape).astype(dtype)


def bits(*shape: int) -> Array:
    return whole(*shape, low=0, high=2).astype(bool)


def transposed(array: Array) -> Array:
    """The same numbers in the same places, columns first in memory."""
    return np.ascontiguousarray(array.T).T


def sliced(array: Array) -> Array:
    """The same numbers in the same places, as every second row of something larger."""
    wide = np.zeros((2 * array.shape[0], *array.shape[1:]), array.dtype)
    wide[::2] = array
    return wide[::2]


def sample(*operands: Any, smooth: bool = True, **attributes: Any) -> Sample:
    return Sample(operands, attributes, smooth)


def edge(*operands: Any, **attributes: Any) -> Sample:
    """A sample where nobody should ask for a derivative."""
    return Sample(operands, attributes, False)


def unary(low: float, high: float, *edges: float) -> Callable[[], Sequence[Sample]]:
    """Samples of an elementwise function of one float, smooth between low and high."""

    def samples() -> Sequence[Sample]:
        x = draw(3, 4, low=low, high=high)
        return (
            sample(draw(7, low=low, high=high)),
            sample(x[0, 0].item()),
            sample(np.float32(x[0, 1])),
            sample(transposed(x)),
            sample(sliced(x)),
            sample(x[:0]),
            sample(x[:1, :1]),
            edge(x.astype("float32")),
            edge(x.astype("float16")),
            edge(np.array([INF, -INF, NAN, 0.0, -0.0, 1.0, -1.0, 1e300, 1e-300, *edges])),
            edge(np.array([INF, -INF, NAN, 0.0, -0.0, 1.0, -1.0, 1e30, 1e-30], "float32")),
            *(edge(e) for e in (INF, -INF, NAN, 0.0, -0.0, 1.0, -1.0, 1e300, *edges)),
        )

    return samples


def binary(
    low: float = -2.0, high: float = 2.0, low2: float | None = None, high2: float | None = None
) -> Callable[[], Sequence[Sample]]:
    """Samples of an elementwise function of two floats, scalars stretched too."""
    low2 = low if low2 is None else low2
    high2 = high if high2 is None else high2

    def samples() -> Sequence[Sample]:
        x = draw(3, 4, low=low, high=high)
        y = draw(4, 3, low=low2, high=high2).T
        special = np.array([INF, -INF, NAN, 0.0, -0.0, 1.0, -1.0, 0.5, 1e30])
        left, right = (m.ravel() for m in np.meshgrid(special, special))
        return (
            sample(x, y),
            sample(x[0, 0].item(), y[0, 1].item()),
            sample(x, y[0, 0].item()),
            sample(x[0, 1].item(), y),
            sample(sliced(x), y[:, :4]),
            sample(x[:, :0], y[:, :0]),
            sample(x[:1], y[:1]),
            edge(np.float32(x[0, 2]), np.float32(y[1, 0])),
            edge(x.astype("float32"), y.astype("float32")),
            edge(x.astype("float32"), np.float32(y[0, 0])),
            edge(left, right),
            edge(left.astype("float32"), right.astype("float32")),
            *(edge(a, b) for a in (0.0, -1.0, INF, NAN) for b in (0.0, -2.0, INF, NAN)),
        )

    return samples


def integers(
    low2: int = -5, high2: int = 6, *, dtypes: Sequence[str] = ("int64", "int32", "int8")
) -> Sequence[Sample]:
    """Samples of an elementwise function of two integers; no zero among the second."""
    both: list[Sample] = []
    for dtype in dtypes:
        x, y = whole(3, 4, dtype=dtype), whole(4, 3, low=low2, high=high2, dtype=dtype).T
        y = np.where(y == 0, np.array(2, dtype), y)
        limits = np.iinfo(dtype)
        extreme = np.array([limits.min, limits.max, limits.min, limits.max], dtype)
        ones = np.array([1, 1, 2, 2], dtype)
        both += [edge(x, y), edge(x[:0], y[:0]), edge(x, 3), edge(extreme, ones)]
    return (*both, edge(7, 2), edge(-7, 2))


def types_of(op: Op, sample: Sample) -> list[Type]:
    """The Core types of a sample's operands. A Python int is int64, unless it shares its dtype with
    an array among the operands."""
    parameters = [p for p in op.parameters if not p.kind.is_attribute]
    shared: dict[str, Any] = {}
    letters = []
    for position, value in enumerate(sample.operands):
        parameter = parameters[min(position, len(parameters) - 1)]
        tensor = parameter.kind in (Kind.TENSOR, Kind.TENSORS)
        letter = parameter.dtype.partition(":")[0] if tensor and ":" in parameter.dtype else ""
        letters.append(letter)
        if letter and isinstance(value, np.ndarray):
            shared.setdefault(letter, charl_dtypes.BY_NAME[value.dtype.name])
    return [
        Tensor(shared[letter]) if type(v) is int and letter in shared else type_of(v)
        for v, letter in zip(sample.operands, letters)
    ]


def type_of(value: Any) -> Type:
    """The Core type of a value of the interpreter; Python ints are int64."""
    match value:
        case bool():
            return types.BOOL
        case int():
            return types.INT
        case float():
            return types.FLOAT
        case str():
            return types.STRING
        case list():
            return types.List(type_of(value[0]) if value else types.INT)
    return Tensor(charl_dtypes.BY_NAME[value.dtype.name], value.shape)
