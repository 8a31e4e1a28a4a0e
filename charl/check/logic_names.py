"""Names in facts, rules and queries: relations that exist, with the right number of columns.

Their types, safety and evaluation are the work of the logic engine.
"""

from __future__ import annotations

from charl.check.declarations import Logic, Module
from charl.check.frame import Session
from charl.check.modules import public_names, report
from charl.check.names import walk
from charl.diagnostics.diagnostic import Label, error
from charl.diagnostics.suggest import nearest
from charl.syntax import ast


def check_logic(session: Session, module: Module) -> None:
    """Report unknown relations and wrong numbers of terms, also inside logic blocks."""
    columns = {
        name: (len(entry.node.columns), entry.node.name)
        for name in public_names(module)
        if isinstance(entry := module.names.get(name), Logic)
        and isinstance(entry.node, ast.Relation)
    }
    for item in module.syntax.statements:
        if isinstance(item, ast.Logic):
            _check_block(session, item, columns)
        elif isinstance(item, ast.Fact | ast.Rule):
            _check_atoms(session, item, columns)


Columns = dict[str, tuple[int, ast.Identifier]]


def _check_block(session: Session, block: ast.Logic, outer: Columns) -> None:
    """Inside a logic block its own relations and its parameters and results are known too."""
    columns = dict(outer)
    for item in block.items:
        if isinstance(item, ast.Relation):
            columns[item.name.name] = (len(item.columns), item.name)
    open_names = {c.name.name for c in (*block.parameters, *block.results)}
    for item in block.items:
        _check_atoms(session, item, columns, open_names)


def _check_atoms(
    session: Session, item: ast.Item, columns: Columns, open_names: set[str] | None = None
) -> None:
    for node in walk(item):
        if not isinstance(node, ast.Atom) or node.name.name in (open_names or ()):
            continue
        name = node.name.name
        if name not in columns:
            near = nearest(name, [*columns, *(open_names or ())])
            report(
                session,
                error(
                    "E0802",
                    f"there is no relation named `{name}`",
                    node.name.span,
                    helps=(
                        f"did you mean `{near}`?"
                        if near
                        else f"declare it: `relation {name}(...)`",
                    ),
                ),
            )
            continue
        count, place = columns[name]
        if len(node.terms) != count:
            report(
                session,
                error(
                    "E0803",
                    f"`{name}` has {count} column{'s' if count != 1 else ''}, and "
                    f"{len(node.terms)} terms stand here",
                    node.span,
                    secondary=(Label(place.span, "declared here"),),
                ),
            )
