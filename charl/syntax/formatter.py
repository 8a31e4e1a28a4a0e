"""The formatter: one style, no options.

Four spaces, a hundred columns, words for `&&` `||` `!`, short tensor types, a comma after the last
element of a broken list. What the writer decides: comments, single empty lines, number and string
spelling, and whether a short block or list of members stands on one line. The program is parsed and
printed from its tree, so parse(format(x)) equals parse(x); it is built in layers like the grammar,
one for each of its files: comments, types, expressions, statements, items.
"""

from __future__ import annotations

from charl.diagnostics.diagnostic import CharlError
from charl.source import Source
from charl.syntax import ast
from charl.syntax.comment_layout import stacked
from charl.syntax.item_layout import ItemLayout
from charl.syntax.layout import HARD, Document, render
from charl.syntax.lexer import lex
from charl.syntax.nesting import deep_recursion
from charl.syntax.parser import parse


def format_source(source: Source) -> str:
    """The source in Charl's style. Raises CharlError with the diagnostics if it does not parse."""
    module, diagnostics = parse(source)
    if diagnostics:
        raise CharlError(*diagnostics)
    tokens, _, _ = lex(source)
    with deep_recursion():
        return render(_module(ItemLayout(source, tokens, module.comments), module))


def _module(layout: ItemLayout, module: ast.Module) -> Document:
    elements = [(s.span.start, s.span.stop, layout.statement(s)) for s in module.statements]
    lines = layout.lines(elements, 0, len(module.span.source.text))
    body: Document = [stacked(lines), HARD] if lines else ""
    if not module.doc:
        return body
    return [layout.documented(module.doc, ""), HARD if lines else "", body]
