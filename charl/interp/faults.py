"""From a Python exception to a Diagnostic with the place and the Charl call stack.

Generated code keeps no records as it runs. A traceback names, for every frame of a compiled
function, the line it had reached; the line leads to a Core statement, whose span is the place, or
for the outer frames the call site. Calls that were inlined still stand in the statement's span.

Where generated code computes by itself and Python refuses (an index out of bounds, a division by
zero), the op's own evaluation is run again on the operands, still held by the frame, and its Fault
is what the user sees.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import FrameType, TracebackType
from typing import Any

from charl.core.clone import calls_of
from charl.core.ir import Statement
from charl.core.op import Fault
from charl.core.places import shown_at
from charl.diagnostics.diagnostic import CharlError, Diagnostic, Frame, Label, error
from charl.interp.held import held, readable
from charl.interp.machine import Machine, Unit
from charl.records import record, replace
from charl.source import Source, Span
from charl.types.dtypes import BY_NAME

# What NumPy says of an array whose size in bytes is no int64.
TOO_LARGE = ("array is too big", "Maximum allowed dimension exceeded")


@record
class Place:
    """A call under way and the statement it has reached. `function` is the name to show; a `part`
    was cut out of another function and is no call of its own. `operands` gives the values that
    the statement had, where they can still be had."""

    function: str
    statement: Statement | None
    part: bool = False
    operands: Callable[[Statement], tuple[Any, ...]] | None = None


def diagnose(problem: BaseException, machine: Machine) -> CharlError | None:
    """The user's error behind an exception; None when it is a fault of the compiler."""
    frames = list(_frames(problem.__traceback__, machine))
    places = [_place(*frame) for frame in frames]
    problem = or_memory_error(problem)
    if isinstance(problem, MemoryError):
        problem.notes = told_of(frames, places)  # type: ignore[attr-defined]
    return diagnosed(problem, places)


def told_of(frames: list[tuple[Unit, FrameType, int]], places: list[Place]) -> tuple[str, ...]:
    """What takes the memory, if there is enough left to look."""
    try:
        return held(frames, source_of(places))
    except MemoryError:
        return ()


def or_memory_error(problem: BaseException) -> BaseException:
    """The exception, but for that of an array of which no memory has so many bytes."""
    too_large = isinstance(problem, ValueError) and str(problem).startswith(TOO_LARGE)
    return MemoryError() if too_large else problem


def diagnosed(problem: BaseException, places: list[Place]) -> CharlError | None:
    """The same, where the calls under way, outermost first, are known otherwise."""
    found = _diagnostics(problem, places)
    return CharlError(*(d.seen_by_user() for d in found)) if found else None


def _diagnostics(problem: BaseException, places: list[Place]) -> list[Diagnostic]:
    match problem:
        case CharlError():
            return [_with_stack(_placed(d, places), places) for d in problem.diagnostics]
        case RecursionError():
            return [_too_deep(places, getattr(problem, "calls", len(places)))]
        case MemoryError():
            return [_out_of_memory(problem, places)]
        case Fault():
            return [_fault(problem, places)]
    fault = _replayed(places)
    return [] if fault is None else [_fault(fault, places)]


def place_of(problem: BaseException, machine: Machine) -> Span | None:
    """Where the program was when an exception (Ctrl-C) reached it."""
    return span_of([_place(*frame) for frame in _frames(problem.__traceback__, machine)])


def _frames(
    traceback: TracebackType | None, machine: Machine
) -> Iterator[tuple[Unit, FrameType, int]]:
    """The frames of compiled functions, outermost first, and the line that each has reached."""
    while traceback is not None:
        unit = machine.units.get(traceback.tb_frame.f_code.co_filename)
        if unit is not None:
            yield unit, traceback.tb_frame, traceback.tb_lineno
        traceback = traceback.tb_next


def _place(unit: Unit, frame: FrameType, line: int) -> Place:
    function = unit.function

    def operands(statement: Statement) -> tuple[Any, ...]:
        return unit.values(statement, frame.f_locals)

    return Place(function.shown or function.name, unit.statement(line), unit.part, operands)


def span_of(places: list[Place]) -> Span | None:
    """The innermost place; a function that is just being entered is at its call."""
    for place in reversed(places):
        if place.statement is not None and place.statement.span is not None:
            return place.statement.span
    return None


def source_of(places: list[Place]) -> Source | None:
    """The file of the user's that the innermost place belongs to."""
    span = shown_at(span_of(places))
    return None if span is None else span.source


def _stack(places: list[Place]) -> tuple[Frame, ...]:
    """The calls under way, innermost first."""
    frames: list[Frame] = []
    callee = ""
    in_part = False
    for place in reversed(places):
        span = None if place.statement is None else place.statement.span
        if callee:
            frames.append(Frame(callee, span))
        if not in_part:
            frames += calls_of(span)
        in_part = place.part
        callee = "" if in_part else place.function
    return tuple(frames)


def _placed(diagnostic: Diagnostic, places: list[Place]) -> Diagnostic:
    """The diagnostic at the statement that raised it, unless it says a place itself."""
    span = span_of(places)
    if diagnostic.primary is not None or span is None:
        return diagnostic
    return replace(diagnostic, primary=Label(span))


def _with_stack(diagnostic: Diagnostic, places: list[Place]) -> Diagnostic:
    return diagnostic.with_frames(_stack(places))


def _fault(fault: Fault, places: list[Place]) -> Diagnostic:
    diagnostic = error(
        fault.code, fault.message, span_of(places), helps=fault.helps, notes=fault.notes
    )
    return _with_stack(diagnostic, places)


def _replayed(places: list[Place]) -> Fault | None:
    """The Fault that the op of the statement in hand raises on its operands, if it does."""
    if not places or places[-1].statement is None:
        return None
    place, statement = places[-1], places[-1].statement
    if statement.op.evaluate is None or place.operands is None:
        return None
    operands = place.operands(statement)
    kinds = [operand.type for operand in statement.operands]
    try:
        statement.op.bind(kinds, statement.attributes)(*operands)
    except Fault as fault:
        return fault
    except Exception:
        # The same failure again: it is no Fault, and the caller reports what happened first.
        return None
    return None


def _too_deep(places: list[Place], calls: int) -> Diagnostic:
    diagnostic = error(
        "E0507",
        "the recursion is too deep",
        span_of(places),
        helps=("does every path of the function reach a case that does not call it again?",),
        notes=(f"{calls:,} calls were under way",),
    )
    return _with_stack(diagnostic, places)


def _out_of_memory(problem: MemoryError, places: list[Place]) -> Diagnostic:
    shape, dtype = getattr(problem, "shape", None), getattr(problem, "dtype", None)
    message = "out of memory"
    if shape is not None and dtype is not None:
        size: Any = dtype.itemsize
        for n in shape:
            size *= n
        sizes = ", ".join(map(str, shape))
        message = f"out of memory: a {dtype}[{sizes}] takes {readable(size)}"
        if dtype.name not in BY_NAME:  # an evaluation's own
            message = f"out of memory: {readable(size)} more are wanted"
    notes = tuple(getattr(problem, "notes", ()))
    diagnostic = error("E0508", message, span_of(places), notes=notes)
    return _with_stack(diagnostic, places)
