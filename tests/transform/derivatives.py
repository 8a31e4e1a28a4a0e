"""Derivatives of Core functions, for comparison: by autodiff, to any order, and by differences.

A function under test takes floats, float tensors and lists of them (and perhaps other things) and
returns one float. `derivative` appends a `gradient` statement to a copy of it and turns the
gradients into one number again, with fixed weights, so that it can be differentiated once more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import charl.ops  # noqa: F401  (fills the registry)
from charl.core.builder import Builder
from charl.core.clone import copy_function
from charl.core.ir import Program, Value
from charl.core.parser import parse_program
from charl.core.verifier import verify
from charl.diagnostics.diagnostic import CharlError, Diagnostic
from charl.interp.machine import Machine
from charl.interp.run import call_function
from charl.transform.autodiff import differentiate
from charl.transform.autodiff.activity import is_differentiable
from charl.types.types import Box, List, Tensor

TOLERANCE = 1e-6


def parsed(text: str, name: str = "f") -> Program:
    program = parse_program(f"entry @{name}\n{text}")
    verify(program)
    return program


def plain(program: Program) -> tuple[Program, list[Diagnostic]]:
    """The program after autodiff, verified."""
    verify(program)
    result, diagnostics = differentiate(program)
    verify(result, gradients=False)
    return result, diagnostics


def refused(program: Program) -> list[str]:
    """The codes of the errors that autodiff raises."""
    with pytest.raises(CharlError) as raised:
        differentiate(program)
    return [d.code for d in raised.value.diagnostics]


def call(program: Program | Machine, name: str, arguments: Sequence[Any]) -> list[Any]:
    return list(call_function(program, name, arguments))


def with_gradient(
    program: Program, name: str, *, wrt: Sequence[int] | None = None, calling: bool = False
) -> tuple[Program, str, tuple[int, ...]]:
    """The program with a function that returns the gradients of `name`, and with one that returns
    their weighted sum. `calling`: the new functions call the old one rather than contain it."""
    source = program.functions[name]
    positions = tuple(
        i
        for i, p in enumerate(source.body.parameters)
        if is_differentiable(p.type) and not isinstance(p.type, Box) and (not wrt or i in wrt)
    )
    functions = dict(program.functions)
    for suffix, finish in (("_gradient", None), ("_weighted", weighted)):
        function = copy_function(source, name + suffix)
        body = function.body
        b = Builder(body)
        if calling:
            body.statements.clear()
            kinds = [Tensor(body.results[0].type.dtype)]
            body.results = b.emit("call", body.parameters, {"function": name}, (), kinds)
        wanted = [body.parameters[i] for i in positions]
        gradients = b.emit("gradient", [body.results[0], *wanted])
        body.results = gradients if finish is None else (finish(b, gradients),)
        functions[function.name] = function
    return Program(functions, program.entry), name, positions


def weighted(b: Builder, values: Sequence[Value]) -> Value:
    """A float that depends on every element, each with another weight."""
    total = b.constant(0.0)
    for number, value in enumerate(values):
        weight = 0.7 - 0.3 * number
        if isinstance(value.type, List):
            elements = [b("list_get", value, b.constant(i)) for i in range(2)]
            total = b("add", total, b("mul", weighted(b, elements), weight))
            continue
        rank = len(value.type.shape)
        for axis in range(rank):
            ramp = b("cast", b("iota", *b.sizes(value), axis=axis), dtype=value.type.dtype)
            value = b("mul", value, b("add", b("mul", ramp, 0.37), 1.0))
        one = b("reduce_sum", value, axis=None, keep_dims=False) if rank else value
        total = b("add", total, b("mul", one, weight))
    return total


def check(
    text: str | Program,
    *arguments: Any,
    name: str = "f",
    orders: int = 2,
    wrt: Sequence[int] | None = None,
    calling: bool = False,
    tolerance: float = TOLERANCE,
    silent: bool = True,
) -> None:
    """Demand that gradients of the function, and of its weighted gradients up to an order, agree
    with central differences."""
    program = parsed(text, name) if isinstance(text, str) else text
    for order in range(1, orders + 1):
        program, name, positions = with_gradient(program, name, wrt=wrt, calling=calling)
        expanded, diagnostics = plain(program)
        assert not silent or diagnostics == [], diagnostics
        machine = Machine(expanded)
        ours = call(machine, f"{name}_gradient", arguments)

        def value(*changed: Any, name: str = name, machine: Machine = machine) -> float:
            return float(call(machine, name, changed)[0])

        for position, gradient in zip(positions, ours):
            expected = differences(value, arguments, position)
            close(gradient, expected, f"order {order}, argument {position}", tolerance)
        name += "_weighted"


def close(ours: Any, expected: Any, where: str, tolerance: float = TOLERANCE) -> None:
    if isinstance(expected, list):
        assert isinstance(ours, list) and len(ours) == len(expected), where
        for one, other in zip(ours, expected):
            close(one, other, where, tolerance)
        return
    assert np.shape(ours) == np.shape(expected), where
    scale = max(1.0, float(np.max(np.abs(expected), initial=0)))
    error = float(np.max(np.abs(np.asarray(ours) - expected), initial=0)) / scale
    assert error < tolerance, f"{where}: {ours} is not {expected}"


def differences(function: Callable[..., float], arguments: Sequence[Any], position: int) -> Any:
    """Central differences of fourth order with respect to one argument."""

    def along(rebuild: Callable[[float], Any]) -> float:
        at = [
            function(*arguments[:position], rebuild(step), *arguments[position + 1 :])
            for step in (-6e-4, -3e-4, 3e-4, 6e-4)
        ]
        return (at[0] - 8 * at[1] + 8 * at[2] - at[3]) / 36e-4

    def walk(value: Any, rebuild: Callable[[Any], Any]) -> Any:
        if isinstance(value, list):
            return [
                walk(item, lambda new, i=i: rebuild([*value[:i], new, *value[i + 1 :]]))
                for i, item in enumerate(value)
            ]
        if not np.ndim(value):
            return along(lambda step: rebuild(value + step))
        result = np.zeros(value.shape)
        for place in np.ndindex(value.shape):

            def moved(step: float, place: Any = place) -> Any:
                new = np.array(value)
                new[place] += step
                return rebuild(new)

            result[place] = along(moved)
        return result

    return walk(arguments[position], lambda new: new)
