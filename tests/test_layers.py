"""The house has storeys: a package imports only from those above it, and no modules in a circle.

An import under `if TYPE_CHECKING:` is for annotations only and counts for nothing; one inside a
function counts like any other.
"""

from __future__ import annotations

import ast
from collections.abc import Container, Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import charl

PACKAGE = Path(charl.__file__).parent

# From the top down. A name is a package or a module of `charl`.
LAYERS = (
    "folders",
    "shelf",
    "bytecode",
    "stamps",
    "records",
    "draws",
    "world",
    "source",
    "diagnostics",
    "syntax",
    "types",
    "core",
    "ops",
    "check",
    "lower",
    "transform",
    "interp",
    "kernel",
    "backend",
    "runtime",
    "logic",
    "std",
    "backends",
    "driver",
    "cache",
    "python_values",
    "kept",
    "api",
    "tools",
)
# The package itself: its version is for everyone, and it offers the face for Python lazily.
ROOT = {"__init__", "__main__"}


def layer_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imported(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """The (dotted name, line) of each import from `charl`, those for annotations aside."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"a relative import on line {node.lineno}"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            yield from imported(node)
            continue
        for name in names:
            first, _, rest = name.partition(".")
            if first == "charl" and rest and not rest.startswith("__"):
                yield rest, node.lineno


def modules() -> list[Path]:
    return [p for p in sorted(PACKAGE.rglob("*.py")) if layer_of(p) not in ROOT]


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_module_imports_only_from_layers_above(path: Path) -> None:
    layer = layer_of(path)
    assert layer in LAYERS, f"{layer} has no place in the house"
    below = [
        f"line {line}: {name}"
        for name, line in imported(ast.parse(path.read_text(encoding="utf-8")))
        if LAYERS.index(name.split(".")[0]) > LAYERS.index(layer)
    ]
    assert not below


def test_no_modules_import_each_other_in_a_circle() -> None:
    names = {".".join(p.relative_to(PACKAGE).with_suffix("").parts): p for p in modules()}
    graph: dict[str, set[str]] = {}
    for name, path in names.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        graph[name] = {module_of(target, names) for target, _ in imported(tree)} - {name}
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


def module_of(target: str, names: Container[str]) -> str:
    """The module that an imported name is or stands in."""
    parent = target.rpartition(".")[0]
    candidates = (target, f"{target}.__init__", parent, f"{parent}.__init__")
    return next((name for name in candidates if name in names), target)


def test_an_import_from_below_would_be_seen() -> None:
    text = (
        "def f():\n    from charl.tools.cli import main\nif TYPE_CHECKING:\n    import charl.api\n"
    )
    assert list(imported(ast.parse(text))) == [("tools.cli.main", 2)]
