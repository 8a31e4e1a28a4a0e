"""The warnings about a file that checks: what it never reads, never reaches, or drops."""

from __future__ import annotations

from collections.abc import Iterable

from charl.check import tree
from charl.check.declarations import Module
from charl.check.frame import Session
from charl.check.idle import dropped, unreachable
from charl.check.unused import unused_imports, walk_scopes
from charl.diagnostics.diagnostic import Diagnostic


def advice(session: Session, module: Module, chunks: Iterable[tree.Chunk]) -> list[Diagnostic]:
    """`chunks` are the file's top level and its tests."""
    walk = walk_scopes(module.syntax)
    bodies = [chunk.instance.body for chunk in chunks if chunk.instance.body is not None]
    return [
        *unused_imports(module),
        *walk.found,
        *unreachable(module.syntax, walk.blocks),
        *dropped(session, module, walk.values, bodies),
    ]
