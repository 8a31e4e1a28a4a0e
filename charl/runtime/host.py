"""The host's side of a running program: what native code asks, and what went wrong in it.

What has no native code yet is done here by the interpreter's rule for the op (`Host.serve`). When a
check fails, native code leaves the number of its site and the operands; the op's own evaluation is
run again on them and says what is wrong, as on the interpreter.

This needs NumPy, the primitives and the program's Core, which a program that asks nothing and does
not fail never loads.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from charl.backend.llvm.layout import words
from charl.backend.llvm.views import transposed_views
from charl.core.control import FUSED, SWEEP
from charl.core.ir import Statement, Value
from charl.core.op import Fault
from charl.interp.faults import Place, diagnosed, or_memory_error, source_of, span_of
from charl.interp.support import reporter, shape_reporter
from charl.runtime.held import held
from charl.runtime.image import Origin
from charl.runtime.library import interrupted, library, variable
from charl.runtime.values import OF_CALLER, Objects, read, write
from charl.types import dtypes
from charl.types.types import Tensor, Type

if TYPE_CHECKING:
    from charl.backend.llvm.module import Site

MOST_PLACES = 5_000
OK, FAILED, INTERRUPTED, RAISED = range(4)
STATEMENT_FAILED, TOO_DEEP, NO_MEMORY = range(3)  # as in `native/charl.h`

Serve = Callable[[int], None]


class Host:
    """Serves one program."""

    def __init__(self, origin: Origin) -> None:
        self.program = origin.program
        self.sites = origin.sites
        self.objects = Objects(origin.program)
        self.served: dict[int, Serve] = {}

    # --- Calls ----------------------------------------------------------------------------------

    def slots(self, name: str, arguments: Sequence[Any]) -> Any:
        """The slots of a function's operands, filled, with room for its results."""
        body = self.program.functions[name].body
        parameters = [v.type for v in body.parameters]
        room = max(sum(map(words, parameters)), sum(words(v.type) for v in body.results), 1)
        slots = (ctypes.c_int64 * room)()
        self.objects.site = OF_CALLER
        put(parameters, arguments, ctypes.addressof(slots), self.objects)
        return slots

    def results(self, name: str, slots: Any) -> tuple[Any, ...]:
        types = [v.type for v in self.program.functions[name].body.results]
        return tuple(taken(types, ctypes.addressof(slots), self.objects, copy=True))

    # --- What native code asks ------------------------------------------------------------------

    def serve(self, site: int, slots: int) -> None:
        """Runs a site's statement on the operands in the slots. Raises what its rule raises."""
        serve = self.served.get(site)
        if serve is None:
            serve = self.served[site] = self._server(self.sites[site])
        self.objects.site = site
        with np.errstate(all="ignore"):
            serve(slots)

    def _server(self, site: Site) -> Serve:
        """Runs a statement's rule on the operands in the slots, and puts the results there."""
        statement = site.statement
        assert statement is not None
        types = [v.type for v in statement.operands]
        results = [v.type for v in statement.results]
        evaluate = statement.op.bind(types, statement.attributes)
        objects = self.objects
        # What goes into a list or the like outlives this call.
        copy = not all(isinstance(type, Tensor) for type in results)

        def serve(slots: int) -> None:
            found = evaluate(*taken(types, slots, objects, copy=copy))
            put(results, found if len(results) > 1 else (found,), slots, objects)

        return serve

    # --- Failures -------------------------------------------------------------------------------

    def problem(self, status: int, raised: tuple[BaseException, int] | None) -> BaseException:
        """What a run that ended with this status is to raise; `raised` is what the host raised
        last, and at which site."""
        if status == RAISED:
            assert raised is not None
            return self._diagnosed(*raised)
        number, kind = variable("charl_fault_site"), variable("charl_fault_kind")
        if status == FAILED and kind == TOO_DEEP and interrupted().value:
            status = INTERRUPTED  # a recursive function learns of it as of the end of the stack
        if status == INTERRUPTED:
            interrupt = KeyboardInterrupt()
            if number >= 0:
                interrupt.span = span_of(self._places(number))  # type: ignore[attr-defined]
            return interrupt
        if kind == TOO_DEEP:
            problem = RecursionError()
            problem.calls = 1 + variable("charl_trace_count")  # type: ignore[attr-defined]
            return self._diagnosed(problem, number)
        if kind == NO_MEMORY:
            return self._diagnosed(_no_memory(), number)
        site = self.sites[number]
        statement = site.statement
        assert statement is not None
        try:
            self._replay(statement, transposed_views(site.function))
        except Replayed as replayed:
            return self._diagnosed(replayed.problem, number, replayed.statement)
        return AssertionError(f"{statement.op} failed in native code only")

    def _replay(self, statement: Statement, views: Mapping[Value, tuple[int, ...]]) -> None:
        """The statement once more, on the operands that native code left. Raises Replayed."""
        left = (ctypes.c_int64 * 1).in_dll(library(), "charl_fault_words")
        types = [v.type for v in statement.operands]
        operands = taken(types, ctypes.addressof(left), self.objects, copy=True)
        found = (
            (v, seen_as(x, views[v]) if v in views else x)
            for v, x in zip(statement.operands, operands)
        )
        replay(statement, dict(found))

    def _diagnosed(
        self, problem: BaseException, number: int, statement: Statement | None = None
    ) -> BaseException:
        """What the user is told; `statement` is a part of the one at the site."""
        places = self._places(number)
        if statement is not None:
            places[-1] = Place(places[-1].function, statement)
        problem = or_memory_error(problem)
        if isinstance(problem, MemoryError):
            problem.notes = held(self.sites, source_of(places))  # type: ignore[attr-defined]
        found = diagnosed(problem, places)
        if found is None:
            return problem
        found.__cause__ = problem if not isinstance(problem, Fault) else None
        return found

    def _places(self, number: int) -> list[Place]:
        """The calls under way, outermost first, and where the last of them stands. Of a recursion
        that is very deep, its ends."""
        count = variable("charl_trace_count")
        pointer = ctypes.POINTER(ctypes.c_int64).in_dll(library(), "charl_trace_sites")
        inner = min(count, MOST_PLACES)
        numbers = [number, *pointer[:inner], *pointer[max(inner, count - MOST_PLACES) : count]]
        sites = [self.sites[n] for n in reversed(numbers)]
        return [Place(s.function.shown or s.function.name, s.statement) for s in sites]


class Replayed(Exception):
    """What a statement said when it was run again, and which statement."""

    def __init__(self, problem: Exception, statement: Statement) -> None:
        super().__init__(str(problem))
        self.problem, self.statement = problem, statement


def replay(statement: Statement, values: dict[Value, Any]) -> None:
    """Enters the results of a statement, part by part. Raises Replayed."""
    if statement.op in (FUSED, SWEEP):
        for block in statement.blocks:
            for part in block.statements:
                replay(part, values)
        made = [values[v] for block in statement.blocks for v in block.results]
    else:
        try:
            with np.errstate(all="ignore"):
                found = evaluate(statement, [values[v] for v in statement.operands])
        except Exception as problem:
            raise Replayed(problem, statement) from problem
        made = list(found) if len(statement.results) > 1 else [found]
    values.update(zip(statement.results, made))


def seen_as(memory: Any, order: Sequence[int]) -> Any:
    """A transposed view: `memory` has the view's shape, and the elements as they lie."""
    sizes = [memory.shape[order.index(axis)] for axis in range(len(order))]
    return memory.reshape(sizes).transpose(order)


def evaluate(statement: Statement, operands: Sequence[Any]) -> Any:
    """What the interpreter makes of a statement."""
    match statement.op.name:
        case "check":
            return reporter(statement)(*operands[1:])
        case "fail":
            return reporter(statement)(*operands)
        case "ensure_shape":
            return shape_reporter(statement)(*operands)
    types = [v.type for v in statement.operands]
    return statement.op.bind(types, statement.attributes)(*operands)


def taken(types: Sequence[Type], place: int, objects: Objects, *, copy: bool) -> list[Any]:
    """The values of these types in the slots from an address on."""
    found = []
    for type in types:
        found.append(read(type, place, objects, copy=copy))
        place += 8 * words(type)
    return found


def put(types: Sequence[Type], values: Sequence[Any], place: int, objects: Objects) -> None:
    """Fills the slots from an address on. Raises MemoryError."""
    for type, value in zip(types, values):
        write(type, value, place, objects)
        place += 8 * words(type)


def _no_memory() -> MemoryError:
    """What the runtime could not have: a tensor of this dtype and shape."""
    problem = MemoryError()
    if variable("charl_fault_dtype") < 0:
        return problem
    words = (ctypes.c_int64 * variable("charl_fault_count")).in_dll(library(), "charl_fault_words")
    problem.shape = tuple(words)  # type: ignore[attr-defined]
    problem.dtype = dtypes.ALL[variable("charl_fault_dtype")].numpy  # type: ignore[attr-defined]
    return problem
