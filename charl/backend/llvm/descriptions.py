"""What native code knows of a value in memory: constants of the module, one for each kind of value.

A list and a box carry a pointer to a description (`Description` in `runtime/native/values.h`), so
that whoever lets go of one last knows what it holds. Boxes of one name differ in their fields by
their tags. Core tells the fields where a box is made, so all of the program is looked through; a
field lies at the same word whatever the tag is, as who reads it does not name the tag.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from charl.backend.llvm.layout import dtype_of, rank, words
from charl.core.ir import Program
from charl.records import field, record
from charl.types import dtypes
from charl.types.types import Box, Handle, List, String, Tensor, Type, is_scalar

# The numbers of kinds, as in `runtime/native/values.h`.
SCALAR, TENSOR, STRING, LIST, BOX, HANDLE, COTANGENT = range(7)

STRUCT = "{ i64, i64, i64, i64, ptr, ptr, ptr }"


@record(frozen=False)
class BoxFields:
    """The boxes of one name: the types of the fields by tag, and the word where each field lies
    behind that of the tag."""

    variants: dict[int, tuple[Type, ...]] = field(default_factory=dict)

    @property
    def places(self) -> list[int]:
        most = max(map(len, self.variants.values()), default=0)
        found = [0]
        for index in range(most):
            widths = [words(v[index]) for v in self.variants.values() if index < len(v)]
            found.append(found[-1] + max(widths))
        return found


def boxes_of(program: Program) -> Mapping[str, BoxFields]:
    """The boxes that a program makes, by name."""
    found: dict[str, BoxFields] = {}
    for function in program.functions.values():
        for statement in function.body.walk():
            if statement.op.name == "box_make":
                fields = found.setdefault(statement.attributes["name"], BoxFields())
                types = tuple(v.type for v in statement.operands)
                known = fields.variants.setdefault(statement.attributes["tag"], types)
                assert list(map(kind_of, known)) == list(map(kind_of, types))
    return found


def kind_of(type: Type) -> str:
    """What tells apart types that are laid out differently; sizes do not matter."""
    match type:
        case Tensor():
            return f"{dtype_of(type).name}.{rank(type)}"
        case List(element):
            return f"list.{kind_of(element)}"
        case Box(name):
            return f"box {name}"
        case String():
            return "string"
    assert isinstance(type, Handle)
    return "handle"


def numbers_of(type: Type) -> tuple[int, int, int, int]:
    """The first words of a description: kind, dtype, rank and the bytes of an item."""
    match type:
        case Tensor():
            dtype = dtype_of(type)
            kind = SCALAR if is_scalar(type) else TENSOR
            return kind, dtypes.ALL.index(dtype), rank(type), item_bytes(type)
        case String():
            return STRING, 0, 0, 8
        case List():
            return LIST, 0, 0, 8
        case Box():
            return BOX, 0, 0, 8
    return HANDLE, 0, 0, 8


def item_bytes(type: Type) -> int:
    """The bytes of an item of a list: scalars lie close, tensors have their sizes with them."""
    return dtype_of(type).bits // 8 if is_scalar(type) else 8 * words(type)


class Descriptions:
    """The descriptions that a module needs."""

    def __init__(self, boxes: Mapping[str, BoxFields]) -> None:
        self.boxes = boxes
        self.lines: list[str] = []
        self._names: dict[str, str] = {}

    def of(self, type: Type) -> str:
        """The name of the constant that describes a type."""
        key = kind_of(type)
        if key not in self._names:
            name = self._names[key] = f"@d{len(self._names)}"
            element, variants, places = "null", "null", "null"
            if isinstance(type, List):
                element = self.of(type.element)
            elif isinstance(type, Box) and type.name in self.boxes:
                variants, places = self._fields(name, self.boxes[type.name])
            numbers = ", ".join(f"i64 {n}" for n in numbers_of(type))
            self.lines.append(
                f"{name} = internal constant {STRUCT} "
                f"{{ {numbers}, ptr {element}, ptr {variants}, ptr {places} }}"
            )
        return self._names[key]

    def _fields(self, name: str, fields: BoxFields) -> tuple[str, str]:
        variants = []
        for tag in range(max(fields.variants, default=-1) + 1):
            types = [self.of(type) for type in fields.variants.get(tag, ())]
            self._array(f"{name}.{tag}", "ptr", types)
            variants.append(f"{{ i64 {len(types)}, ptr {name}.{tag} }}")
        self._array(f"{name}.variants", "{ i64, ptr }", variants)
        self._array(f"{name}.places", "i64", [str(p) for p in fields.places])
        return f"{name}.variants", f"{name}.places"

    def _array(self, name: str, kind: str, items: Sequence[str]) -> None:
        text = ", ".join(f"{kind} {item}" for item in items)
        value = f"[{text}]" if items else "zeroinitializer"
        self.lines.append(f"{name} = internal constant [{len(items)} x {kind}] {value}")
