"""A whole program as one LLVM module, and what the host must know to run it.

Every place that may stop the program, or asks the host for something, has a number, its `Site`.
Constants that are tensors or strings, and boxes without fields, lie in the module, with a header in
front of them like any other; their count of references is so high that nobody ever frees them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from charl.backend.llvm.descriptions import Descriptions, boxes_of, kind_of
from charl.backend.llvm.kernel_texts import KernelTexts
from charl.backend.llvm.layout import dtype_of
from charl.backend.llvm.math import PREFIX
from charl.backend.llvm.measuring import DECLARATIONS
from charl.backend.llvm.parts import Part, parts
from charl.backend.llvm.text import memory_type
from charl.core.effects import recursive_functions
from charl.core.ir import Function, Program, Statement
from charl.kernel.build import Kernel, Kernels
from charl.records import record
from charl.types import dtypes
from charl.types.dtypes import DType
from charl.types.types import Box, List, Tensor

# Of a value that is never freed: nobody counts who holds it.
IMMORTAL = 1 << 60


def is_constant(pointer: str) -> bool:
    """Whether it is a value that lies in the module."""
    return pointer.startswith("getelementptr")


@record(eq=False)
class Site:
    """A place of the program: the function, and the statement where there is one."""

    function: Function
    statement: Statement | None


PRELUDE = f"""
@charl_stack_limit = external global ptr
@charl_interrupted = external global i32
@charl_random = external global [2 x i64]
@charl.nothing = internal global [11 x i64] [i64 0, i64 0, i64 0, i64 0, i64 0, i64 0, \
i64 {IMMORTAL}, i64 24, i64 0, i64 0, i64 0], align 64
declare i32 @charl_host(i64, i32, ptr)
declare void @charl_fault(i64, ptr, i64) cold
declare void @charl_trace(i64) cold
declare void @charl_too_deep(i64) cold
declare void @charl_no_memory(i64, i64, ptr, i64) cold
declare ptr @charl_tensor(i64, i32)
declare void @charl_free(ptr)
declare ptr @llvm.frameaddress.p0(i32)
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
declare void @llvm.experimental.noalias.scope.decl(metadata)

define internal void @charl.retain(ptr nonnull %p) alwaysinline {{
  %at = getelementptr i8, ptr %p, i64 -16
  %n = load i64, ptr %at
  %m = add i64 %n, 1
  store i64 %m, ptr %at
  ret void
}}

define internal preserve_mostcc void @charl.release(ptr nonnull %p) noinline {{
  %at = getelementptr i8, ptr %p, i64 -16
  %n = load i64, ptr %at
  %m = add i64 %n, -1
  store i64 %m, ptr %at
  %last = icmp eq i64 %m, 0
  br i1 %last, label %free, label %keep
free:
  call preserve_mostcc void @charl.drop(ptr %p)
  ret void
keep:
  ret void
}}

define internal preserve_mostcc void @charl.drop(ptr nonnull %p) noinline cold {{
  call void @charl_free(ptr %p)
  ret void
}}

define internal preserve_mostcc void @charl.release_unless(ptr nonnull %p, \
ptr nonnull %taken) noinline {{
  %same = icmp eq ptr %p, %taken
  br i1 %same, label %keep, label %left
left:
  call preserve_mostcc void @charl.release(ptr %p)
  ret void
keep:
  ret void
}}

define internal preserve_mostcc ptr @charl.place(ptr nonnull %p, i64 %bytes, i32 %site) noinline {{
  %at = getelementptr i8, ptr %p, i64 -16
  %n = load i64, ptr %at
  %alone = icmp eq i64 %n, 1
  br i1 %alone, label %here, label %elsewhere
here:
  ret ptr %p
elsewhere:
  %new = call preserve_mostcc ptr @charl.elsewhere(i64 %bytes, i32 %site)
  ret ptr %new
}}

define internal preserve_mostcc ptr @charl.elsewhere(i64 %bytes, i32 %site) noinline cold {{
  %new = call ptr @charl_tensor(i64 %bytes, i32 %site)
  ret ptr %new
}}

!0 = !{{!"branch_weights", i32 1, i32 4000}}
!1 = distinct !{{}}
!2 = distinct !{{!2, !3}}
!3 = !{{!"llvm.loop.parallel_accesses", !1}}
!4 = distinct !{{!4, !5}}
!5 = !{{!"llvm.loop.unroll.full"}}
!6 = distinct !{{!6}}
"""
FIRST_SCOPE = 7  # the number of the first node that a module adds

# Marks loads and stores, and the end of a loop with them, of which no turn looks at memory that
# another turn writes.
INDEPENDENT_ACCESS = ", !llvm.access.group !1"
INDEPENDENT_TURNS = ", !llvm.loop !2"
# Marks the end of a loop whose turns are to be written out, one after the other.
WRITTEN_OUT = ", !llvm.loop !4"


class Module:
    """Collects the parts of the text; `program` is what is compiled, `built` its kernels and
    `kernels` those that are written. With `measures` the code counts where its time goes."""

    def __init__(self, program: Program, built: Kernels, *, measures: bool = False) -> None:
        self.program = program
        self.built = built
        self.measures = measures
        self.sites: list[Site] = []
        self.kernels: list[Kernel] = []
        self.kernel_texts = KernelTexts()
        self._numbers: dict[object, int] = {}
        self._symbols: dict[str, str] = {}
        self._declared: dict[str, str] = {}
        self._constants: list[str] = []
        self._words: dict[tuple[str, ...], str] = {}
        self._strings: dict[str, str] = {}
        self._empty: dict[tuple[str, int], str] = {}
        self._scopes: list[str] = []
        self.descriptions = Descriptions(boxes_of(program))
        self._recursive = recursive_functions(program)

    def may_recur(self, function: str) -> bool:
        return function in self._recursive

    def symbol(self, function: str) -> str:
        """The name of a function in the module; a user's names are not LLVM's."""
        return self._symbols.setdefault(function, f"@f{len(self._symbols)}")

    def declare(self, name: str, result: str, operands: Sequence[str]) -> str:
        """A function from outside, or one of `math`, which is then written: what a call names."""
        if name not in self._declared:
            self._declared[name] = f"declare {result} @{name}({', '.join(operands)})"
            if name.startswith(PREFIX):
                from charl.backend.llvm.math.routines import definition  # for a quick start

                self._declared[name] = definition(name, self.declare)
        return f"@{name}"

    # --- Sites ----------------------------------------------------------------------------------

    def site(self, statement: Statement, function: Function) -> int:
        return self._site(statement, Site(function, statement))

    def function_site(self, function: Function) -> int:
        return self._site(function, Site(function, None))

    def _site(self, key: object, site: Site) -> int:
        if key not in self._numbers:
            self._numbers[key] = len(self.sites)
            self.sites.append(site)
        return self._numbers[key]

    # --- Constants ------------------------------------------------------------------------------

    def constant(self, value: Any, type: Tensor) -> str:
        """A tensor in the module; the pointer to its elements."""
        dtype = dtype_of(type)
        array = np.ascontiguousarray(np.asarray(value, dtype.numpy))
        name = f"@k{len(self._constants)}"
        kind = f"[{max(array.size, 1)} x {memory_type(dtype)}]"
        escaped = "".join(f"\\{b:02X}" for b in array.tobytes())
        data = f'[{array.nbytes} x i8] c"{escaped}"' if array.size else f"{kind} zeroinitializer"
        self._constants.append(
            f"{name} = internal global {{ [6 x i64], i64, i64, {data.split('] ')[0]}] }} "
            f"{{ [6 x i64] zeroinitializer, i64 {IMMORTAL}, i64 {array.nbytes}, {data} }}, align 64"
        )
        return f"getelementptr (i8, ptr {name}, i64 64)"

    def scope(self) -> str:
        """A name for the memory of one tensor, for as long as nothing else is the same memory."""
        name = f"!{FIRST_SCOPE + len(self._scopes)}"
        self._scopes.append(f"{name} = distinct !{{{name}, !6}}")
        return name

    def words(self, values: Sequence[str]) -> str:
        """The pointer to numbers that stand in the module."""
        key = tuple(values)
        if key not in self._words:
            name = self._words[key] = f"@w{len(self._words)}"
            listed = ", ".join(f"i64 {value}" for value in values)
            self._constants.append(f"{name} = internal constant [{len(key)} x i64] [{listed}]")
        return self._words[key]

    @property
    def nothing(self) -> str:
        """A pointer for what nobody looks at; it may be retained and released."""
        return "getelementptr (i8, ptr @charl.nothing, i64 64)"

    def dtype_number(self, dtype: DType) -> int:
        """What the runtime calls a dtype by."""
        return dtypes.ALL.index(dtype)

    def string(self, value: str) -> str:
        """The pointer to a string in the module."""
        if value not in self._strings:
            name = self._strings[value] = f"@s{len(self._strings)}"
            data = value.encode("utf-8", "surrogatepass")
            escaped = "".join(f"\\{b:02X}" for b in data)
            text = f"[{len(data)} x i8]"
            self._constants.append(
                f"{name} = internal global {{ [6 x i64], i64, i64, i64, i64, {text} }} "
                f"{{ [6 x i64] zeroinitializer, i64 {IMMORTAL}, i64 {len(data)}, "
                f'i64 {len(data)}, i64 {len(value)}, {text} c"{escaped}" }}, align 64'
            )
        return f"getelementptr (i8, ptr {self._strings[value]}, i64 64)"

    def empty(self, type: List | Box, tag: int = -1) -> str:
        """The pointer to a list without elements, or to a box without fields; a negative tag is
        that of the box that nobody looks at."""
        key = kind_of(type), tag
        if key not in self._empty:
            name = self._empty[key] = f"@e{len(self._empty)}"
            words = f"i64 {tag if isinstance(type, Box) else 0}, i64 0, i64 0"
            self._constants.append(
                f"{name} = internal global {{ [5 x i64], ptr, i64, i64, i64, i64, i64 }} "
                f"{{ [5 x i64] zeroinitializer, ptr {self.descriptions.of(type)}, "
                f"i64 {IMMORTAL}, i64 24, {words} }}, align 64"
            )
        return f"getelementptr (i8, ptr {self._empty[key]}, i64 64)"

    # --- The whole ------------------------------------------------------------------------------

    def parts(self, bodies: Sequence[str]) -> list[Part]:
        """The text of the module with these functions, in parts."""
        data = [*self.descriptions.lines, *self._constants, *self._scopes]
        if self.measures:
            data.append(DECLARATIONS)
        routines = self._declared.values()
        return parts(PRELUDE, data, routines, self.kernel_texts.written(), "\n".join(bodies))
