"""What type rules refuse and demand, in the words a user reads."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NoReturn

import pytest

import charl.ops
from charl.core.op import REGISTRY
from charl.types import dims
from charl.types.dims import Dim, symbol
from charl.types.dtypes import BOOL, FLOAT32, FLOAT64, INT64, DType
from charl.types.types import INT, Tensor, Type

assert charl.ops


@dataclass
class Operand:
    type: Type
    dim: Dim | None = None


class Refused(Exception):
    pass


@dataclass
class Context:
    """A rule context that remembers what was demanded."""

    demanded: list[tuple[Dim, Dim, str]] = field(default_factory=list)

    def equal(self, left: Dim, right: Dim, why: str, operands: tuple[int, ...] = ()) -> Dim:
        if dims.compare(left, right) is dims.Verdict.DIFFERENT:
            raise Refused(f"{why}, but {dims.show(left)} and {dims.show(right)} differ")
        if dims.compare(left, right) is dims.Verdict.OPEN:
            self.demanded.append((left, right, why))
        return left

    def fail(self, why: str, operands: tuple[int, ...] = (), help: str = "") -> NoReturn:
        raise Refused(why)

    def unknown(self, name: str) -> Dim:
        return symbol(name)


def f(*shape: Dim, dtype: DType = FLOAT32) -> Operand:
    return Operand(Tensor(dtype, shape))


def n(size: Dim) -> Operand:
    return Operand(INT, size)


def result(name: str, *operands: Operand, **attributes: Any) -> Type:
    return REGISTRY[name].rule(Context(), operands, attributes)[0]


REFUSED: list[Any] = [
    ("add", (f(3), f(4)), {}, "`+` needs operands of one shape, but 3 and 4 differ"),
    ("add", (f(3), f(3, 3)), {}, "`+` needs operands of one shape"),
    ("add", (f(3), f(3, dtype=FLOAT64)), {}, "`+` needs operands of one dtype"),
    ("add", (f(3, dtype=BOOL), f(3, dtype=BOOL)), {}, "`+` works on numbers, not on bool"),
    ("div", (f(3, dtype=INT64), f(3, dtype=INT64)), {}, "`/` works on floats, not on int64"),
    ("select", (f(3), f(3), f(3)), {}, "`where` works on booleans, not on float32"),
    ("reduce_sum", (f(3, dtype=BOOL),), {}, "`sum` works on numbers, not on bool"),
    ("reduce_sum", (f(3, 4),), {"axis": (2,)}, "axis 2 does not exist: the tensor has axes 0 to 1"),
    ("reduce_sum", (f(3, 4),), {"axis": (0, -2)}, "an axis is reduced twice"),
    ("transpose", (f(3, 4),), {"permutation": (0, 0)}, "a permutation of 2 axes names each"),
    ("reshape", (f(3, 4), n(5)), {}, "need the same number of elements, but 12 and 5 differ"),
    ("concat", (f(2, 3), f(2, 4)), {"axis": 0}, "needs axis 1 to be equal, but 3 and 4 differ"),
    ("stack", (f(2), f(3)), {"axis": 0}, "`stack` needs tensors of one shape"),
    ("matmul", (f(2, 3), f(4, 5)), {}, "as many as the rows of the right one, but 3 and 4 differ"),
    ("matmul", (f(3), f(3, 5)), {}, "needs two matrices"),
    ("index", (f(3), n(0), n(0)), {}, "a tensor of rank 1 cannot take 2 indices"),
    ("conv", (f(8, 3, 9, 9), f(4, 2, 3, 3)), {}, "as many input channels as the images have"),
    ("conv", (f(8, 3), f(4, 3)), {}, "works on [batch, channels, ...]"),
    ("conv", (f(8, 3, 2, 2), f(4, 3, 3, 3)), {}, "a window of 3 is larger than axis 2"),
    ("window_max", (f(8, 3, 9),), {"window": (2,), "padding": (2,)}, "could fill a whole window"),
    ("solve", (f(3, 4), f(3)), {}, "needs a square matrix, but 3 and 4 differ"),
    ("cholesky", (f(3),), {}, "needs a matrix"),
    ("categorical", (f(),), {}, "draws along the last axis"),
]


@pytest.mark.parametrize("name, operands, attributes, message", REFUSED)
def test_refuses(name: str, operands: Any, attributes: Any, message: str) -> None:
    with pytest.raises(Refused) as caught:
        REGISTRY[name].rule(Context(), operands, attributes)
    assert message in str(caught.value)


B, C, H = symbol("B"), symbol("C"), symbol("H")


class TestSymbols:
    def test_sizes_stay_symbolic(self) -> None:
        assert result("add", f(B, 3), f(B, 3)) == Tensor(FLOAT32, (B, 3))
        assert result("matmul", f(B, 3), f(3, C)) == Tensor(FLOAT32, (B, C))
        assert result("reduce_sum", f(B, C), axis=(0,)) == Tensor(FLOAT32, (C,))
        assert result("concat", f(B, 3), f(C, 3), axis=0) == Tensor(FLOAT32, (B + C, 3))
        assert result("reshape", f(B, 4), n(4 * B)) == Tensor(FLOAT32, (4 * B,))
        assert result("pad", f(B), f(), n(1), n(C)) == Tensor(FLOAT32, (B + C + 1,))

    def test_convolution_computes_with_sizes(self) -> None:
        found = result("conv", f(B, 3, H, 9), f(4, 3, 3, 3), strides=(2,), padding=(1,))
        assert found == Tensor(FLOAT32, (B, 4, (H - 1) // 2 + 1, 5))

    def test_what_is_open_is_demanded(self) -> None:
        context = Context()
        REGISTRY["matmul"].rule(context, (f(2, B), f(C, 5)), {})
        assert [(left, right) for left, right, _ in context.demanded] == [(B, C)]

    def test_equal_sizes_demand_nothing(self) -> None:
        context = Context()
        REGISTRY["add"].rule(context, (f(B, 3), f(B, 3)), {})
        REGISTRY["broadcast"].rule(context, (f(1, 3), n(B), n(3)), {"axes": (0, 1)})
        assert context.demanded == []

    def test_an_unknown_size_is_fresh(self) -> None:
        first = result("reshape", f(B), Operand(INT))
        second = result("reshape", f(B), Operand(INT))
        assert first != second

    def test_integer_arithmetic_computes_with_dims(self) -> None:
        dim = {name: REGISTRY[name].dim for name in ("add", "mul", "floor_div", "mod", "neg")}
        assert all(dim.values())
        assert dim["add"](B, 2) == B + 2  # type: ignore[misc]
        assert dim["mul"](B, 3) == 3 * B  # type: ignore[misc]
        assert dim["floor_div"](4 * B, 2) == 2 * B  # type: ignore[misc]
        assert dim["floor_div"](B, 0) is None  # type: ignore[misc]
        assert dim["mod"](7, 4) == 3  # type: ignore[misc]
        assert dim["neg"](None) is None  # type: ignore[misc]

    def test_an_overflow_is_no_dim(self) -> None:
        add = REGISTRY["add"].dim
        assert add is not None and add(2**63 - 1, 1) is None
