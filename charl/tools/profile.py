"""`charl run --profile`: where a program's time goes, by source line and by what runs there.

Two tables. The first adds up what is measured by line; what the library does for a line of the
program counts to that line. The second has a row for each kernel, product, loop and so on. A rate
is compared with the machine's peak (`runtime/peak.py`): the bytes that must be moved with its
memory, the operations with its arithmetic; the larger share is shown. Data that lie in a cache
come faster than memory, so that a share may be above 100%.

Statements are measured one by one. What runs as one piece of work otherwise (`kernel/sweep.py`) is
named below the tables, by its lines.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from charl.interp.held import readable
from charl.records import record
from charl.source import Span
from charl.tools.files import write_whole
from charl.tools.stages import show

if TYPE_CHECKING:
    from charl.core.ir import Statement
    from charl.core.measured import Measured, Profile
    from charl.runtime.peak import Peak

MOST_ROWS = 25
WIDEST = 60
OUTSIDE = "everything else"
TOGETHER = "measured one by one here, and otherwise a single piece of work, done by rows:"


@record(frozen=False)
class Row:
    """A line, or something that runs there: its `span`, and what it is called. `strain` is the
    seconds that the machine at its peak would have taken, by memory and by arithmetic."""

    span: Span | None
    what: str
    seconds: float = 0.0
    calls: int = 0
    bytes: int = 0
    operations: int = 0
    strain: tuple[float, float] = (0.0, 0.0)

    def add(self, other: Row) -> None:
        self.seconds += other.seconds
        self.calls += other.calls
        self.bytes += other.bytes
        self.operations += other.operations
        memory, arithmetic = zip(self.strain, other.strain)
        self.strain = sum(memory), sum(arithmetic)

    @property
    def peak(self) -> tuple[float, str]:
        """The share of the machine's peak, and of what."""
        share = max(self.strain) / self.seconds if self.seconds else 0.0
        return share, "memory" if self.strain[0] >= self.strain[1] else "arithmetic"


def tell(profile: Profile, path: str) -> None:
    """Writes a profile to the standard error output, or as JSON to a file."""
    peak = peak_of(profile)
    parts = sorted((part(m, peak) for m in profile.measured), key=lambda row: -row.seconds)
    lines = by_line(parts)
    if path:
        write_whole(path, as_json(profile, peak, lines, parts))
        return
    sys.stdout.flush()
    show(table(lines, profile, source_text), header=True)
    if profile.counted:
        print(file=sys.stderr)
        show(table(parts, profile, lambda row: row.what), header=True)
    if pieces := together(profile):
        listed = [f"  {in_words(piece)}" for piece in pieces]
        print("\n".join(["", TOGETHER, *listed]), file=sys.stderr)
    if peak is not None:
        rates = f"{readable(peak.bytes)}/s of memory, {peak.operations / 1e9:.0f} GFlop/s (float32)"
        print(f"\npeak of this machine: {rates}", file=sys.stderr)


def peak_of(profile: Profile) -> Peak | None:
    if not profile.counted:
        return None
    from charl.runtime.peak import measured_peak  # the interpreter does without native code

    return measured_peak()


# --- Rows ----------------------------------------------------------------------------------------


def part(measured: Measured, peak: Peak | None) -> Row:
    statement = measured.statement
    strain = 0.0, 0.0
    if peak is not None:
        wide = max((bits_of(statement), 32)) // 32
        strain = measured.bytes / peak.bytes, measured.operations * wide / peak.operations
    return Row(
        users_span(statement.span),
        name_of(measured),
        measured.seconds,
        measured.calls,
        measured.bytes,
        measured.operations,
        strain,
    )


def bits_of(statement: Statement) -> int:
    """The width of a statement's numbers."""
    dtypes = [getattr(v.type, "dtype", None) for v in statement.results]
    return max((getattr(dtype, "bits", 32) for dtype in dtypes), default=32)


def name_of(measured: Measured) -> str:
    """What runs: a kernel by the ops in it, anything else by its op."""
    statement = measured.statement
    match statement.op.name:
        case "fused":
            counts = Counter(s.op.name for s in statement.blocks[0].statements)
            ops = [f"{n} {name}" if n > 1 else name for name, n in counts.items()]
            return clipped(f"kernel: {', '.join(ops)}")
        case "for" | "while" | "scan" as name:
            return f"{name}, without what is listed"
        case "call":
            return f"call of {statement.attributes['function']}, without what is listed"
        case name:
            return f"{name} (interpreter)" if measured.hosted else name


def users_span(span: Span | None) -> Span | None:
    """The place in the user's code that asked for what stands in the library."""
    if span is None or not span.source.library:
        return span
    for frame in getattr(span, "calls", ()):
        if frame.span is not None and not frame.span.source.library:
            outer: Span = frame.span
            return outer
    return span


def by_line(parts: Iterable[Row]) -> list[Row]:
    """One row for each line, those that took longest first."""
    found: dict[object, Row] = {}
    for row in parts:
        key = place(row)
        if key not in found:
            found[key] = Row(row.span, "")
        found[key].add(row)
    return sorted(found.values(), key=lambda row: -row.seconds)


def place(row: Row) -> str:
    if row.span is None:
        return ""
    return f"{row.span.source.name}:{row.span.source.location(row.span.start)[0]}"


def together(profile: Profile) -> list[list[tuple[str, int]]]:
    """The lines, with their files, of each piece of work that has several, when not measured."""
    found = []
    for statements in profile.together:
        spans = [users_span(s.span) for s in statements]
        lines = {(s.source.name, s.source.location(s.start)[0]) for s in spans if s is not None}
        if len(lines) > 1:
            found.append(sorted(lines))
    return found


def in_words(lines: Sequence[tuple[str, int]]) -> str:
    files = {file: [n for name, n in lines if name == file] for file, _ in lines}
    return "; ".join(f"{file}:{', '.join(map(str, n))}" for file, n in files.items())


def source_text(row: Row) -> str:
    if row.span is None:
        return ""
    line = row.span.source.location(row.span.start)[0]
    return clipped(row.span.source.line(line).strip())


def clipped(text: str) -> str:
    return text if len(text) <= WIDEST else text[: WIDEST - 3] + "..."


# --- Tables --------------------------------------------------------------------------------------


def table(
    rows: Sequence[Row], profile: Profile, text: Callable[[Row], str]
) -> list[tuple[str, ...]]:
    """A heading, the rows, what is not in them, and the whole."""
    whole = max(profile.seconds, 1e-9)
    shown = [cells(row, whole, profile.counted, place(row), text(row)) for row in rows[:MOST_ROWS]]
    rest = Row(None, "", profile.seconds - sum(row.seconds for row in rows[:MOST_ROWS]))
    blank = ("",) * (3 if profile.counted else 0)
    bottom = [
        (milliseconds(rest), share(rest, whole), *blank, "", OUTSIDE),
        (f"{profile.seconds * 1e3:.1f} ms", "100%", *blank, "", "total"),
    ]
    counted = ("calls", "moved", "of the peak") if profile.counted else ()
    return [("time", "share", *counted, "line", ""), *shown, *bottom]


def cells(row: Row, whole: float, counted: bool, where: str, text: str) -> tuple[str, ...]:
    numbers = (f"{row.calls:,}", readable(row.bytes) if row.bytes else "", strain(row))
    return (milliseconds(row), share(row, whole), *(numbers if counted else ()), where, text)


def milliseconds(row: Row) -> str:
    return f"{max(row.seconds, 0.0) * 1e3:.1f} ms"


def share(row: Row, whole: float) -> str:
    return f"{max(row.seconds, 0.0) / whole:.1%}"


def strain(row: Row) -> str:
    found, of = row.peak
    return f"{found:.0%} {of}" if found >= 0.005 else ""


# --- JSON ----------------------------------------------------------------------------------------


def as_json(profile: Profile, peak: Peak | None, lines: Sequence[Row], parts: Sequence[Row]) -> str:
    """`lines` and `parts` as in the tables; seconds, bytes and operations as numbers."""
    found: dict[str, object] = {"seconds": profile.seconds}
    if peak is not None:
        found["peak"] = {
            "bytes_per_second": peak.bytes,
            "operations_per_second": peak.operations,
        }
    found["lines"] = [as_entry(row, profile.counted, text=source_text(row)) for row in lines]
    if profile.counted:
        found["parts"] = [as_entry(row, True, what=row.what) for row in parts]
        found["together"] = [
            [{"file": file, "line": line} for file, line in lines] for lines in together(profile)
        ]
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


def as_entry(row: Row, counted: bool, **words: str) -> dict[str, object]:
    file, _, line = place(row).rpartition(":")
    entry: dict[str, object] = {
        "file": file or None,
        "line": int(line) if line else None,
        **words,
        "seconds": row.seconds,
    }
    if counted:
        entry |= {
            "calls": row.calls,
            "bytes": row.bytes,
            "operations": row.operations,
            "share_of_peak": row.peak[0],
        }
    return entry
