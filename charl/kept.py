"""Top-level values that outlive the piece of code that made them.

`Kept` checks pieces one by one, runs each, and keeps the values of the variables it defines for
the next. After a run every variable's type has actual sizes: `let t = x[mask]` is `float32[?]` to
the checker, and `float32[150]` from the next piece on.

The REPL feeds it entries; `api.py` feeds it a file, and then calls of the file's functions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, TextIO

import numpy as np

from charl import driver
from charl.backends import Backend
from charl.check.incremental import Incremental, learn
from charl.check.tree import Chunk, Variable
from charl.core.ir import Program
from charl.diagnostics.diagnostic import Diagnostic
from charl.draws import State
from charl.interp.machine import Machine
from charl.interp.run import call
from charl.lower.layout import leaves_of
from charl.python_values import Leaves
from charl.source import Source
from charl.types import dims, types
from charl.types.dims import Dim, Symbol
from charl.types.types import Box, List, Tensor, Type

# A value's type and its leaves.
Typed = tuple[Type, Leaves]


class Kept:
    """The state of a session: the checker's names, the leaves of each top-level variable, and how
    far it has come in its random numbers."""

    def __init__(self, arguments: Sequence[str] = (), backend: Backend = "interpreter") -> None:
        self.arguments = tuple(arguments)
        self.backend = backend
        self.checker = Incremental(arguments)
        self.values: dict[Variable, Leaves] = {}
        self.draws = State()

    def run(self, source: Source, output: TextIO) -> tuple[Type, Leaves, list[Diagnostic]]:
        """Checks and runs a piece: its value's type and leaves, and the warnings about it.

        Raises CharlError, or KeyboardInterrupt; the session is then as it was before.
        """
        chunk = self.checker.check(source)
        warnings = list(self.checker.warnings)
        try:
            program = driver.compile_chunk(chunk, warn=warnings.append)
            compiled = Compiled(chunk, program, self.backend)
            type, leaves, _ = self.execute(compiled, (), output)
        except BaseException:
            self.checker.forget()
            raise
        return type, leaves, warnings

    def execute(
        self, compiled: Compiled, arguments: Sequence[Leaves], output: TextIO
    ) -> tuple[Type, Leaves, dict[int, Typed]]:
        """Runs a compiled piece on the arguments it takes, and keeps what it defines. Gives its
        value, and what has become of the arguments that it changes, by their positions."""
        chunk = compiled.chunk
        given = [leaf for leaves in arguments for leaf in leaves]
        for variable in chunk.instance.globals:
            given += self.values[variable]
        with driver.world(self.arguments, output=output, draws=self.draws):
            results = compiled.call(given)
        assert chunk.instance.result is not None
        type = chunk.instance.result
        count = len(leaves_of(type))
        changed: dict[int, Typed] = {}
        for variable in chunk.defines:
            stop = count + len(leaves_of(variable.type))
            final = results[count:stop]
            if variable in chunk.instance.parameters:
                position = chunk.instance.parameters.index(variable)
                changed[position] = actual(variable.type, final), final
            else:
                self._keep(variable, final)
            count = stop
        leaves = results[: len(leaves_of(type))]
        return actual(type, leaves), leaves, changed

    def _keep(self, variable: Variable, leaves: Leaves) -> None:
        self.values[variable] = leaves
        type = actual(variable.type, leaves)
        value = leaves[0] if len(leaves) == 1 and isinstance(leaves[0], int | str) else None
        learn(variable, type, value)


def caller(program: Program, backend: Backend) -> Callable[[Sequence[Any]], Leaves]:
    """What runs the entry of a program, any number of times.

    Native code knows of the values of a recursive type only what the program itself makes and looks
    at: where one is handed in, the interpreter runs."""
    parameters = program.functions[program.entry].body.parameters
    if backend == "interpreter" or any(has_boxes(value.type) for value in parameters):
        return partial(call, Machine(program), program.entry)
    from charl.runtime.machine import NativeMachine  # where nobody asks for it, nobody loads it

    return partial(NativeMachine(program, (program.entry,)).call, program.entry)


def has_boxes(type: Type) -> bool:
    return isinstance(type, Box) or (isinstance(type, List) and has_boxes(type.element))


class Compiled:
    """A chunk ready to run, as often as one likes."""

    def __init__(self, chunk: Chunk, program: Program, backend: Backend) -> None:
        self.chunk, self.entry = chunk, program.entry
        self.call = caller(program, backend)

    def changes(self) -> list[int]:
        """The positions of the arguments that it changes: in-out ones of the function it calls."""
        parameters = self.chunk.instance.parameters
        return [parameters.index(v) for v in self.chunk.defines if v in parameters]


def actual(type: Type, leaves: Leaves) -> Type:
    """The type of a value with the sizes that the value has; `?` where it does not say."""
    found: dict[Symbol, Dim] = {}
    for leaf_type, leaf in zip(leaves_of(type), leaves, strict=True):
        found.update(sizes_of(leaf_type, leaf))
    return types.map_dims(type, lambda dim: settled(dims.substitute(dim, found)))


def settled(dim: Dim) -> Dim:
    return dim if isinstance(dim, int) else dims.UNKNOWN


def sizes_of(type: Type, leaf: Any) -> Iterator[tuple[Symbol, int]]:
    """What a leaf tells about the symbols in its type; elements of a list that differ in size
    tell nothing."""
    match type:
        case Tensor(_, shape) if shape:
            for dim, size in zip(shape, np.shape(leaf), strict=True):
                symbol = dims.as_symbol(dim)
                if symbol is not None:
                    yield symbol, int(size)
        case List(element) if leaf:
            told = [dict(sizes_of(element, item)) for item in leaf]
            yield from ((s, n) for s, n in told[0].items() if all(t[s] == n for t in told))
