"""Where the first NaN or infinity is born: the check that `--trap-nan` puts after a statement.

A NaN is born where an operation gives one from operands that have none; an infinity where the
operands are all finite. What only carries such values on is not to blame.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from charl.core.op import Effect, Fault, Kind, Op, Parameter, RuleContext, declare
from charl.ops.show import show_number
from charl.types.types import Type, Typed

MOST_SHOWN = 8


def _rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Mapping[str, Any]
) -> tuple[Type, ...]:
    return ()


def _trap(
    result: Any, *operands: Any, operation: str, names: Sequence[str], in_gradient: bool
) -> None:
    """Raises Fault (E0513) where the result has what the operands have not."""
    bad = ~_finite(result)
    if not np.any(bad):
        return
    parts = [part for x in operands for part in _floats(x)]
    carried = [part for part in parts if not np.all(_finite(part))]
    nan = np.isnan(_wide(result))
    if np.any(nan):
        if any(np.any(np.isnan(_wide(part))) for part in carried):
            return
        bad, what = nan, "NaN"
    elif carried:
        return
    else:
        what = "infinity"
    place = tuple(int(i) for i in np.argwhere(bad)[0])
    where = f", at {list(place)}" if place else ""
    notes = [f"the result: {_summary(result)}"]
    for number, (name, x) in enumerate(list(zip(names, operands))[:MOST_SHOWN], 1):
        what_it_is = f"`{name}`" if name else f"operand {number}"
        notes.append(f"{what_it_is}: {_summary(x)}{_at(x, place, result)}")
    if in_gradient:
        notes.append("this is the derivative of the expression, not its value")
    raise Fault(
        "E0513", f"the first {what} is born here: `{operation}` gives it{where}", (), (*notes,)
    )


def _wide(x: Any) -> Any:
    return np.asarray(x).astype(np.float64)


def _finite(x: Any) -> Any:
    return np.isfinite(_wide(x))


def _floats(value: Any) -> Iterator[Any]:
    """The numbers in a value, those of lists and boxes included."""
    pending = [value]
    while pending:
        x = pending.pop()
        if isinstance(x, list | tuple):
            pending += x
        elif isinstance(x, float | np.ndarray | np.generic):
            yield x


def _summary(x: Any) -> str:
    """A scalar itself; of a tensor its type, its extremes, and how much of it is not finite."""
    if not isinstance(x, np.ndarray):
        is_number = isinstance(x, int | float | np.generic)
        return show_number(x) if is_number else f"a value of {len(list(_floats(x)))} numbers"
    kind = f"{x.dtype.name}[{', '.join(map(str, x.shape))}]"
    wide = _wide(x)
    finite = wide[np.isfinite(wide)]
    told = [f"{kind}"]
    if finite.size:
        low, high = float(finite.min()), float(finite.max())
        told.append(f"from {low:.6g} to {high:.6g}" if low < high else f"all {low:.6g}")
    for what, mask in (("NaN", np.isnan(wide)), ("infinite", np.isinf(wide))):
        if np.any(mask):
            first = [int(i) for i in np.argwhere(mask)[0]]
            told.append(f"{np.count_nonzero(mask)} {what}, the first at {first}")
    return ", ".join(told)


def _at(x: Any, place: tuple[int, ...], result: Any) -> str:
    """The element that the bad one is made from, where places say so."""
    if not place or np.shape(x) != np.shape(result):
        return ""
    return f"; there it is {float(_wide(x[place])):.6g}"


TRAP = declare(
    Op(
        "trap",
        "Stops the program where the first operand has a NaN or infinity that the rest has not.",
        (
            Parameter("result", dtype="float"),
            Parameter("operands", Kind.TENSORS),
            Parameter("operation", Kind.TEXT),
            Parameter("names", Kind.TEXT),
            Parameter("in_gradient", Kind.BOOLEAN),
        ),
        _rule,
        _trap,
        no_gradient="it is put in after gradients are taken",
        effect=Effect.CHECK,
    )
)
