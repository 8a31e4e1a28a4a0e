"""The types of random programs, and texts in two languages side by side.

A `Twin` is one expression in Charl and in Python (over `reference.py`). A size is an int or a name
that is generic in the function being written; two sizes are equal only when they are written alike.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

Size = int | str


class Twin(NamedTuple):
    charl: str
    python: str


@dataclass(frozen=True)
class Tensor:
    """`dtype[shape]`; a number or bool has the shape ()."""

    dtype: str
    shape: tuple[Size, ...] = ()


@dataclass(frozen=True)
class Text:
    pass


@dataclass(frozen=True)
class Seq:
    element: Type


@dataclass(frozen=True)
class Tup:
    items: tuple[Type, ...]


@dataclass(frozen=True)
class Struct:
    name: str
    fields: tuple[tuple[str, Type], ...]


@dataclass(frozen=True)
class Enum:
    name: str
    variants: tuple[tuple[str, tuple[Type, ...]], ...]


Type = Tensor | Text | Seq | Tup | Struct | Enum

INT, FLOAT, BOOL, TEXT = Tensor("int64"), Tensor("float64"), Tensor("bool"), Text()
FLOAT32 = Tensor("float32")
SHORT = {"int64": "int", "float64": "float"}


def written(type: Type) -> str:
    """The type as an annotation."""
    match type:
        case Tensor(dtype, shape):
            return SHORT.get(dtype, dtype) + (sizes(shape).charl if shape else "")
        case Text():
            return "string"
        case Seq(element):
            return f"[{written(element)}]"
        case Tup(items):
            return f"({', '.join(map(written, items))})"
        case Struct(name, _) | Enum(name, _):
            return name


def sizes(shape: tuple[Size, ...]) -> Twin:
    listed = ", ".join(map(str, shape))
    return Twin(f"[{listed}]", f"({listed},)" if shape else "()")


def is_concrete(shape: tuple[Size, ...]) -> bool:
    return all(isinstance(s, int) for s in shape)


@dataclass(frozen=True)
class Variable:
    """`level` is the function it belongs to; a fixed one is not assigned."""

    type: Type
    name: Twin
    level: int
    fixed: bool = False


@dataclass(frozen=True)
class Function:
    parameters: tuple[Type, ...]
    result: Type
    name: Twin
    labels: tuple[str, ...] = ()
    mutates: bool = False


@dataclass
class Lines:
    """A program in the making, in both languages."""

    charl: list[str] = field(default_factory=list)
    python: list[str] = field(default_factory=list)
    depth: int = 0

    def add(self, charl: str | None, python: str | None) -> None:
        if charl is not None:
            self.charl.append("    " * self.depth + charl)
        if python is not None:
            self.python.append("    " * self.depth + python)

    def open(self, charl: str, python: str) -> None:
        self.add(charl + " {", python + ":")
        self.depth += 1

    def close(self, charl: str = "}") -> None:
        self.add(None, "pass")
        self.depth -= 1
        self.add(charl, None)
