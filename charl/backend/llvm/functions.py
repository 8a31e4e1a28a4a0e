"""One function of Core as one function of LLVM.

A function takes the registers of its parameters and returns a status and the registers of its
results; a status that is not zero says that the program stops, and every caller hands it on, having
noted where the call stands. Blocks of Core become the blocks of LLVM's control flow, what loops and
branches carry becomes phis.

Every value in memory is counted. A statement borrows its operands; what `ownership` says to die
with it is either taken over (`take`) or released after it. A statement that has no code of its own
here is done by the host: the interpreter's rule for the op, called back with its operands in slots.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

from charl.backend.llvm import measuring
from charl.backend.llvm.driving import LONG, only_drives
from charl.backend.llvm.layout import (
    Held,
    dtype_of,
    held_in,
    rank,
    register_types,
    registers,
    words,
)
from charl.backend.llvm.module import Module, is_constant
from charl.backend.llvm.scalars import has_form, scalar
from charl.backend.llvm.taken_out import Left, items_taken_out
from charl.backend.llvm.text import Text, literal, scalar_type
from charl.backend.llvm.views import transposed_views
from charl.core.ir import Block, Function, Statement, Value
from charl.records import record
from charl.transform.in_place import InPlace, plan_in_place
from charl.transform.ownership import Ownership, plan_ownership
from charl.transform.ranges import Check, Ranges, integer_ranges
from charl.transform.small_nests import small_nests
from charl.types import dims
from charl.types.dims import Dim, FloorDiv, Modulo, Polynomial, Symbol
from charl.types.dtypes import BOOL
from charl.types.types import Tensor, Type, is_scalar

Writer = Callable[["FunctionWriter", Statement], None]

# What writes the statements of an op, by its name; the other files of this package enter theirs.
WRITERS: dict[str, Writer] = {}

UNLIKELY = ", !prof !0"


def writer(*names: str) -> Callable[[Writer], Writer]:
    def enter(function: Writer) -> Writer:
        for name in names:
            WRITERS[name] = function
        return function

    return enter


def counted(value: Value) -> bool:
    """Whether a value lies in memory, and its references are counted."""
    return not is_scalar(value.type)


@record
class Scope:
    """What a block knows, see `FunctionWriter`."""

    symbols: Mapping[Symbol, str]
    lists: Mapping[Value, tuple[str, str]]
    inside: Mapping[tuple[str, str], str]


class FunctionWriter:
    """Writes one function. `statement` is the one in hand, `dying` those of its operands that it
    may still take over, `spared` the checks that a guard around it has made superfluous.

    What is in registers on every way to the statement in hand: `symbols`; of `lists` the length and
    the pointer to the items; of indices that lie `inside` a size what they are from the front.
    `scopes` has what LLVM calls the memory of each tensor that the loops around it change in place,
    by the parameter that it begins with."""

    def __init__(self, module: Module, function: Function) -> None:
        self.module = module
        self.function = function
        self.text = Text()
        self.checked = True
        self.held: dict[Value, Held] = {}
        self.symbols: dict[Symbol, str] = {}
        self.lists: dict[Value, tuple[str, str]] = {}
        self.inside: dict[tuple[str, str], str] = {}
        self.scopes: dict[Value, str] = {}
        self.spared: frozenset[Check] = frozenset()
        self.statement: Statement | None = None
        self.dying: list[Value] = []
        self.late: list[Text] = []
        self.failures: dict[Statement, str] = {}
        self.leave = ""
        self.slots = ""
        self.slot_words = 0

    # What is known of the whole function; a kernel asks for none of it.

    @cached_property
    def plan(self) -> Ownership:
        return plan_ownership(self.function, counted)

    @cached_property
    def views(self) -> Mapping[Value, tuple[int, ...]]:
        return transposed_views(self.function)

    @cached_property
    def taken_out(self) -> dict[Statement, Left]:
        return items_taken_out(self.function, self.plan)

    @cached_property
    def in_place(self) -> InPlace:
        return plan_in_place(self.function, self.plan)

    @cached_property
    def ranges(self) -> Ranges:
        return integer_ranges(self.function)

    @cached_property
    def written_out(self) -> set[Statement]:
        return small_nests(self.function, self.ranges.turns)

    # --- The function ---------------------------------------------------------------------------

    def write(self) -> str:
        body = self.function.body
        parameters = []
        for index, value in enumerate(body.parameters):
            names = [f"%p{index}.{n}" for n in range(len(register_types(value.type)))]
            parameters += [f"{t} {n}" for t, n in zip(register_types(value.type), names)]
            self.bind(value, held_in(names, value.type))
        self.slots = "%slots"
        if self.module.may_recur(self.function.name):
            self.check_stack()
        self.block(body)
        results = [r for v in self.results_of(body) for r in registers(v[0], v[1])]
        self.return_results(results)
        for late in self.late:
            self.text.lines += late.lines
        header = f"define internal {self.return_type()} {self.module.symbol(self.function.name)}"
        if self.slot_words:
            self.text.entry.insert(0, f"  %slots = alloca i64, i64 {self.slot_words}, align 16")
        return f"{header}({', '.join(parameters)}){self.effort()} {{\n{self.text.body()}\n}}\n"

    def effort(self) -> str:
        """Whether LLVM is to leave the function as it is, as an attribute."""
        is_long = len(self.text.lines) > LONG and not self.module.may_recur(self.function.name)
        return " noinline optnone" if is_long and only_drives(self.function) else ""

    def return_type(self) -> str:
        return return_type(self.function)

    def return_results(self, results: Sequence[str]) -> None:
        type = self.return_type()
        if type == "i32":
            self.text.end("ret i32 0")
            return
        kinds = [k for v in self.function.body.results for k in register_types(v.type)]
        value = self.text.let(f"insertvalue {type} undef, i32 0, 0")
        for index, (kind, name) in enumerate(zip(kinds, results)):
            value = self.text.let(f"insertvalue {type} {value}, {kind} {name}, {index + 1}")
        self.text.end(f"ret {type} {value}")

    def check_stack(self) -> None:
        """Stops a recursion without end before the stack does."""
        place = self.text.let("call ptr @llvm.frameaddress.p0(i32 0)")
        limit = self.text.let("load ptr, ptr @charl_stack_limit")
        low = self.text.let(f"icmp ult ptr {place}, {limit}")
        stop = self.text.label("deep")
        go_on = self.text.label("deep.no")
        self.text.branch(low, stop, go_on, UNLIKELY)
        late = self.text.apart(stop)
        site = self.module.function_site(self.function)
        late.put(f"call void @charl_too_deep(i64 {site})")
        self.fail(late, "1")
        self.late.append(late)
        self.text.place(go_on)

    def fail(self, text: Text, status: str) -> None:
        """The end of a block that hands on a status."""
        type = self.return_type()
        if type == "i32":
            text.end(f"ret i32 {status}")
        else:
            result = text.let(f"insertvalue {type} undef, i32 {status}, 0")
            text.end(f"ret {type} {result}")

    # --- Values ---------------------------------------------------------------------------------

    def bind(self, value: Value, held: Held) -> None:
        """This is the value from here on; the sizes it tells define symbols."""
        self.held[value] = held
        if value.dim is not None:
            symbol = dims.as_symbol(value.dim)
            if symbol is not None:
                self.symbols.setdefault(symbol, held.text)
        if isinstance(value.type, Tensor):
            for size, dim in zip(held.sizes, value.type.shape):
                symbol = dims.as_symbol(dim)
                if symbol is not None:
                    self.symbols.setdefault(symbol, size)

    def of(self, value: Value) -> str:
        """The register of a scalar, the pointer of anything else."""
        return self.held[value].text

    def size(self, dim: Dim) -> str:
        """A size as a register or literal; all its symbols are known here."""
        if isinstance(dim, int):
            return str(dim)
        assert isinstance(dim, Polynomial), dim
        total = ""
        for monomial, coefficient in dim.terms:
            product = "" if coefficient == 1 and monomial else str(coefficient)
            for atom in monomial:
                factor = self.atom(atom)
                product = self.text.let(f"mul i64 {product}, {factor}") if product else factor
            total = self.text.let(f"add i64 {total}, {product}") if total else product
        return total

    def atom(self, atom: Symbol | FloorDiv | Modulo) -> str:
        if isinstance(atom, Symbol):
            return self.symbols[atom]
        name = "floor_div" if isinstance(atom, FloorDiv) else "mod"
        a, b = self.size(atom.numerator), self.size(atom.denominator)
        call = self.declare(f"charl_{name}_size", "i64", ["i64", "i64"])
        return self.text.let(f"call i64 {call}(i64 {a}, i64 {b})")

    def knows(self, dim: Dim) -> bool:
        return isinstance(dim, int) or (
            isinstance(dim, Polynomial) and all(s in self.symbols for s in dims.symbols(dim))
        )

    def declare(self, name: str, result: str, operands: Sequence[str]) -> str:
        return self.module.declare(name, result, operands)

    # --- References -----------------------------------------------------------------------------

    def retain(self, pointer: str) -> None:
        if not is_constant(pointer):
            self.text.put(f"call void @charl.retain(ptr {pointer})")

    def release(self, pointer: str) -> None:
        if not is_constant(pointer):
            self.text.put(f"call preserve_mostcc void @charl.release(ptr {pointer})")

    def take(self, value: Value) -> str:
        """The pointer, with a reference that is the statement's own from now on."""
        pointer = self.of(value)
        if value in self.dying:
            self.dying.remove(value)
        else:
            self.retain(pointer)
        return pointer

    # --- Failures -------------------------------------------------------------------------------

    def never_fails(self, place: int) -> bool:
        """Whether a check of the statement in hand cannot fail here (see `ranges.py`)."""
        assert self.statement is not None
        check = self.statement, place
        return check in self.spared or check in self.ranges.safe

    def fail_if(self, condition: str) -> None:
        if condition == "false":
            return
        go_on = self.text.label("fine")
        self.text.branch(condition, self.failure(), go_on, UNLIKELY)
        self.text.place(go_on)

    def failure(self) -> str:
        """The label of the block that reports the statement in hand with its operands."""
        statement = self.statement
        assert statement is not None
        if statement not in self.failures:
            label = self.text.label("fail")
            self.failures[statement] = label
            late = self.text.apart(label)
            count = self.store(late, statement.operands)
            site = self.module.site(statement, self.function)
            late.put(f"call void @charl_fault(i64 {site}, ptr {self.slots}, i64 {count})")
            self.fail(late, "1")
            self.late.append(late)
        return self.failures[statement]

    def hand_on(self, status: str, trace: bool) -> None:
        """Returns the status of a call unless it is zero; `trace` notes where the call stands."""
        statement = self.statement
        assert statement is not None
        failed, go_on = self.text.label("failed"), self.text.label("fine")
        bad = self.text.let(f"icmp ne i32 {status}, 0")
        self.text.branch(bad, failed, go_on, UNLIKELY)
        late = self.text.apart(failed)
        if trace:
            late.put(f"call void @charl_trace(i64 {self.module.site(statement, self.function)})")
        self.fail(late, status)
        self.late.append(late)
        self.text.place(go_on)

    # --- Slots ----------------------------------------------------------------------------------

    def store(self, text: Text, values: Sequence[Value]) -> int:
        """Puts values into the slots; the number of words."""
        place = 0
        for value in values:
            held = self.held[value]
            if is_scalar(value.type):
                kind = scalar_type(dtype_of(value.type))
                held_text = held.text
                if kind == "i1":
                    held_text, kind = text.let(f"zext i1 {held_text} to i64"), "i64"
                self.put_word(text, place, kind, held_text)
            else:
                self.put_word(text, place, "ptr", held.text)
                for n, size in enumerate(held.sizes):
                    self.put_word(text, place + 1 + n, "i64", size)
            place += words(value.type)
        self.slot_words = max(self.slot_words, place, 1)
        return place

    def put_word(self, text: Text, place: int, kind: str, name: str) -> None:
        at = text.let(f"getelementptr i64, ptr {self.slots}, i64 {place}")
        text.put(f"store {kind} {name}, ptr {at}")

    def load(self, types: Sequence[Type]) -> list[Held]:
        """What stands in the slots."""
        found, place = [], 0
        for type in types:
            kind = "ptr"
            if is_scalar(type):
                kind = scalar_type(dtype_of(type))
            name = self.word(place, "i64" if kind == "i1" else kind)
            if kind == "i1":
                name = self.text.let(f"trunc i64 {name} to i1")
            sizes = []
            for axis in range(rank(type)):
                assert isinstance(type, Tensor)
                known = type.shape[axis]
                sizes.append(
                    str(known) if isinstance(known, int) else self.word(place + 1 + axis, "i64")
                )
            found.append(Held(name, tuple(sizes)))
            place += words(type)
        self.slot_words = max(self.slot_words, place)
        return found

    def word(self, place: int, kind: str) -> str:
        at = self.text.let(f"getelementptr i64, ptr {self.slots}, i64 {place}")
        return self.text.let(f"load {kind}, ptr {at}")

    # --- Blocks and statements ------------------------------------------------------------------

    def block(self, block: Block) -> None:
        """The statements of a block whose parameters are bound."""
        for value in self.plan.unneeded.get(block, ()):
            self.release(self.of(value))
        for statement in block.statements:
            if not self.text.reached:
                return
            self.write_statement(statement)

    def write_statement(self, statement: Statement) -> None:
        before = self.statement, self.dying, self.scopes
        self.statement = statement
        self.dying = list(self.plan.dying.get(statement, ()))
        write = self.writer_of(statement)
        if self.module.measures and measuring.is_measured(self, statement, write):
            stretch = measuring.begin(self)
            write(self, statement)
            measuring.end(self, statement, stretch)
        else:
            write(self, statement)
        for value in self.dying:
            self.release(self.of(value))
        for value in self.plan.outlived.get(statement, ()):
            self.release(self.of(value))
        for value in self.plan.unused.get(statement, ()):
            in_place = self.in_place.carries.get(statement, ())
            if any(statement.results[n] is value for n in in_place):  # nobody else holds it
                self.text.put(f"call void @charl_free(ptr {self.of(value)})")
            else:
                self.release(self.of(value))
        self.statement, self.dying, self.scopes = before

    def writer_of(self, statement: Statement) -> Writer:
        if statement.results and statement.results[0] in self.views:
            return FunctionWriter.view
        written = WRITERS.get(statement.op.name)
        if written is not None:
            return written
        return FunctionWriter.scalar if self.is_scalar_form(statement) else FunctionWriter.host

    def view(self, statement: Statement) -> None:
        """A transpose that nothing but products reads: the same memory."""
        (x,), (result,) = statement.operands, statement.results
        sizes = self.held[x].sizes
        self.bind(result, Held(self.take(x), tuple(sizes[i] for i in self.views[result])))

    def is_scalar_form(self, statement: Statement) -> bool:
        values = (*statement.operands, *statement.results)
        return (
            statement.op.elementwise
            and all(is_scalar(v.type) for v in values)
            and has_form(statement.op.name, dtype_of(statement.operands[0].type))
        )

    def scalar(self, statement: Statement) -> None:
        operands = [self.of(v) for v in statement.operands]
        kinds = [dtype_of(v.type) for v in statement.operands]
        checked = self.checked
        self.checked = checked and not self.never_fails(0)
        text = scalar(self, statement.op.name, operands, kinds, statement.attributes)
        self.checked = checked
        self.bind(statement.results[0], Held(text))

    def host(self, statement: Statement) -> None:
        """The interpreter's rule for the op, called back."""
        self.store(self.text, statement.operands)
        site = self.module.site(statement, self.function)
        dies = statement.operands[:1] and statement.operands[0] in self.dying
        status = self.text.let(
            f"call i32 @charl_host(i64 {site}, i32 {int(bool(dies))}, ptr {self.slots})"
        )
        self.hand_on(status, trace=False)
        types = [v.type for v in statement.results]
        for value, held in zip(statement.results, self.load(types)):
            self.bind(value, held)

    def results_of(self, block: Block) -> list[tuple[Held, Type]]:
        """A block's results, each with a reference of its own."""
        found = []
        for value, moved in zip(block.results, self.plan.moved[block]):
            if counted(value) and not moved:
                self.retain(self.of(value))
            found.append((self.held[value], value.type))
        return found

    def scope(self) -> Scope:
        """What is known now; given back to `restore` when a block is left."""
        return Scope(dict(self.symbols), dict(self.lists), dict(self.inside))

    def restore(self, scope: Scope) -> None:
        self.symbols = dict(scope.symbols)
        self.lists, self.inside = dict(scope.lists), dict(scope.inside)


def return_type(function: Function) -> str:
    kinds = [k for v in function.body.results for k in register_types(v.type)]
    return f"{{ i32, {', '.join(kinds)} }}" if kinds else "i32"


def constant_literal(value: object, type: Type) -> str:
    assert isinstance(value, bool | int | float) or hasattr(value, "dtype")
    dtype = dtype_of(type)
    return literal(bool(value) if dtype == BOOL else value, dtype)  # type: ignore[arg-type]
