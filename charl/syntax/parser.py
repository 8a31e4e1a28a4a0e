"""The parser's public face: `parse`, `parse_expression`, `is_incomplete`.

The grammar is one class in layers, a file each, every layer using those below: cursor, patterns,
types, operands, expressions, blocks, statements, logic, functions, members, items. The three knots
of the grammar (a type holds sizes, an expression holds blocks, a block holds items) are tied by
methods that a lower layer declares and an upper one defines. Above each function stands the
production it reads; `docs/reference/grammar.md` collects them.

Nothing is raised: what is wrong comes back as diagnostics beside the tree of what could be read.
"""

from __future__ import annotations

from charl.diagnostics.diagnostic import Diagnostic, error
from charl.source import Source, Span
from charl.syntax import ast
from charl.syntax import tokens as t
from charl.syntax.cursor import Failure, TooManyErrors
from charl.syntax.function_grammar import doc_line, is_doc
from charl.syntax.item_grammar import ItemGrammar
from charl.syntax.lexer import lex
from charl.syntax.nesting import deep_recursion


class Parser(ItemGrammar):
    # Module = { Statement end }
    def parse_module(self) -> ast.Module:
        doc = self.module_doc()
        statements: list[ast.Statement] = []
        while True:
            statements.extend(self.parse_lines(self.parse_statement))
            if self.token.kind == t.END:
                break
            self.report_inside(
                error(
                    "E0113",
                    "this `}` closes nothing",
                    self.token_span(self.token),
                    "no open `{`",
                )
            )
            self.advance()
        comments = tuple(c for c in self.comments if c.span.start not in self.docs_taken)
        return ast.Module(
            Span(self.source, 0, len(self.source.text)), tuple(statements), comments, doc
        )

    def module_doc(self) -> str:
        """The `///` lines at the start of the file, when a blank line or nothing follows them."""
        text, lines = self.source.text, []
        run: list[ast.Comment] = []
        for comment in self.comments:
            start = run[-1].span.stop if run else 0
            gap = text[start : comment.span.start]
            if not is_doc(comment) or gap.strip("\ufeff \t\r\n") or (run and gap.count("\n") != 1):
                break
            run.append(comment)
        if not run:
            return ""
        below = self.comments[len(run) : len(run) + 1]
        after = min([self.token.start, *(comment.span.start for comment in below)])
        if self.token.kind != t.END and text.count("\n", run[-1].span.stop, after) == 1:
            return ""  # the doc of the first item, or a comment among others
        for comment in run:
            self.docs_taken.add(comment.span.start)
            lines.append(doc_line(comment))
        return "\n".join(lines)


def parse(source: Source) -> tuple[ast.Module, list[Diagnostic]]:
    """The tree of a whole file, and everything that is wrong with its syntax."""
    parser, diagnostics = _parser(source)
    try:
        with deep_recursion():
            module = parser.parse_module()
    except TooManyErrors:
        module = ast.Module(Span(source, 0, len(source.text)), (), ())
    return module, _in_order(diagnostics + parser.diagnostics)


def parse_expression(source: Source) -> tuple[ast.Expr, list[Diagnostic]]:
    """The tree of a source that is one expression."""
    parser, diagnostics = _parser(source)
    expression: ast.Expr = ast.ErrorExpr(Span(source, 0, len(source.text)))
    try:
        with deep_recursion():
            expression = parser.parse_expression()
            if parser.token.kind != t.END:
                parser.fail_expected("E0114", "nothing after the expression")
    except (Failure, TooManyErrors):
        pass
    return expression, _in_order(diagnostics + parser.diagnostics)


def is_incomplete(source: Source) -> bool:
    """Whether more lines could mend the source: an open bracket, an operator at the end.

    A string that is not closed on its line is no such case: strings do not span lines.
    """
    parser, diagnostics = _parser(source)
    if diagnostics:
        return all(d.code == "E0102" for d in diagnostics)
    parser.by_indentation = False  # what is typed line by line is often not indented
    try:
        with deep_recursion():
            parser.parse_module()
    except TooManyErrors:
        return False
    return parser.incomplete


def _parser(source: Source) -> tuple[Parser, list[Diagnostic]]:
    tokens, comments, diagnostics = lex(source)
    return Parser(source, tokens, comments), diagnostics


def _in_order(diagnostics: list[Diagnostic]) -> list[Diagnostic]:
    return sorted(diagnostics, key=lambda d: d.primary.span.start if d.primary else 0)
