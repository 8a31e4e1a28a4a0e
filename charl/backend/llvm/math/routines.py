"""The functions of a float that are written here, as definitions in LLVM's text.

`ROUTINES` names them by op and dtype. Each is written once into a module that uses it, as an
internal function that is always inlined: a straight line of arithmetic and selects without branches
or calls, so that a loop around it is vectorised (the call that ends sin and cos of float64 is
too). What is not here, libm computes.
"""

from __future__ import annotations

from collections.abc import Callable

from charl.backend.llvm.math import (
    PREFIX,
    error_function,
    exponentials,
    inverse_trigonometry,
    logarithms,
    powers,
    trigonometry,
    trigonometry_double,
)
from charl.backend.llvm.math.expressions import SUFFIXES, Declare, Number
from charl.backend.llvm.text import Text

Formula = Callable[..., Number]

# By LLVM's type. float64 is written where it costs much less than a call of libm.
ROUTINES: dict[str, dict[str, Formula]] = {
    "float": {
        "exp": exponentials.exp,
        "expm1": exponentials.expm1,
        "log": logarithms.log,
        "log1p": logarithms.log1p,
        "tanh": exponentials.tanh,
        "sinh": exponentials.sinh,
        "cosh": exponentials.cosh,
        "erf": error_function.erf,
        "pow": powers.pow,
        "sin": trigonometry.sin,
        "cos": trigonometry.cos,
        "tan": trigonometry.tan,
        "asin": inverse_trigonometry.asin,
        "acos": inverse_trigonometry.acos,
        "atan": inverse_trigonometry.atan,
        "atan2": inverse_trigonometry.atan2,
    },
    "double": {
        "exp": exponentials.exp,
        "expm1": exponentials.expm1,
        "log": logarithms.log,
        "log1p": logarithms.log1p,
        "tanh": exponentials.tanh,
        "erf": error_function.erf,
        "pow": powers.pow,
        "sin": trigonometry_double.sin,
        "cos": trigonometry_double.cos,
    },
}


def routine_name(op: str, type: str) -> str:
    return f"{PREFIX}{op}.{SUFFIXES[type]}"


def definition(name: str, declare: Declare) -> str:
    """The text of the function with a `routine_name`; `declare` gets what it calls."""
    op, suffix = name.removeprefix(PREFIX).split(".")
    if op.startswith("far_"):
        return trigonometry_double.far_definition(op.removeprefix("far_"), declare)
    type = "float" if suffix == "f32" else "double"
    count = 2 if op in ("pow", "atan2") else 1
    text = Text()
    parameters = [Number(text, declare, f"%x{n}", type) for n in range(count)]
    result = ROUTINES[type][op](*parameters)
    text.end(f"ret {type} {result.name}")
    listed = ", ".join(f"{type} {x.name}" for x in parameters)
    return f"define internal {type} @{name}({listed}) alwaysinline nounwind {{\n{text.body()}\n}}"
