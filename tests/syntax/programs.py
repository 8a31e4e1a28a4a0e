"""What the tests of the syntax share: sources, trees as short text, the corpus."""

from __future__ import annotations

from pathlib import Path

from charl.diagnostics.diagnostic import Diagnostic
from charl.source import Source, Span
from charl.syntax import ast
from charl.syntax.equal import structural_fields
from charl.syntax.parser import parse, parse_expression

CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.ch"))


def source(text: str) -> Source:
    return Source("case.ch", text)


def codes(text: str) -> list[str]:
    return [diagnostic.code for diagnostic in parse(source(text))[1]]


def errors(text: str) -> list[Diagnostic]:
    return parse(source(text))[1]


def module(text: str) -> ast.Module:
    """The tree of a program that must parse."""
    tree, diagnostics = parse(source(text))
    assert not diagnostics, [d.message for d in diagnostics]
    return tree


def expression(text: str) -> ast.Expr:
    tree, diagnostics = parse_expression(source(text))
    assert not diagnostics, [d.message for d in diagnostics]
    return tree


def shown(value: object) -> str:
    """A tree as text, `Binary(+ Name(a) IntLiteral(1))`, without None, False and empty parts."""
    if isinstance(value, ast.Node):
        parts = [shown(getattr(value, name)) for name in structural_fields(value)]
        return f"{type(value).__name__}({' '.join(part for part in parts if part)})"
    if isinstance(value, tuple):
        return f"[{' '.join(shown(part) for part in value)}]" if value else ""
    if isinstance(value, Span) or value is None or value is False:
        return ""
    return str(value)
