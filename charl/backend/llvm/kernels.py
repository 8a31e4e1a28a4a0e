"""Kernels: what a `fused` statement becomes.

A kernel is an LLVM function over a stretch of its outermost loop; `launch.py` calls it. The
innermost loops are left plain, for LLVM to vectorise: pointers
do not alias, integers wrap, and a sum that a loop carries may be taken in any order.

A result takes over the memory of an operand that ends here, where the kernel may write over it and
nobody else holds it: an optimiser's update of a parameter allocates nothing. Only the run knows who
holds what, so the two pointers may be the same or not, and LLVM is told instead that the turns of
the loop do not look at each other's elements.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from itertools import chain

from charl.backend.llvm.control import Carried
from charl.backend.llvm.functions import (
    UNLIKELY,
    FunctionWriter,
    constant_literal,
    writer,
)
from charl.backend.llvm.kernel_texts import SELF
from charl.backend.llvm.launch import launch, launch_in_parts
from charl.backend.llvm.layout import Held, dtype_of, rank, register_types
from charl.backend.llvm.module import INDEPENDENT_ACCESS, INDEPENDENT_TURNS, Module
from charl.backend.llvm.scalars import has_form, scalar
from charl.backend.llvm.tensors import (
    allocate,
    demand_sizes,
    element_place,
    load_element,
    offset_of,
    store_element,
)
from charl.backend.llvm.text import memory_type, scalar_type
from charl.core.control import SCRATCH, STORE
from charl.core.ir import Block, Statement, Value
from charl.kernel.build import Kernel, named
from charl.kernel.nest import STOPPING, row_bytes
from charl.kernel.overwriting import overwritable
from charl.records import record
from charl.types.types import Tensor, is_scalar

FEW_BYTES = 1 << 10  # of rows on the stack, that any caller can have on its own


def can_write(s: Statement) -> bool:
    """Whether a kernel can compute the statement's elements."""
    if not s.op.elementwise:
        return True
    return has_form(s.op.name, dtype_of(s.operands[0].type))


@record(eq=False)
class Call:
    """A kernel and what it is given: its operands, and for each result the registers of its place.
    `over` are the operands that results may take the place of."""

    statement: Statement
    kernel: Kernel
    may_fail: bool
    given: list[tuple[str, str]]
    places: list[Held]
    results: list[list[tuple[str, str]]]
    over: dict[Value, Value]

    @property
    def arguments(self) -> list[tuple[str, str]]:
        return [*self.given, *chain.from_iterable(self.results)]


@writer("fused")
def _fused(w: FunctionWriter, s: Statement) -> None:
    call = prepare(w, s)
    kernel = call.kernel
    if kernel.join is None:
        status = launch(w, kernel, call.arguments)
    else:
        status = launch_in_parts(w, kernel, kernel.join, call.given, call.results[0], s.results[0])
    if call.may_fail:
        w.fail_if(w.text.let(f"icmp ne i32 {status}, 0"))
    bind_results(w, call)
    let_go(w, call)


def prepare(w: FunctionWriter, s: Statement) -> Call:
    """Writes the kernel, and finds places for its results."""
    kernel = named(w.module.built.of(s), f"kernel{len(w.module.kernels)}")
    over = taken_over(s, overwritable(kernel), w.dying) if w.dying else {}
    own = dict(zip((*kernel.inputs, *s.results), kernel.function.body.parameters[2:]))
    shared = {own[v] for pair in over.items() for v in pair}
    kernel, may_fail = defined(w.module, kernel, shared)
    given = arguments(w, kernel)
    places = [write_over(w, over[v], v) if v in over else new_result(w, v) for v in s.results]
    results = [result_argument(w, kernel, v, held) for v, held in zip(s.results, places)]
    return Call(s, kernel, may_fail, given, places, results, over)


def bind_results(w: FunctionWriter, call: Call) -> None:
    for value, held in zip(call.statement.results, call.places):
        if is_scalar(value.type):
            held = Held(load_element(w, dtype_of(value.type), held.text))
        w.bind(value, held)


def let_go(w: FunctionWriter, call: Call) -> None:
    """The operands whose memory the results have taken are gone."""
    places = dict(zip(call.statement.results, call.places))
    for result, x in call.over.items():
        w.dying.remove(x)
        place = f"ptr {w.of(x)}, ptr {places[result].text}"
        w.text.put(f"call preserve_mostcc void @charl.release_unless({place})")


def defined(module: Module, kernel: Kernel, shared: Collection[Value]) -> tuple[Kernel, bool]:
    """The kernel with its function written, or with that of an equal kernel, and whether it may
    fail; `shared` are its parameters that may be the same memory."""
    functions = [kernel] if kernel.join is None else [kernel, kernel.join]
    writer, *joining = (KernelWriter(module, k, shared if k is kernel else ()) for k in functions)
    text = writer.write() + "".join(j.write() for j in joining)
    name = kernel.function.name
    known = module.kernel_texts.kernel(name, text)
    if known == name:
        module.kernels += functions
    else:
        kernel = named(kernel, known)
    return kernel, any(each.may_fail for each in (writer, *joining))


def result_argument(
    w: FunctionWriter, kernel: Kernel, value: Value, held: Held
) -> list[tuple[str, str]]:
    """The registers of a result's place, with their types."""
    if is_flat(kernel, value):
        return [("ptr", held.text), *flat_size(w, value)]
    dims = zip(held.sizes, value.type.shape if isinstance(value.type, Tensor) else ())
    return [("ptr", held.text), *(("i64", n) for n, dim in dims if not isinstance(dim, int))]


def taken_over(
    s: Statement, able: Sequence[Sequence[Value]], dying: Sequence[Value]
) -> dict[Value, Value]:
    """The results that may be written over operands that end here, each over its own; `able` are
    the operands that the kernel may write each result over."""
    found: dict[Value, Value] = {}
    for result, operands in zip(s.results, able):
        free = [x for x in operands if x in dying and x not in found.values()]
        if free:
            found[result] = free[0]
    return found


def write_over(w: FunctionWriter, operand: Value, result: Value) -> Held:
    """The operand's memory for the result, or other memory when somebody else holds that."""
    held = w.held[operand]
    return allocate(w, result.type, held.sizes, over=held.text)


def new_result(w: FunctionWriter, value: Value) -> Held:
    """Where a kernel writes its result: a new tensor, or a place on the stack for a scalar."""
    if is_scalar(value.type):
        return Held(w.text.alloca(memory_type(dtype_of(value.type))))
    assert isinstance(value.type, Tensor)
    sizes = [w.size(dim) for dim in value.type.shape]
    demand_sizes(w, sizes)
    return allocate(w, value.type, sizes)


def is_flat(kernel: Kernel, value: Value) -> bool:
    """Whether the kernel takes the tensor for one long axis."""
    return kernel.flat and rank(value.type) > 0


def flat_size(w: FunctionWriter, value: Value) -> list[tuple[str, str]]:
    assert isinstance(value.type, Tensor)
    if all(isinstance(n, int) for n in value.type.shape):
        return []
    total = "1"
    for dim in value.type.shape:
        total = w.text.let(f"mul i64 {total}, {w.size(dim)}")
    return [("i64", total)]


def arguments(w: FunctionWriter, kernel: Kernel) -> list[tuple[str, str]]:
    """The registers of the inputs with their types."""
    found = []
    for value in kernel.inputs:
        held = w.held[value]
        if is_scalar(value.type):
            found.append((scalar_type(dtype_of(value.type)), held.text))
            continue
        found.append(("ptr", held.text))
        assert isinstance(value.type, Tensor)
        if is_flat(kernel, value):
            found += flat_size(w, value)
        else:
            dims = zip(held.sizes, value.type.shape)
            found += [("i64", size) for size, dim in dims if not isinstance(dim, int)]
    return found


class KernelWriter(FunctionWriter):
    """Writes the function of a kernel: loops, elements, scalars that wrap."""

    def __init__(self, module: Module, kernel: Kernel, shared: Collection[Value]) -> None:
        super().__init__(module, kernel.function)
        self.name = SELF + kernel.function.name[len(kernel.function.name.partition(".")[0]) :]
        self.shared = shared
        self.checked = False
        self.sums = carried_sums(kernel.function.body)
        self.stop = ""
        self.may_fail = False
        self.access = ""
        self.outputs = {s.operands[0] for s in kernel.function.body.walk() if s.op is STORE}

    def write(self) -> str:
        body = self.function.body
        parameters = []
        for index, value in enumerate(body.parameters):
            names = [f"%p{index}.{n}" for n in range(self.registers(value))]
            kinds = self.kinds(value, index)
            parameters += [f"{kind} {name}" for kind, name in zip(kinds, names)]
            sizes = iter(names[1:])
            shape = value.type.shape if isinstance(value.type, Tensor) else ()
            held = [str(n) if isinstance(n, int) else next(sizes) for n in shape]
            self.bind(value, Held(names[0], tuple(held)))
        self.stop = self.text.label("stop")
        for statement in body.statements:
            self.write_statement(statement)
        self.text.end("ret i32 0")
        if self.may_fail:
            self.text.place(self.stop)
            self.text.end("ret i32 1")
        # Long rows on the stack are not to become the caller's, which may be recursive.
        rows = [s.results[0] for s in body.statements if s.op is SCRATCH]
        inline = " noinline" if sum(map(row_bytes, rows)) > FEW_BYTES else ""
        header = f"define internal i32 {self.name}({', '.join(parameters)}){inline}"
        return f"{header} {{\n{self.text.body()}\n}}\n"

    def registers(self, value: Value) -> int:
        return len(self.kinds(value, 0))

    def kinds(self, value: Value, index: int) -> list[str]:
        """A result of rank 0 is a place, too: parameters after the inputs are pointers. Those that
        may be the same are not said to differ."""
        if value in self.shared:
            return register_types(value.type)
        if is_scalar(value.type) and value not in self.outputs:
            return [scalar_type(dtype_of(value.type))]
        if is_scalar(value.type):
            return ["ptr noalias"]
        first, *rest = register_types(value.type)
        return [f"{first} noalias", *rest]

    def fail_if(self, condition: str) -> None:
        # What stops here and is not known there would find its operands overwritten.
        assert self.statement is not None
        assert not self.shared or self.statement.op.name in {"check", *STOPPING}
        self.may_fail = True
        go_on = self.text.label("fine")
        self.text.branch(condition, self.stop, go_on, UNLIKELY)
        self.text.place(go_on)

    def write_statement(self, statement: Statement) -> None:
        before, self.statement = self.statement, statement
        written = STATEMENTS.get(statement.op.name)
        if written is not None:
            written(self, statement)
        elif statement in self.sums:
            self.sum(statement)
        else:
            self.scalar(statement)
        self.statement = before

    def sum(self, statement: Statement) -> None:
        """A sum, product or extreme that a loop carries, in any order: of 0.0 and -0.0 either may
        be the extreme, as in NumPy."""
        a, b = (self.of(v) for v in statement.operands)
        dtype = dtype_of(statement.results[0].type)
        type = scalar_type(dtype)
        name = statement.op.name
        if dtype.is_float and name in ("add", "mul"):
            text = self.text.let(f"f{name} reassoc {type} {a}, {b}")
        elif dtype.is_float:
            intrinsic = f"llvm.{name}.{'f32' if dtype.bits == 32 else 'f64'}"
            call = self.declare(intrinsic, type, [type, type])
            text = self.text.let(f"call nsz {type} {call}({type} {a}, {type} {b})")
        else:
            text = scalar(self, name, [a, b], [dtype, dtype], {})
        self.bind(statement.results[0], Held(text))


def carried_sums(body: Block) -> set[Statement]:
    """The statements `%total' = op %total, ...` of loops that carry `%total` on."""
    found = set()
    for loop in body.walk():
        if loop.op.name != "for":
            continue
        (block,) = loop.blocks
        made = {v: s for s in block.statements for v in s.results}
        for carried, result in zip(block.parameters[1:], block.results):
            statement = made.get(result)
            if (
                statement is not None
                and statement.op.name in ("add", "mul", "minimum", "maximum")
                and statement.operands[0] is carried
                and dtype_of(carried.type).bits >= 32
            ):
                found.add(statement)
    return found


def _load(w: KernelWriter, s: Statement) -> None:
    tensor, *index = s.operands
    dtype = dtype_of(tensor.type)
    held = w.held[tensor]
    offset = offset_of(w, held.sizes, [w.of(i) for i in index])
    place = element_place(w, dtype, held.text, offset)
    w.bind(s.results[0], Held(load_element(w, dtype, place, w.access)))


def _store(w: KernelWriter, s: Statement) -> None:
    tensor, value, *index = s.operands
    dtype = dtype_of(tensor.type)
    held = w.held[tensor]
    offset = offset_of(w, held.sizes, [w.of(i) for i in index])
    place = element_place(w, dtype, held.text, offset)
    store_element(w, dtype, w.of(value), place, w.access)


def _for(w: KernelWriter, s: Statement) -> None:
    """A loop that counts up and does not look up."""
    low, high, step = (w.of(v) for v in s.operands[:3])
    (body,) = s.blocks
    first = [w.of(v) for v in s.operands[3:]]
    head, turn, end = (w.text.label(x) for x in ("loop", "turn", "end"))
    before = w.text.here
    w.text.place(head)
    index, gap = w.text.open_phi("i64")
    carried = Carried(w, body.parameters[1:])
    w.text.branch(w.text.let(f"icmp slt i64 {index}, {high}"), turn, end)
    w.text.place(turn)
    w.bind(body.parameters[0], Held(index))
    carried.bind()
    apart = writes_over(body, w.shared)
    w.access = INDEPENDENT_ACCESS if apart else ""
    for statement in body.statements:
        w.write_statement(statement)
    w.access = ""
    names = [w.of(v) for v in body.results]
    following = w.text.let(f"add nsw i64 {index}, {step}")
    edge = w.text.here
    w.text.end(f"br label %{head}{INDEPENDENT_TURNS if apart else ''}")
    w.text.fill(gap, [(low, before), (following, edge)])
    carried.fill([(first, before), (names, edge)])
    w.text.place(end)
    carried.give(s.results)


def writes_over(body: Block, shared: Collection[Value]) -> bool:
    """Whether this is an innermost loop that stores to memory that it may also load from; each turn
    then stores to an element of its own (`kernel/overwriting.py`)."""
    stores = [s for s in body.statements if s.op.name == "store"]
    return any(s.operands[0] in shared for s in stores) and not any(
        s.op.name == "for" for s in body.statements
    )


def _scratch(w: FunctionWriter, s: Statement) -> None:
    """On the stack: a row, of a size that is known."""
    (result,) = s.results
    (size,) = result.shape
    assert isinstance(size, int)
    place = w.text.alloca(memory_type(result.dtype), size)
    w.bind(result, Held(place, (str(size),)))


def _check(w: FunctionWriter, s: Statement) -> None:
    w.fail_if(w.text.let(f"xor i1 {w.of(s.operands[0])}, true"))


def _constant(w: FunctionWriter, s: Statement) -> None:
    (result,) = s.results
    w.bind(result, Held(constant_literal(s.attributes["value"], result.type)))


def _dim(w: FunctionWriter, s: Statement) -> None:
    w.bind(s.results[0], Held(w.held[s.operands[0]].sizes[s.attributes["axis"]]))


STATEMENTS: dict[str, Callable[[KernelWriter, Statement], None]] = {
    "load": _load,
    "store": _store,
    "scratch": _scratch,
    "for": _for,
    "check": _check,
    "constant": _constant,
    "dim": _dim,
}
