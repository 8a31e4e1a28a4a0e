"""A compiled program in this process: calling its functions, serving what it asks, its failures.

The program runs on a thread of its own with a large stack, while the caller's thread waits and
notices Ctrl-C. What has no native code yet is done here by the interpreter's rule for the op
(`_serve`). When a check fails, native code leaves the number of its site and the operands; the op's
own evaluation is run again on them and says what is wrong, as on the interpreter.
"""

from __future__ import annotations

import _thread
import ctypes
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from charl.backend.llvm.layout import words
from charl.core.control import FUSED
from charl.core.ir import Program, Statement
from charl.core.op import Fault
from charl.interp.faults import Place, diagnosed, span_of
from charl.interp.support import reporter, shape_reporter
from charl.runtime.engine import Engine
from charl.runtime.image import Image
from charl.runtime.library import HOST, library
from charl.runtime.values import Objects, read, write
from charl.types import dtypes
from charl.types.types import Tensor
from charl.world import WORLD

if TYPE_CHECKING:
    from charl.backend.llvm.module import Site
    from charl.runtime.measuring import Counters

STACK = 1 << 28
MOST_PLACES = 5_000
OK, FAILED, INTERRUPTED, RAISED = range(4)
RUNNING = -1
STATEMENT_FAILED, TOO_DEEP, NO_MEMORY = range(3)  # as in `native/charl.h`


class NativeMachine:
    """A program ready to be called; Core is compiled first, and then `exported` are the functions
    that may be called."""

    def __init__(self, program: Program | Image, exported: Sequence[str] = ()) -> None:
        if not isinstance(program, Image):
            from charl.runtime.compile import compile_image  # a kept image needs none of it

            program = compile_image(program, exported)
        self.image = program
        self.program = program.program
        self.objects = Objects(self.program)
        self.raised: tuple[BaseException, int] | None = None
        self.served: dict[int, Callable[[int, bool], None]] = {}
        self.host = HOST(self._host)
        address = ctypes.cast(self.host, ctypes.c_void_p).value
        exports = self.image.entries.values()
        symbols = {"charl_host": address}
        self.counters: Counters | None = None
        if self.image.measures:
            from charl.runtime.measuring import Counters  # only for profiles

            self.counters = Counters(self.image)
            symbols["charl_counters"] = ctypes.addressof(self.counters.words)
        self.engine = Engine(self.image.code, exports, symbols)

    def call(self, name: str, arguments: Sequence[Any]) -> tuple[Any, ...]:
        """The results of a function. Raises CharlError, or KeyboardInterrupt with its `span`."""
        function = self.program.functions[name]
        parameters = [v.type for v in function.body.parameters]
        results = [v.type for v in function.body.results]
        room = max(sum(map(words, parameters)), sum(map(words, results)), 1)
        slots = (ctypes.c_int64 * room)()
        place = ctypes.addressof(slots)
        for type, value in zip(parameters, arguments):
            write(type, value, place, self.objects)
            place += 8 * words(type)
        variable_of("charl_output_now").value = WORLD.shown_at_once()
        status = self._run(self.engine.address(self.image.entries[name]), slots)
        try:
            flush()
            if status != OK:
                raise self._problem(status)
            place, found = ctypes.addressof(slots), []
            for type in results:
                found.append(read(type, place, self.objects, copy=True))
                place += 8 * words(type)
            return tuple(found)
        finally:
            self.objects.clear()
            library().charl_reset()

    def _run(self, entry: int, slots: Any) -> int:
        status = [RUNNING]
        done = _thread.allocate_lock()
        done.acquire()
        interrupted().value = 0

        def run() -> None:
            found = FAILED
            try:
                with np.errstate(all="ignore"):
                    found = library().charl_run(entry, slots, STACK)
            finally:
                status[0] = found
                done.release()

        before = _thread.stack_size(STACK + (1 << 20))
        try:
            _thread.start_new_thread(run, ())
        finally:
            _thread.stack_size(before)
        stopped = self._wait(status, done)
        # Ctrl-C may have come after the last look of the program.
        return INTERRUPTED if stopped and status[0] == OK else status[0]

    def _wait(self, status: list[int], done: _thread.LockType) -> bool:
        """Waits for the program, and has it stop at Ctrl-C; whether that came. (In Python 3.11 a
        `Thread.join` that is interrupted takes the thread for stopped, hence the lock.)"""
        try:
            while status[0] == RUNNING:
                done.acquire()
            return False
        except KeyboardInterrupt:
            library().charl_interrupt()
            self._wait(status, done)
            return True

    # --- What native code asks ------------------------------------------------------------------

    def _host(self, site: int, dies: int, slots: int) -> int:
        try:
            flush()
            serve = self.served.get(site)
            if serve is None:
                serve = self.served[site] = self._server(self.image.sites[site])
            serve(slots, bool(dies))
            return OK
        except BaseException as problem:
            self.raised = problem, site
            return RAISED

    def _server(self, site: Site) -> Callable[[int, bool], None]:
        """Runs a statement's rule on the operands in the slots, and puts the results there."""
        statement = site.statement
        assert statement is not None
        types = [v.type for v in statement.operands]
        results = [v.type for v in statement.results]
        evaluate = statement.op.bind(types, statement.attributes)
        objects = self.objects
        # What goes into a list or the like outlives this call.
        copy = not all(isinstance(type, Tensor) for type in results)

        def serve(slots: int, dies: bool) -> None:
            operands, place = [], slots
            for type in types:
                operands.append(read(type, place, objects, copy=copy))
                place += 8 * words(type)
            found = evaluate(*operands)
            place = slots
            for type, value in zip(results, found if len(results) > 1 else (found,)):
                write(type, value, place, objects)
                place += 8 * words(type)

        return serve

    # --- Failures -------------------------------------------------------------------------------

    def _problem(self, status: int) -> BaseException:
        if status == RAISED:
            assert self.raised is not None
            problem, number = self.raised
            self.raised = None
            return self._diagnosed(problem, number)
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
        statement = self.image.sites[number].statement
        assert statement is not None
        try:
            self._replay(statement)
        except Replayed as replayed:
            return self._diagnosed(replayed.problem, number, replayed.statement)
        return AssertionError(f"{statement.op} failed in native code only")

    def _replay(self, statement: Statement) -> None:
        """The statement once more, on the operands that native code left. Raises Replayed."""
        left = (ctypes.c_int64 * 1).in_dll(library(), "charl_fault_words")
        place, operands = ctypes.addressof(left), []
        for value in statement.operands:
            operands.append(read(value.type, place, self.objects, copy=True))
            place += 8 * words(value.type)
        values = dict(zip(statement.operands, operands))
        parts = statement.blocks[0].statements if statement.op is FUSED else [statement]
        for part in parts:
            try:
                found = evaluate(part, [values[v] for v in part.operands])
            except Exception as problem:
                raise Replayed(problem, part) from problem
            values.update(zip(part.results, found if len(part.results) > 1 else (found,)))

    def _diagnosed(
        self, problem: BaseException, number: int, statement: Statement | None = None
    ) -> BaseException:
        """What the user is told; `statement` is a part of the one at the site."""
        places = self._places(number)
        if statement is not None:
            places[-1] = Place(places[-1].function, statement)
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
        sites = [self.image.sites[n] for n in reversed(numbers)]
        return [Place(s.function.shown or s.function.name, s.statement) for s in sites]


class Replayed(Exception):
    """What a statement said when it was run again, and which statement."""

    def __init__(self, problem: Exception, statement: Statement) -> None:
        super().__init__(str(problem))
        self.problem, self.statement = problem, statement


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


def variable_of(name: str) -> ctypes.c_int64:
    return ctypes.c_int64.in_dll(library(), name)


def interrupted() -> ctypes.c_int32:
    """The flag that stops the program."""
    return ctypes.c_int32.in_dll(library(), "charl_interrupted")


def variable(name: str) -> int:
    """An integer of the library."""
    return variable_of(name).value


def flush() -> None:
    """Sends on what native code has printed."""
    count = variable_of("charl_output_count")
    if count.value:
        content = (ctypes.c_char * count.value).in_dll(library(), "charl_output").raw
        count.value = 0
        WORLD.write(content.decode("utf-8", "surrogatepass"))


def _no_memory() -> MemoryError:
    """What the runtime could not have: a tensor of this dtype and shape."""
    problem = MemoryError()
    if variable("charl_fault_dtype") < 0:
        return problem
    words = (ctypes.c_int64 * variable("charl_fault_count")).in_dll(library(), "charl_fault_words")
    problem.shape = tuple(words)  # type: ignore[attr-defined]
    problem.dtype = dtypes.ALL[variable("charl_fault_dtype")].numpy  # type: ignore[attr-defined]
    return problem
