"""`charl check --memory`: what the tensors of a program and of its functions take at most.

The program is looked at as it is run; each of its functions whose parameters have types also alone,
for all sizes at once, its arguments included.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from charl import driver
from charl.api import call_of
from charl.backend.llvm.storage import native_footprint
from charl.check.declarations import Function
from charl.check.incremental import Incremental
from charl.core.ir import Program
from charl.core.places import quoted, shown_at
from charl.diagnostics.diagnostic import CharlError
from charl.interp.held import readable
from charl.records import replace
from charl.source import Source
from charl.transform.memory import Buffer, Footprint, Peak
from charl.types import dims, types
from charl.types.dims import Dim, Known, Polynomial, Symbol
from charl.types.types import INT, Type

# The tensors that are listed.
MOST = 8
# What a size is taken for when tensors are put in order.
TYPICAL = 256


def memory_of(source: Source) -> Iterator[str]:
    """The lines of the report. Raises CharlError for a program with errors."""
    checked = driver.check(source)
    program = driver.compile_checked(checked)
    yield from lines(source.name, native_footprint(program), source)
    checker = Incremental()
    checker.check(source)
    for name, entry in sorted(dict.items(checker.names), key=lambda item: place_of(item[1])):
        if isinstance(entry, Function) and entry.module is checker.module:
            parameters = checker.annotations(entry)
            if all(type is not None for type in parameters.values()):
                yield ""
                yield from of_function(checker, name, parameters, source)


def place_of(entry: object) -> int:
    return entry.span.start if isinstance(entry, Function) else 0


def of_function(
    checker: Incremental, name: str, parameters: dict[str, Type | None], source: Source
) -> Iterator[str]:
    known: dict[Symbol, Dim] = {}
    key = [(None, for_all_sizes(type, known)) for type in parameters.values() if type is not None]
    shown = ", ".join(f"{label}: {types.show(t)}" for label, (_, t) in zip(parameters, key))
    title = f"fn {name}({shown})"
    callee, passed, receiver = call_of(name, tuple(key))
    passed = [
        replace(argument, dim=dims.symbol(label)) if argument.type == INT else argument
        for label, argument in zip(parameters, passed)
    ]
    try:
        chunk = checker.check_call(callee, passed, receiver)
        program: Program = driver.compile_chunk(chunk)
    except CharlError as problem:
        yield f"{title}: not known, as it does not compile for all sizes"
        yield f"  {problem.diagnostics[0].message}"
        return
    checker.forget()
    yield from lines(title, native_footprint(program), source, tuple(parameters))


def for_all_sizes(type: Type, known: dict[Symbol, Dim]) -> Type:
    """The type with the names of its sizes for symbols that may be any size."""

    def open(dim: Dim) -> Dim:
        for symbol in dims.symbols(dim):
            known.setdefault(symbol, dims.symbol(symbol.name))
        return dims.symbol("n") if dim is dims.UNKNOWN else dims.substitute(dim, known)

    return types.map_dims(type, open)


# --- The report ----------------------------------------------------------------------------------


def lines(
    title: str, found: Footprint, source: Source, arguments: Sequence[str] = ()
) -> Iterator[str]:
    if all(peak.size == 0 for peak in found.peaks):
        yield f"{title}: no tensors"
        return
    names = distinct(found)
    peaks = sorted(found.peaks, key=lambda peak: -weight(peak.size))
    sizes = [bytes_of(renamed(peak.size, names)) for peak in peaks]
    if len(sizes) == 1:
        yield f"{title}: at most {sizes[0]}"
    else:
        yield f"{title}: at most the largest of"
        yield from (f"  {size}" for size in sizes[:MOST])
    yield from table(peaks[0], names, source, arguments)
    told: dict[str, list[str]] = {}
    for symbol, span in found.open.items():
        told.setdefault(quoted(span, source), []).append(dims.show(names[symbol]))
    for place, sizes in told.items():
        yield f"  known when the program runs: {', '.join(sizes)} of {place}"
    for note in found.notes:
        yield f"  {note}"


def distinct(found: Footprint) -> dict[Symbol, Known]:
    """For each symbol one that is shown like no other."""
    names: dict[Symbol, Known] = {}
    taken: set[str] = set()
    for peak in found.peaks:
        for symbol in dims.symbols(peak.size):
            if symbol not in names:
                stem, number = "n" if symbol.name in "?_" else symbol.name, 1
                name = stem
                while name in taken:
                    number += 1
                    name = f"{stem}_{number}"
                taken.add(name)
                names[symbol] = dims.symbol(name)
    return names


def renamed(size: Dim, names: Mapping[Symbol, Dim]) -> Known:
    found = dims.substitute(size, names)
    assert isinstance(found, int | Polynomial)
    return found


def table(
    peak: Peak, names: Mapping[Symbol, Dim], source: Source, arguments: Sequence[str]
) -> Iterator[str]:
    """What takes the memory, the largest first."""
    place = shown_at(peak.span, source)
    if place is not None and place.source.name != "<python>":
        yield f"  reached at {quoted(place, source)}"
    alike: dict[tuple[str, str, str], list[Buffer]] = {}
    for buffer in peak.buffers:
        kind = types.show(types.substitute(buffer.type, names))
        size = show(renamed(buffer.size, names))
        alike.setdefault((size, kind, described(buffer, source, arguments)), []).append(buffer)
    groups = sorted(alike.items(), key=lambda item: -sum(weight(b.size) for b in item[1]))
    rows = [
        (size if len(found) == 1 else f"{len(found)} times {size}", kind, made)
        for (size, kind, made), found in groups[:MOST]
    ]
    width, room = (max(len(row[column]) for row in rows) for column in (0, 1))
    for size, kind, made in rows:
        yield f"  {size:>{width}}  {kind:<{room}}  {made}"
    if rest := [buffer for _, found in groups[MOST:] for buffer in found]:
        total: Known = 0
        for buffer in rest:
            total = total + buffer.size
        yield f"  {show(renamed(total, names)):>{width}}  in {len(rest)} more"


def described(buffer: Buffer, source: Source, arguments: Sequence[str]) -> str:
    """Which argument it is, or where it is made."""
    name = buffer.value.name
    if name.startswith("argument "):
        return f"argument `{arguments[int(name.removeprefix('argument '))]}`"
    return quoted(buffer.span, source)


def bytes_of(size: Known) -> str:
    if isinstance(size, int):
        return f"{size:,} bytes" + (f" ({readable(size)})" if size >= 1024 else "")
    return f"{dims.show(size)} bytes"


def show(size: Known) -> str:
    return f"{size:,}" if isinstance(size, int) else dims.show(size)


def weight(size: Known) -> int:
    return dims.evaluate(size, dict.fromkeys(dims.symbols(size), TYPICAL))
