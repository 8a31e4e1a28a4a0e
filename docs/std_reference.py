"""Writes docs/reference/std.md from the doc comments of charl/std and the registry of primitives.

python docs/std_reference.py            # writes the page
python docs/std_reference.py --check    # fails when the page is not up to date
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import charl.ops  # fills the registry of primitives
from charl.check.builtins import BUILTINS
from charl.core.op import SURFACE, Kind, Op, Parameter, Required
from charl.source import Source
from charl.syntax import ast
from charl.syntax.parser import parse

ROOT = Path(__file__).parent.parent
STD = Path(charl.ops.__file__).parent.parent / "std"
PAGE = ROOT / "docs" / "reference" / "std.md"

# The order in which a reader meets them.
VISIBLE = ("prelude", "activations", "arrays", "calculus", "lists", "nn")
IMPORTED = ("initial", "loss", "optim", "metrics", "data", "math", "random")

HEAD = """\
# The standard library

*This page is written by `docs/std_reference.py` from the sources.*

The library is written in Charl: read it in [charl/std](../../charl/std). The names of the first
modules are visible everywhere, the others are imported (`from loss import mse`, or `import loss`).
At the end stand the language's own functions and the primitives, visible everywhere, too.
"""


def page() -> str:
    parts = [HEAD]
    for name in (*VISIBLE, *IMPORTED):
        parts.extend(module_section(name))
    parts.append("\n## The language's own functions\n")
    for builtin in sorted(BUILTINS, key=lambda b: b.name):
        call, _, meaning = builtin.doc.partition("): ")
        parts.append(f"\n- `{call})`: {meaning}")
    parts.append("\n")
    parts.append("\n## Primitives\n")
    for name, op in sorted(SURFACE.items()):
        parts.append(f"\n- `{signature_of(name, op)}`: {op.doc}")
    parts.append("\n")
    return "".join(parts)


def module_section(name: str) -> Iterator[str]:
    source = Source(f"{name}.ch", (STD / f"{name}.ch").read_text("utf-8"))
    module, problems = parse(source)
    assert not problems
    where = "visible everywhere" if name in VISIBLE else f"`import {name}`"
    yield f"\n## {name}\n\n*{where}.* {doc_text(module.doc)}\n"
    for item in module.statements:
        yield from item_section(item)


def item_section(item: ast.Statement) -> Iterator[str]:
    match item:
        case ast.Function(name=name) | ast.Struct(name=name) | ast.Model(name=name):
            if name.name.startswith("_"):
                return
            methods: tuple[ast.Function, ...] = ()
        case ast.Enum(name=name, methods=methods):
            pass
        case ast.Let(keyword="const", pattern=ast.NamePattern(name=constant)):
            yield f"\n- `{constant}`\n"
            return
        case _:
            return
    yield f"\n### {name.name}\n\n```charl,signature\n{heading(item)}\n```\n\n"
    yield f"{doc_text(item.doc)}\n"
    if methods:
        yield "".join(f"\n- `{heading(m)}`: {reflow(m.doc)}" for m in methods) + "\n"


def heading(item: ast.Item) -> str:
    """The item's text up to its body, on one line."""
    text = item.span.text
    match item:
        case ast.Function(body=body):
            end = body.span.start - item.span.start
        case ast.Enum():
            end = text.index("fn ") if "fn " in text else len(text)
        case _:
            end = text.index("{")
    head = text[:end]
    head = "\n".join(line for line in head.splitlines() if not line.strip().startswith("//"))
    head = " ".join(head.split()).replace("( ", "(").replace(" )", ")").replace(",)", ")")
    return head.rstrip(" {") + (" }" if isinstance(item, ast.Enum) and "{" in head else "")


def doc_text(doc: str) -> str:
    """A doc comment as Markdown: indented lines are code."""
    return "\n".join(line.rstrip() for line in doc.strip().splitlines())


def reflow(doc: str) -> str:
    return " ".join(doc.split())


def signature_of(name: str, op: Op) -> str:
    return f"{name}({', '.join(parameter_text(p) for p in op.parameters)})"


def parameter_text(parameter: Parameter) -> str:
    shown = parameter.name
    if parameter.kind in (Kind.TENSORS, Kind.DIMS):
        shown = f"[{shown}...]"
    if isinstance(parameter.default, Required):
        return shown
    value = parameter.default
    if isinstance(value, bool):
        value = str(value).lower()
    elif isinstance(value, str):
        value = f'"{value}"'
    return f"{shown}: {value}"


def main() -> int:
    fresh = page()
    if "--check" in sys.argv[1:]:
        if PAGE.read_text("utf-8") != fresh:
            print(f"{PAGE} is not up to date: run python docs/std_reference.py")
            return 1
        return 0
    PAGE.write_text(fresh, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
