"""Products of small matrices of constant sizes, written out.

A call of BLAS costs more than the whole of a product of a few hundred multiplications. Here the
result is cut into tiles of a few rows and a few vectors that stay in registers while the sum runs:
each step multiplies a number of a, the same for all lanes, with vectors of b. Where b lies
transposed and there are few rows, the lanes run along the sum instead and are added up at the end;
where there are many rows, b is first turned round on the stack.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from charl.backend.llvm.functions import FunctionWriter
from charl.backend.llvm.loops import counted
from charl.backend.llvm.strided import MatrixProduct
from charl.backend.llvm.tensors import element_place, item_bytes
from charl.backend.llvm.text import Text, literal, scalar_type
from charl.records import record
from charl.types.dtypes import DType

LIMIT = 1 << 14  # multiplications, outer axes included; about where BLAS catches up
TURNED = 1 << 12  # elements of b that may be turned round on the stack
VECTOR_BYTES = 32
ROWS, VECTORS = 4, 2  # of a tile
UNROLLED = 8  # the longest sum without a loop


@record
class Small:
    """A product whose sizes and strides are numbers; the pointers those of one position."""

    a: str
    b: str
    c: str
    m: int
    n: int
    k: int
    a_row: int
    a_column: int
    b_row: int
    b_column: int
    c_row: int


def is_small(p: MatrixProduct, dtype: DType) -> bool:
    work = 1
    for size in (p.m, p.n, p.k, *(axis.size for axis in p.outer)):
        if not size.isdecimal():
            return False
        work *= max(int(size), 1)
    strides = (p.a_row, p.a_column, p.b_row, p.b_column, p.c_row)
    if p.b_column != "1" and int(p.k) * int(p.n) > TURNED:
        return False
    return work <= LIMIT and all(x.isdecimal() for x in strides)


def write_small_product(w: FunctionWriter, p: MatrixProduct, dtype: DType) -> None:
    if "0" in (p.m, p.n, *(axis.size for axis in p.outer)):
        return
    _outer(w, p, dtype, 0, (p.a, p.b, p.c))


def _outer(
    w: FunctionWriter, p: MatrixProduct, dtype: DType, depth: int, at: tuple[str, str, str]
) -> None:
    """Loops over the outer axes from `depth` on, and the matrices within."""
    if depth < len(p.outer):
        axis = p.outer[depth]
        with counted(w.text, axis.size) as index:
            places = (
                element_place(w, dtype, pointer, w.text.let(f"mul nsw i64 {index}, {step}"))
                for pointer, step in zip(at, (axis.a, axis.b, axis.c))
            )
            a, b, c = places
            _outer(w, p, dtype, depth + 1, (a, b, c))
        return
    names = (p.m, p.n, p.k, p.a_row, p.a_column, p.b_row, p.b_column, p.c_row)
    small = Small(*at, *(int(name) for name in names))
    if small.n == 1 and small.m > 1 and small.c_row == 1:
        small = turned(small)
    _Tiles(w, small, dtype).write()


def turned(p: Small) -> Small:
    """The product of the transposes in the other order: a vector of results becomes a row."""
    return Small(p.b, p.a, p.c, p.n, p.m, p.k, p.b_column, p.b_row, p.a_column, p.a_row, p.c_row)


class _Tiles:
    """Writes one product of two matrices."""

    def __init__(self, w: FunctionWriter, p: Small, dtype: DType) -> None:
        self.w = w
        self.text: Text = w.text
        self.p = p
        self.dtype = dtype
        self.element = scalar_type(dtype)
        self.lanes = VECTOR_BYTES // item_bytes(dtype)

    def write(self) -> None:
        p = self.p
        along_sum = p.a_column == 1 and p.b_row == 1 and p.k > 1
        if along_sum and (p.n == 1 or (p.b_column != 1 and p.m < ROWS)):
            self.dots()
            return
        if p.b_column != 1 and p.n > 1:
            self.turn_b()
        self.tiles()

    # --- Lanes along the columns ----------------------------------------------------------------

    def tiles(self) -> None:
        p, wide = self.p, self.lanes * VECTORS
        for row, rows in steps(self.text, p.m, ROWS):
            for column, columns in steps(self.text, p.n, wide):
                pieces = list(cut(columns, self.lanes))
                self.tile(row, rows, column, pieces)

    def tile(self, row: str, rows: int, column: str, pieces: Sequence[tuple[int, int]]) -> None:
        """Rows from `row` on, and the columns of these pieces (offset, lanes) from `column` on."""
        p = self.p
        a = self.at(p.a, (row, p.a_row))
        b = self.at(p.b, (column, p.b_column))
        kinds = [self.vector(lanes) for _ in range(rows) for _, lanes in pieces]

        def step(position: str, sums: list[str]) -> list[str]:
            right = [
                self.load(self.at(b, (position, p.b_row), (offset, p.b_column)), lanes)
                for offset, lanes in pieces
            ]
            found = []
            for i in range(rows):
                number = self.load(self.at(a, (i, p.a_row), (position, p.a_column)), 1)
                for n, (_, lanes) in enumerate(pieces):
                    total = sums[i * len(pieces) + n]
                    found.append(
                        self.multiply_add(self.spread(number, lanes), right[n], total, lanes)
                    )
            return found

        sums = self.sum(p.k, 1, kinds, step)
        for i in range(rows):
            target = self.at(p.c, (row, p.c_row), (column, 1), (i, p.c_row))
            for n, (offset, lanes) in enumerate(pieces):
                self.store(sums[i * len(pieces) + n], self.at(target, (offset, 1)), lanes)

    def turn_b(self) -> None:
        """A copy of b on the stack whose rows are dense."""
        p = self.p
        copy = self.text.alloca(f"[{p.k * p.n} x {self.element}]")
        with counted(self.text, str(p.n)) as column, counted(self.text, str(p.k)) as row:
            value = self.load(self.at(p.b, (row, p.b_row), (column, p.b_column)), 1)
            self.store(value, self.at(copy, (row, p.n), (column, 1)), 1)
        self.p = Small(p.a, copy, p.c, p.m, p.n, p.k, p.a_row, p.a_column, p.n, 1, p.c_row)

    # --- Lanes along the sum --------------------------------------------------------------------

    def dots(self) -> None:
        p = self.p
        for row, rows in steps(self.text, p.m, 1):
            assert rows == 1
            for column, columns in steps(self.text, p.n, ROWS):
                self.dot(row, column, columns)

    def dot(self, row: str, column: str, columns: int) -> None:
        """The sums of some columns in one row: whole vectors first, then what is left of them."""
        p, lanes = self.p, self.lanes
        a = self.at(p.a, (row, p.a_row))
        b = self.at(p.b, (column, p.b_column))
        vectors = p.k // lanes

        def step_of(width: int, start: int) -> Callable[[str, list[str]], list[str]]:
            def step(position: str, sums: list[str]) -> list[str]:
                left = self.load(self.at(a, (position, width), (start, 1)), width)
                return [
                    self.multiply_add(
                        left,
                        self.load(
                            self.at(b, (j, p.b_column), (position, width), (start, 1)), width
                        ),
                        total,
                        width,
                    )
                    for j, total in enumerate(sums)
                ]

            return step

        totals = [self.zero(1)] * columns
        if vectors:
            kinds = [self.vector(lanes)] * columns
            sums = self.sum(vectors, 1, kinds, step_of(lanes, 0))
            totals = [self.added_up(x, lanes) for x in sums]
        for offset, width in cut(p.k - vectors * lanes, max(lanes // 2, 1)):
            sums = step_of(width, vectors * lanes + offset)("0", [self.zero(width)] * columns)
            parts = [self.added_up(x, width) for x in sums]
            totals = [self.add(x, y) for x, y in zip(totals, parts)]
        for j, total in enumerate(totals):
            self.store(total, self.at(p.c, (row, p.c_row), (column, 1), (j, 1)), 1)

    # --- Sums -----------------------------------------------------------------------------------

    def sum(
        self,
        count: int,
        every: int,
        kinds: Sequence[str],
        step: Callable[[str, list[str]], list[str]],
    ) -> list[str]:
        """`step` for every position, from zeros of these types on."""
        sums = ["zeroinitializer" if kind.startswith("<") else self.zero(1) for kind in kinds]
        if count <= UNROLLED:
            for turn in range(0, count, every):
                sums = step(str(turn), sums)
            return sums
        text, before = self.text, self.text.here
        head, done = text.label("sum"), text.label("sum.end")
        text.place(head)
        position, gap = text.open_phi("i64")
        gaps = [text.open_phi(kind) for kind in kinds]
        found = step(position, [name for name, _ in gaps])
        following = text.let(f"add nsw i64 {position}, {every}")
        edge = text.here
        text.branch(text.let(f"icmp slt i64 {following}, {count}"), head, done)
        text.fill(gap, [("0", before), (following, edge)])
        for (_, place), start, new in zip(gaps, sums, found):
            text.fill(place, [(start, before), (new, edge)])
        text.place(done)
        return found

    # --- Vectors --------------------------------------------------------------------------------

    def vector(self, lanes: int) -> str:
        return f"<{lanes} x {self.element}>" if lanes > 1 else self.element

    def zero(self, lanes: int) -> str:
        return "zeroinitializer" if lanes > 1 else literal(0, self.dtype)

    def at(self, pointer: str, *steps: tuple[str | int, int]) -> str:
        """The pointer moved by index times stride, for each of these."""
        known = 0
        for index, step in steps:
            if step == 0 or index in (0, "0"):
                continue
            if isinstance(index, int) or index.isdecimal():
                known += int(index) * step
                continue
            offset = index if step == 1 else self.text.let(f"mul nsw i64 {index}, {step}")
            pointer = element_place(self.w, self.dtype, pointer, offset)
        return element_place(self.w, self.dtype, pointer, str(known)) if known else pointer

    def load(self, pointer: str, lanes: int) -> str:
        align = item_bytes(self.dtype)
        return self.text.let(f"load {self.vector(lanes)}, ptr {pointer}, align {align}")

    def store(self, value: str, pointer: str, lanes: int) -> None:
        align = item_bytes(self.dtype)
        self.text.put(f"store {self.vector(lanes)} {value}, ptr {pointer}, align {align}")

    def spread(self, number: str, lanes: int) -> str:
        """The number in every lane."""
        if lanes == 1:
            return number
        kind = self.vector(lanes)
        one = self.text.let(f"insertelement {kind} poison, {self.element} {number}, i64 0")
        return self.text.let(
            f"shufflevector {kind} {one}, {kind} poison, <{lanes} x i32> zeroinitializer"
        )

    def multiply_add(self, x: str, y: str, total: str, lanes: int) -> str:
        kind = self.vector(lanes)
        if self.dtype.is_int:
            return self.text.let(f"add {kind} {self.text.let(f'mul {kind} {x}, {y}')}, {total}")
        suffix = f"f{self.dtype.bits}" if lanes == 1 else f"v{lanes}f{self.dtype.bits}"
        name = self.w.declare(f"llvm.fmuladd.{suffix}", kind, [kind, kind, kind])
        return self.text.let(f"call {kind} {name}({kind} {x}, {kind} {y}, {kind} {total})")

    def add(self, x: str, y: str) -> str:
        op = "add" if self.dtype.is_int else "fadd"
        return self.text.let(f"{op} {self.element} {x}, {y}")

    def added_up(self, x: str, lanes: int) -> str:
        if lanes == 1:
            return x
        kind = self.vector(lanes)
        if self.dtype.is_int:
            name = self.w.declare(
                f"llvm.vector.reduce.add.v{lanes}i{self.dtype.bits}", self.element, [kind]
            )
            return self.text.let(f"call {self.element} {name}({kind} {x})")
        name = self.w.declare(
            f"llvm.vector.reduce.fadd.v{lanes}f{self.dtype.bits}",
            self.element,
            [self.element, kind],
        )
        zero = literal(0, self.dtype)
        # In any order: pairwise is what the lanes are for.
        return self.text.let(
            f"call reassoc {self.element} {name}({self.element} {zero}, {kind} {x})"
        )


def steps(text: Text, size: int, step: int) -> Iterator[tuple[str, int]]:
    """(start, count) of the steps through a size: a loop where there are several whole ones, and
    what is left."""
    whole = size // step
    if whole > 1:
        with counted(text, str(whole * step), step) as start:
            yield start, step
    elif whole == 1:
        yield "0", step
    if size % step:
        yield str(whole * step), size % step


def cut(size: int, most: int) -> Iterator[tuple[int, int]]:
    """(offset, lanes) of pieces that are powers of two, the longest first."""
    offset = 0
    while offset < size:
        lanes = most
        while lanes > size - offset:
            lanes //= 2
        yield offset, lanes
        offset += lanes
