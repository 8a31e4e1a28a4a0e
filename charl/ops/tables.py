"""CSV files: numbers into a tensor, or cells as text.

A row is a line of the file, counted from 1 as an editor does; blank lines are skipped, cells may be
quoted with `"`, files may be gzip. With the delimiter " " any run of white space separates cells.
Under `header: "auto"` the first row is a header when it holds no number and the second row does.

A plain numeric file goes through NumPy's reader in C. Whatever that refuses, and every file with
quotes, is read cell by cell, which finds the exact place of what is wrong.
"""

from __future__ import annotations

import csv
import io
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from charl.core.op import Effect, Fault, Kind, Op, Parameter, RuleContext, declare
from charl.ops.expect import PATH, expect_count, expect_int, expect_string, integer
from charl.ops.faults import limits
from charl.ops.files import NO_GRADIENT, decoded, read_unzipped
from charl.records import record
from charl.types.dtypes import FLOAT32, FLOAT64, INT64, DType
from charl.types.types import STRING, List, Tensor, Type, Typed

HEADERS = ("auto", "yes", "no")
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


@record
class Row:
    """One row; `number` is the line it begins on."""

    number: int
    cells: list[str]


@record
class Table:
    """A CSV file being read. `width` is the number of cells of its first row."""

    path: str
    delimiter: str
    text: str

    def rows(self) -> Iterator[Row]:
        if '"' in self.text and self.delimiter != " ":
            yield from self._quoted_rows()
            return
        for number, line in enumerate(_lines(self.text), 1):
            if line and not line.isspace():
                yield Row(number, _split(line, self.delimiter))

    def count(self) -> int:
        """The number of rows."""
        if '"' in self.text:
            return sum(1 for _ in self.rows())
        return len(_filled(self.text))

    def _quoted_rows(self) -> Iterator[Row]:
        reader = csv.reader(
            io.StringIO(self.text, newline=""), delimiter=self.delimiter, strict=True
        )
        before = csv.field_size_limit(sys.maxsize)
        line = 1
        try:
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    yield Row(line, cells)
                line = reader.line_num + 1
        except csv.Error as error:
            ends = "unexpected end" in str(error)
            what = "opens a quote that never closes" if ends else "has text after a closing quote"
            raise Fault(
                "E0604",
                f"row {line} of `{self.path}` {what}",
                helps=('a quote inside a quoted cell is written twice: `"say ""hi"""`',),
            ) from None
        finally:
            csv.field_size_limit(before)


def open_table(path: str, delimiter: str) -> Table:
    """Faults: E0601, E0602, E0603, E0608, and E0610 when there is no row."""
    text = decoded(read_unzipped(path), path)
    if not text or text.isspace():
        raise Fault("E0610", f"`{path}` is empty")
    return Table(path, delimiter, text)


def _lines(text: str) -> Iterator[str]:
    """The lines one by one, for readers that may stop early."""
    start = 0
    while (stop := text.find("\n", start)) >= 0:
        yield text[start:stop]
        start = stop + 1
    yield text[start:]


def _filled(text: str) -> list[str]:
    """The lines that are not blank."""
    return [line for line in text.split("\n") if line and not line.isspace()]


def _split(line: str, delimiter: str) -> list[str]:
    return line.split() if delimiter == " " else line.split(delimiter)


def _first_rows(table: Table) -> tuple[Row, Row | None]:
    rows = table.rows()
    return next(rows), next(rows, None)


def _has_header(table: Table, header: str) -> bool:
    if header != "auto":
        return header == "yes"
    first, second = _first_rows(table)
    if second is None or any(_is_number(cell) for cell in first.cells):
        return False
    return any(_is_number(cell) for cell in second.cells)


def _selected(table: Table, columns: Sequence[int], width: int) -> list[int]:
    """The places of the columns asked for, counted from 0; all when none are named."""
    for column in columns:
        if not -width <= column < width:
            raise Fault(
                "E0604",
                f"`{table.path}` has no column {column}: its rows have {_cells(width)}",
                helps=(f"columns are counted from 0: 0 to {width - 1}",),
            )
    return [column % width for column in columns] or list(range(width))


# --- Numbers -------------------------------------------------------------------------------------


def load_csv(
    path: str,
    *,
    header: str = "auto",
    delimiter: str = ",",
    columns: Sequence[int] = (),
    dtype: DType = FLOAT32,
) -> np.ndarray[Any, Any]:
    """The numbers of a CSV file, dtype[rows, columns]."""
    table = open_table(path, delimiter)
    headed = _has_header(table, header)
    plain = _load_plain(table, headed, columns, dtype)
    return _load_by_cells(table, headed, columns, dtype) if plain is None else plain


def _load_plain(
    table: Table, headed: bool, columns: Sequence[int], dtype: DType
) -> np.ndarray[Any, Any] | None:
    """NumPy's reader in C; None when it is not up to the file."""
    if '"' in table.text or dtype.kind == "bool":
        return None
    lines = _filled(table.text)
    delimiter = table.delimiter
    width = len(_split(lines[0], delimiter))
    if delimiter == " ":
        if any(len(line.split()) != width for line in lines):
            return None
    elif any(line.count(delimiter) != width - 1 for line in lines):
        return None
    places = _selected(table, columns, width)
    body = lines[1:] if headed else lines
    if not body:
        return np.zeros((0, len(places)), dtype.numpy)
    wide = INT64 if dtype.is_int else FLOAT64
    try:
        with warnings.catch_warnings(action="error"):  # a float in a column of integers
            numbers = np.loadtxt(
                body,
                wide.numpy,
                comments=None,
                delimiter=None if delimiter == " " else delimiter,
                usecols=places if columns else None,
                ndmin=2,
            )
    except (ValueError, OverflowError, Warning):
        return None
    if dtype.is_int and numbers.size:
        low, high = limits(dtype)
        if numbers.min() < low or numbers.max() > high:
            return None
    with np.errstate(over="ignore"):
        return numbers.astype(dtype.numpy, copy=False)


def _load_by_cells(
    table: Table, headed: bool, columns: Sequence[int], dtype: DType
) -> np.ndarray[Any, Any]:
    rows = table.rows()
    first = next(rows)
    width = len(first.cells)
    places = _selected(table, columns, width)
    names = first.cells if headed else None
    numbers = [] if headed else [_row_numbers(table, first, places, None, dtype, first)]
    for row in rows:
        if len(row.cells) != width:
            raise _ragged(table, row, first)
        numbers.append(_row_numbers(table, row, places, names, dtype, first))
    shape = (len(numbers), len(places))
    with np.errstate(over="ignore"):
        return np.array(numbers, dtype.numpy).reshape(shape)


def _row_numbers(
    table: Table,
    row: Row,
    places: Sequence[int],
    names: Sequence[str] | None,
    dtype: DType,
    first: Row,
) -> list[Any]:
    numbers = []
    for place in places:
        wrong, number = _read(row.cells[place].strip(), dtype)
        if wrong:
            raise _not_numeric(table, row, place, names, wrong, row is first)
        numbers.append(number)
    return numbers


def _is_number(cell: str) -> bool:
    """What NumPy's reader takes for a float: ASCII, no underscores, white space around it."""
    try:
        float(cell)
    except ValueError:
        return False
    return cell.isascii() and "_" not in cell


def _read(cell: str, dtype: DType) -> tuple[str, Any]:
    """What is wrong with a cell ("" when nothing is), and its number."""
    if cell == "":
        return "is empty", None
    shown = f'holds "{cell if len(cell) <= 40 else cell[:37] + "..."}"'
    if dtype.kind == "bool":
        found = _BOOLEANS.get(cell.lower())
        return (f"{shown}, not true, false, 1 or 0", None) if found is None else ("", found)
    if not _is_number(cell):
        return f"{shown}, not a number", None
    if dtype.is_float:
        return "", float(cell)
    digits = cell.lstrip("+-")
    whole = int(cell) if digits.isdigit() and len(digits) <= 4000 else float(cell)
    if isinstance(whole, float) and not whole.is_integer():
        return f"{shown}, not an integer", None
    low, high = limits(dtype)
    return (
        (f"{shown}, too large for {dtype}", None) if not low <= whole <= high else ("", int(whole))
    )


# --- What is wrong -------------------------------------------------------------------------------


def _cells(count: int) -> str:
    return f"{count} cell{'' if count == 1 else 's'}"


def _ragged(table: Table, row: Row, first: Row) -> Fault:
    expected, found = len(first.cells), len(row.cells)
    commas = found > expected and table.delimiter == ","
    return Fault(
        "E0604",
        f"row {row.number} of `{table.path}` has {_cells(found)}, "
        f"but row {first.number} has {expected}",
        helps=('a comma inside a cell needs quotes around it: `"a, b"`',) if commas else (),
    )


def _not_numeric(
    table: Table, row: Row, place: int, names: Sequence[str] | None, wrong: str, is_first: bool
) -> Fault:
    called = f" ({names[place].strip()})" if names and names[place].strip() else ""
    return Fault(
        "E0605",
        f"row {row.number}, column {place + 1}{called} of `{table.path}` {wrong}",
        helps=tuple(_cell_helps(table, row, place, wrong, is_first)),
    )


def _cell_helps(table: Table, row: Row, place: int, wrong: str, is_first: bool) -> Iterator[str]:
    cell = row.cells[place]
    for other in (";", "\t", "|", ","):
        if len(row.cells) == 1 and other in cell and other != table.delimiter:
            shown = "\\t" if other == "\t" else other
            yield f'the cells seem to be separated by `{shown}`: add `delimiter: "{shown}"`'
            return
    if "," in cell and _is_number(cell.replace(",", ".", 1)):
        yield "numbers are written with a point: `1.5`"
        return
    if "not an integer" in wrong:
        yield "read floats instead: `dtype: float32`"
        return
    if is_first:
        yield 'if the first row names the columns, add `header: "yes"`'
    numeric = [i for i, other in enumerate(row.cells) if _is_number(other)]
    if len(numeric) > 1 or (numeric and not is_first):
        yield f"read only columns that hold numbers, counted from 0: `columns: {numeric}`"
        yield f'`read_csv_column("{table.path}", {place})` reads this one as strings'


# --- Text ----------------------------------------------------------------------------------------


def _read_csv(path: str, *, delimiter: str = ",") -> list[list[str]]:
    return [row.cells for row in open_table(path, delimiter).rows()]


def _read_csv_column(
    path: str, column: int, *, header: str = "auto", delimiter: str = ","
) -> list[str]:
    table = open_table(path, delimiter)
    headed = _has_header(table, header)
    rows = list(table.rows())
    (place,) = _selected(table, (column,), len(rows[0].cells))
    for row in rows:
        if len(row.cells) != len(rows[0].cells):
            raise _ragged(table, row, rows[0])
    return [row.cells[place] for row in rows[headed:]]


def table_shape(path: str, header: str, delimiter: str, columns: Sequence[int]) -> tuple[int, int]:
    """The shape `load_csv` will give, as far as can be seen without reading the numbers."""
    table = open_table(path, delimiter)
    count = table.count() - _has_header(table, header)
    width = len(_first_rows(table)[0].cells)
    return count, len(_selected(table, columns, width))


# --- Declarations --------------------------------------------------------------------------------


def _expect_options(ctx: RuleContext, attributes: Mapping[str, Any]) -> None:
    header = attributes.get("header", "auto")
    if header not in HEADERS:
        ctx.fail(f'`header` is "auto", "yes" or "no", not "{header}"')
    delimiter = attributes.get("delimiter", ",")
    if len(delimiter) != 1 or delimiter in '"\n\r':
        ctx.fail("`delimiter` is one character, and not a quote or a line end")


def _load_csv_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Mapping[str, Any]
) -> tuple[Type, ...]:
    expect_count(ctx, operands, 1)
    expect_string(ctx, operands, 0)
    _expect_options(ctx, attributes)
    columns = attributes.get("columns", ())
    width = len(columns) if columns else ctx.unknown("columns")
    return (Tensor(attributes.get("dtype", FLOAT32), (ctx.unknown("rows"), width)),)


def _read_csv_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Mapping[str, Any]
) -> tuple[Type, ...]:
    expect_count(ctx, operands, 1)
    expect_string(ctx, operands, 0)
    _expect_options(ctx, attributes)
    return (List(List(STRING)),)


def _read_csv_column_rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Mapping[str, Any]
) -> tuple[Type, ...]:
    expect_count(ctx, operands, 2)
    expect_string(ctx, operands, 0)
    expect_int(ctx, operands, 1)
    _expect_options(ctx, attributes)
    return (List(STRING),)


HEADER = Parameter("header", Kind.TEXT, default="auto")
DELIMITER = Parameter("delimiter", Kind.TEXT, default=",")

declare(
    Op(
        "load_csv",
        "The numbers of a CSV file, dtype[rows, columns]; `columns`, counted from 0, selects some. "
        'A header is found by itself, or by `header: "yes"` or "no".',
        (
            PATH,
            HEADER,
            DELIMITER,
            Parameter("columns", Kind.INTEGERS, default=()),
            Parameter("dtype", Kind.DTYPE, default=FLOAT32),
        ),
        _load_csv_rule,
        load_csv,
        no_gradient=NO_GRADIENT,
        surface="load_csv",
        effect=Effect.EFFECT,
    )
)
declare(
    Op(
        "read_csv",
        "The cells of a CSV file as strings, row by row, the header included.",
        (PATH, DELIMITER),
        _read_csv_rule,
        _read_csv,
        no_gradient=NO_GRADIENT,
        surface="read_csv",
        effect=Effect.EFFECT,
    )
)
declare(
    Op(
        "read_csv_column",
        "One column of a CSV file as strings, counted from 0, without the header.",
        (PATH, integer("column"), HEADER, DELIMITER),
        _read_csv_column_rule,
        _read_csv_column,
        no_gradient=NO_GRADIENT,
        surface="read_csv_column",
        effect=Effect.EFFECT,
    )
)
