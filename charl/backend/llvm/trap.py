"""`trap`: a quick look at the elements; only where one is not finite is the host asked, which
knows whether it is born here and says so."""

from __future__ import annotations

from charl.backend.llvm.functions import UNLIKELY, FunctionWriter, writer
from charl.backend.llvm.scalars import scalar
from charl.backend.llvm.tensors import count
from charl.core.ir import Statement
from charl.types.dtypes import DType


@writer("trap")
def _trap(w: FunctionWriter, s: Statement) -> None:
    x = s.operands[0]
    if x.rank:
        look = w.declare("charl_all_finite", "i32", ["ptr", "i64", "i64", "i64"])
        elements = count(w, w.held[x].sizes)
        kind = f"i64 {x.dtype.bits}, i64 {exponent(x.dtype)}"
        found = w.text.let(f"call i32 {look}(ptr {w.of(x)}, i64 {elements}, {kind})")
        bad = w.text.let(f"icmp eq i32 {found}, 0")
    else:
        bad = w.text.let(f"xor i1 {scalar(w, 'is_finite', [w.of(x)], [x.dtype], {})}, true")
    ask, go_on = w.text.label("trap"), w.text.label("fine")
    w.text.branch(bad, ask, go_on, UNLIKELY)
    w.text.place(ask)
    w.host(s)
    w.text.place(go_on)


def exponent(dtype: DType) -> int:
    """The mask of a float's exponent."""
    infinity = dtype.numpy.type(float("inf"))
    return int.from_bytes(infinity.tobytes(), "little")
