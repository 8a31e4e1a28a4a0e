"""The text of a program: its functions, and entries that the host can call.

An entry, `i32 @name(ptr slots)`, takes the operands of its function from the slots and leaves the
results there.
"""

from __future__ import annotations

from collections.abc import Sequence

from charl.backend.llvm import (  # noqa: F401  (they enter their writers)
    boxes,
    clock,
    control,
    convolution,
    cumulative,
    for_loops,
    kernels,
    linear_algebra,
    lists,
    masks,
    printing,
    products,
    random_draws,
    scatter,
    sorting,
    strings,
    sweeps,
    tensors,
    trap,
    while_loops,
)
from charl.backend.llvm.functions import FunctionWriter, return_type
from charl.backend.llvm.layout import held_in, register_types, registers
from charl.backend.llvm.module import Module
from charl.backend.llvm.parts import Part
from charl.core.ir import Function


def entry_name(module: Module, function: str) -> str:
    return f"entry_{module.symbol(function)[1:]}"


def program_parts(module: Module, exported: Sequence[str]) -> list[Part]:
    """The module's text in parts, with an entry for each of these functions."""
    functions = module.program.functions
    bodies = [FunctionWriter(module, function).write() for function in functions.values()]
    bodies += [entry(module, functions[name]) for name in exported]
    return module.parts(bodies)


def entry(module: Module, function: Function) -> str:
    w = FunctionWriter(module, function)
    w.slots = "%slots"
    given = []
    for value, held in zip(
        function.body.parameters, w.load([v.type for v in function.body.parameters])
    ):
        kinds = register_types(value.type)
        given += [f"{k} {r}" for k, r in zip(kinds, registers(held, value.type))]
        w.bind(value, held)
    type = return_type(function)
    result = w.text.let(f"call {type} {module.symbol(function.name)}({', '.join(given)})")
    if type == "i32":
        w.text.end(f"ret i32 {result}")
    else:
        place = 1
        for value in function.body.results:
            names = []
            for _ in register_types(value.type):
                names.append(w.text.let(f"extractvalue {type} {result}, {place}"))
                place += 1
            w.held[value] = held_in(names, value.type)
        w.store(w.text, function.body.results)
        w.text.end(f"ret i32 {w.text.let(f'extractvalue {type} {result}, 0')}")
    name = entry_name(module, function.name)
    return f"define i32 @{name}(ptr %slots) {{\n{w.text.body()}\n}}\n"
