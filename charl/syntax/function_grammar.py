"""Functions, their parameters, and the docs above items.

An item's doc is the run of `///` lines right above it.
"""

from __future__ import annotations

from charl.diagnostics.diagnostic import error
from charl.syntax import ast
from charl.syntax import tokens as t
from charl.syntax.cursor import Failure
from charl.syntax.logic_grammar import LogicGrammar
from charl.syntax.slips import TYPE_WORDS
from charl.syntax.tokens import Token


class FunctionGrammar(LogicGrammar):
    # --- Docs ---

    def take_doc(self, start: int) -> str:
        """The text of the `///` lines right above `start`, which then are no comments any more."""
        comments, text = self.comments, self.source.text
        while (
            self.first_comment < len(comments)
            and comments[self.first_comment].span.start < self.stop
        ):
            self.first_comment += 1
        lines: list[str] = []
        last = self.first_comment
        while last < len(comments) and comments[last].span.start < start:
            last += 1
        below = start
        for comment in reversed(comments[self.first_comment : last]):
            gap = text[comment.span.stop : below]
            own_line = text.rfind("\n", self.stop, comment.span.start) >= 0 or self.stop == 0
            if not is_doc(comment) or not own_line or gap.count("\n") != 1:
                break
            if comment.span.start in self.docs_taken:
                break
            self.docs_taken.add(comment.span.start)
            lines.append(doc_line(comment))
            below = comment.span.start
        return "\n".join(reversed(lines))

    # --- Functions ---

    # Function = "fn" Name [ Generics ] "(" Parameters ")" [ "->" Type ] Block
    def parse_function(
        self, doc: str, *, mutable: bool = False, method: bool = False
    ) -> ast.Function:
        owner = self.advance()
        start = owner.start
        if mutable:
            start = self.tokens[self.position - 2].start
        name = self.expect_name("a function's name")
        context = self.context()
        generics: tuple[ast.Generic, ...] = ()
        parameters: tuple[ast.Parameter, ...] = ()
        result = None
        try:
            generics = self.parse_generics()
            parameters = self.parse_parameters(f"`{name.name}`", method=method)
            result = self.maybe_result()
        except Failure:
            self.resume_at_body(context)
        if self.token.kind in ("=", "=>") and not self.at_line_start:
            raise self.fail(
                error(
                    "E0118",
                    f"the body of `{name.name}` stands in braces",
                    self.here(),
                    "expected `{`",
                    helps=("the last expression of the block is the result",),
                )
            )
        if self.lacks_body(owner):
            raise self.fail_expected("E0111", f"`{{` and the body of `{name.name}`")
        body = self.parse_body(owner, "fn")
        return ast.Function(
            self.span(start), doc, name, generics, parameters, result, body, mutable
        )

    def lacks_body(self, owner: Token) -> bool:
        """Whether neither a block nor deeper lines (a body without braces) follow a head."""
        token = self.token
        ends = token.kind == t.END or (token.newline and token.kind not in ("{", ":"))
        return ends and self.column(token) <= self.indentation(owner)

    def parse_mut_function(self, doc: str) -> ast.Item:
        token = self.advance()
        self.report_inside(
            error(
                "E0130",
                "only a method can be `mut`",
                self.token_span(token),
                "not a method",
                helps=("return the changed value instead",),
            )
        )
        return self.parse_function(doc, mutable=True)

    # Parameters = [ Parameter { "," Parameter } ]
    def parse_parameters(self, owner: str, *, method: bool) -> tuple[ast.Parameter, ...]:
        if self.token.kind != "(":
            raise self.fail_expected("E0111", f"`(` and the parameters of {owner}")
        parameters = self.parse_list(self.advance(), self.parse_parameter)
        first = parameters[0].pattern if method and parameters else None
        if isinstance(first, ast.NamePattern) and first.name == "self":
            self.report_inside(
                error(
                    "E0132",
                    "a method does not list `self` among its parameters",
                    parameters[0].span,
                    "leave it out",
                    helps=("fields are in scope by their names, and `self` is the whole",),
                )
            )
            parameters = parameters[1:]
        return tuple(parameters)

    # Parameter = [ "const" ] [ "mut" ] SimplePattern [ ":" Type ] [ "=" Expression ]
    def parse_parameter(self) -> ast.Parameter:
        start = self.token.start
        const = self.maybe("const") is not None
        mutable = False
        if self.at_word("mut") and self.peek().kind in (t.NAME, "("):
            self.advance()
            mutable = True
        if self.token.kind == "&":
            self.report(
                error(
                    "E0116",
                    "`&` is not an operator",
                    self.token_span(self.token),
                    "not an operator",
                    helps=("values are never shared: leave it out",),
                )
            )
            self.advance()
        pattern = self.parse_binding_pattern()
        type_expr = self.parse_type() if self.maybe(":") else None
        default = self.parse_expression() if self.maybe("=") else None
        if self.token.kind == t.NAME and type_expr is None and isinstance(pattern, ast.NamePattern):
            raise self.fail_type_beside_name(pattern.name, self.token.text)
        return ast.Parameter(self.span(start), pattern, type_expr, default, const, mutable)

    def fail_type_beside_name(self, first: str, second: str) -> Failure:
        """`int x` or `x int`, where `x: int` is meant."""
        name, type_name = (second, first) if first in TYPE_WORDS else (first, second)
        return self.fail(
            error(
                "E0111",
                f"expected `,` or `)`, found `{second}`",
                self.here(),
                "expected `,` or `)`",
                helps=(f"a type stands behind a colon: `{name}: {type_name}`",),
            )
        )

    # Result = "->" Type
    def maybe_result(self) -> ast.TypeExpr | None:
        kind = self.token.kind
        if kind == "->":
            self.advance()
            return self.parse_type()
        starts_type = kind in (t.NAME, "[", "(") and not self.at_line_start
        if (kind == ":" and not self.peek().newline) or kind == "=>" or starts_type:
            self.report(
                error(
                    "E0127",
                    "a function's result type stands behind `->`",
                    self.here(),
                    "expected `->`",
                )
            )
            if not starts_type:
                self.advance()
            return self.parse_type()
        return None


def is_doc(comment: ast.Comment) -> bool:
    return comment.text.startswith("///") and not comment.text.startswith("////")


def doc_line(comment: ast.Comment) -> str:
    """The comment without its slashes and the space behind them."""
    text = comment.text[3:]
    return text[1:] if text.startswith(" ") else text
