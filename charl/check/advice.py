"""The warnings about a file that checks: what it never reads, never reaches, or drops."""

from __future__ import annotations

from collections.abc import Iterable

from charl.check import tree
from charl.check.declarations import Module
from charl.check.frame import Session
from charl.check.idle import dropped, unreachable
from charl.check.names import walk
from charl.check.unused import unused_imports, unused_variables
from charl.diagnostics.diagnostic import Diagnostic
from charl.syntax import ast


def advice(session: Session, module: Module, chunks: Iterable[tree.Chunk]) -> list[Diagnostic]:
    """`chunks` are the file's top level and its tests."""
    blocks: list[ast.Block] = []
    values: list[ast.ExprStatement] = []
    for statement in module.syntax.statements:
        for node in walk(statement):
            match node:
                case ast.Block():
                    blocks.append(node)
                case ast.ExprStatement():
                    values.append(node)
    bodies = [chunk.instance.body for chunk in chunks if chunk.instance.body is not None]
    return [
        *unused_imports(module),
        *unused_variables(module.syntax),
        *unreachable(module.syntax, blocks),
        *dropped(session, module, values, bodies),
    ]
