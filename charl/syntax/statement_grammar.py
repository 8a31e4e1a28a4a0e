"""Statements: bindings, assignments, loops, and the small ones.

Soft keywords (`assert`, `fact`, `model`...) start a statement only when what follows could not
continue an expression; else they are names. Items are read by the layers above.
"""

from __future__ import annotations

from charl.diagnostics.diagnostic import error
from charl.source import Span
from charl.syntax import ast
from charl.syntax import tokens as t
from charl.syntax.block_grammar import BlockGrammar
from charl.syntax.cursor import Failure
from charl.syntax.precedence import ASSIGNMENTS, INFIX
from charl.syntax.slips import BINDING_WORDS

# Behind the word `assert` these show that it is a name like any other.
_CONTINUES_NAME = frozenset(INFIX) - {"(", "[", "-", "not"} | frozenset(ASSIGNMENTS)
_CONTINUES_NAME |= {"=", ":", ",", "=>", ")", "}", ";"}
# What continues the line above in other languages.
_LINE_STARTERS = frozenset(INFIX) - {"(", "[", "-", "not", ".", "||"} | {"&&", "&", "^"}


class StatementGrammar(BlockGrammar):
    def maybe_item(self) -> ast.Item | None:
        """An item, if one starts here; defined by the layer above."""
        raise NotImplementedError

    # Statement = Item | Let | Assign | Return | Break | Continue | While | For | Assert
    #           | Expression
    def parse_statement(self) -> ast.Statement:
        token = self.token
        kind = token.kind
        self.height = 0
        if kind == t.NAME:
            statement = self.maybe_item() or self.maybe_word_statement()
            if statement is not None:
                return statement
        elif kind in t.KEYWORDS:
            if kind in ("let", "const"):
                return self.parse_let()
            if kind == "return":
                return self.parse_return()
            if kind == "for":
                return self.parse_for()
            if kind == "while":
                return self.parse_while()
            if kind == "break":
                self.advance()
                return ast.Break(self.token_span(token))
            if kind == "continue":
                self.advance()
                return ast.Continue(self.token_span(token))
            item = self.maybe_item()
            if item is not None:
                return item
            if kind == "else":
                raise self.fail_else()
        if kind in _LINE_STARTERS:
            raise self.fail_line_starts_with_operator()
        value = self.parse_expression()
        return self.maybe_assign(value, token.start) or ast.ExprStatement(
            self.span(token.start), value
        )

    def maybe_word_statement(self) -> ast.Statement | None:
        """Statements that start with a word which is no keyword."""
        word, following = self.token.text, self.peek()
        if word == "assert":
            if following.kind not in _CONTINUES_NAME and not following.newline:
                return self.parse_assert()
        elif word in BINDING_WORDS and following.kind == t.NAME and not following.newline:
            self.report_foreign("let")
            return self.parse_let()
        return None

    # --- Bindings ---

    # Let = ( "let" [ "mut" ] | "const" ) Pattern [ ":" Type ] "=" Expression
    def parse_let(self) -> ast.Statement:
        keyword = self.advance()
        word = "const" if keyword.kind == "const" else "let"
        mutable = False
        if self.at_word("mut") and self.peek().kind in (t.NAME, "("):
            mutable = True
            self.advance()
        pattern = self.parse_let_pattern()
        type_expr = None
        if self.token.kind in (":", ":-"):
            self.advance()
            type_expr = self.parse_type()
        if self.token.kind in (":=", "=="):
            self.report(
                error(
                    "E0111",
                    f"a binding is written with `=`, not `{self.token.kind}`",
                    self.here(),
                    "expected `=`",
                )
            )
        elif self.token.kind != "=":
            raise self.fail_no_value(pattern, word)
        self.advance()
        value = self.parse_expression()
        return ast.Let(self.span(keyword.start), word, mutable, pattern, type_expr, value)

    def fail_no_value(self, pattern: ast.Pattern, word: str) -> Failure:
        if self.at_line_start or self.token.kind in ("}", ";", t.END):
            raise self.fail(
                error(
                    "E0123",
                    f"`{pattern.span.text}` is given no value",
                    pattern.span,
                    f"`{word}` needs a value",
                    helps=(f"write `{word} {pattern.span.text} = ...`",),
                )
            )
        raise self.fail_expected("E0111", "`=` and a value")

    # Assign = Target ( "=" | "+=" | "-=" | "*=" | "/=" | "//=" | "%=" | "**=" | "@=" | "++=" )
    #          Expression
    def maybe_assign(self, target: ast.Expr, start: int) -> ast.Statement | None:
        kind = self.token.kind
        if self.at_line_start:
            return None
        if kind == ":=":
            name = target.span.text
            raise self.fail(
                error(
                    "E0116",
                    "`:=` is not an operator",
                    self.here(),
                    "not an operator",
                    helps=(f"bind with `let {name} = ...`, assign with `{name} = ...`",),
                )
            )
        if kind != "=" and kind not in ASSIGNMENTS:
            return None
        if not is_place(target, tuples=kind == "="):
            if isinstance(target, ast.Name | ast.Comparison):
                raise self.fail_expected("E0114", "a new line or `;`")
            raise self.fail(
                error(
                    "E0121",
                    "this cannot be assigned to",
                    target.span,
                    "not a name, a field or an element",
                    helps=("to compare write `==`",) if kind == "=" else (),
                )
            )
        self.advance()
        value = self.parse_expression()
        return ast.Assign(self.span(start), target, ASSIGNMENTS.get(kind), value)

    # --- Control flow ---

    # Return = "return" [ Expression ]
    def parse_return(self) -> ast.Statement:
        start = self.advance().start
        value = None
        if not self.at_line_start and self.token.kind not in ("}", ";", ",", t.END):
            value = self.parse_expression()
        return ast.Return(self.span(start), value)

    # While = "while" Expression Block
    def parse_while(self) -> ast.Statement:
        owner = self.advance()
        condition = self.parse_head(self.parse_condition)
        body = self.parse_body(owner)
        return ast.While(self.span(owner.start), condition, body)

    # For = "for" Pattern "in" Expression Block
    def parse_for(self) -> ast.Statement:
        owner = self.advance()
        pattern: ast.Pattern = ast.WildcardPattern(self.token_span(self.token))

        def parse_iteration() -> ast.Expr:
            nonlocal pattern
            pattern = self.parse_let_pattern()
            if self.token.kind != "in":
                raise self.fail_expected("E0111", "`in` after the loop's variable")
            self.advance()
            return self.parse_expression()

        if self.token.kind == "(" and self.opens_c_loop():
            close = self.tokens[self.bracket(self.position).close]
            self.report(
                error(
                    "E0111",
                    "a loop runs over the elements of something",
                    Span(self.source, self.token.start, close.stop),
                    "not `variable in elements`",
                    helps=("to count write `for i in 0..n { ... }`",),
                )
            )
            self.resume_at_body(self.context())
            iterable: ast.Expr = ast.ErrorExpr(self.token_span(owner))
        else:
            iterable = self.parse_head(parse_iteration)
        body = self.parse_body(owner)
        return ast.For(self.span(owner.start), pattern, iterable, body)

    def opens_c_loop(self) -> bool:
        """Whether the current `(` holds a `;`: `for (i = 0; i < n; i++)`."""
        bracket = self.bracket(self.position)
        return bracket.separator == ";"

    # Assert = "assert" Expression [ "," Expression ]
    def parse_assert(self) -> ast.Statement:
        start = self.advance().start
        condition = self.parse_condition()
        message = None
        if self.maybe(","):
            message = self.parse_expression()
        return ast.Assert(self.span(start), condition, message)

    # --- What is no statement ---

    def fail_else(self) -> Failure:
        """Report an `else` without its `if`, and read what it holds."""
        token = self.token
        self.report(
            error(
                "E0135",
                "this `else` belongs to no `if`",
                self.token_span(token),
                "no `if` before it",
                helps=("`else` follows the `}` of an `if`",),
            )
        )
        self.advance()
        if self.token.kind == "if":
            self.parse_if()
        elif self.token.kind == "{":
            self.parse_block()
        return Failure()

    def fail_line_starts_with_operator(self) -> Failure:
        """Report a line that goes on where the one above has ended, and skip all such lines."""
        token = self.token
        self.report(
            error(
                "E0129",
                f"a line cannot start with `{token.text}`",
                self.token_span(token),
                "the statement above has ended",
                helps=(f"end the line above with `{token.text}`, or put the whole in parentheses",),
            )
        )
        while self.token.kind in _LINE_STARTERS:
            self.advance()
            while not self.token.newline and self.token.kind not in ("}", *t.BARRIERS):
                self.advance()
        return Failure()


def is_place(target: ast.Expr, *, tuples: bool) -> bool:
    """Whether `target` can be assigned to: a name, an element or field of one, a tuple of such."""
    match target:
        case ast.Name(name=name):
            return name != "_" or tuples
        case ast.Index(base=base) | ast.Field(base=base):
            while isinstance(base, ast.Index | ast.Field):
                base = base.base
            return isinstance(base, ast.Name)
        case ast.TupleLiteral(items=items):
            return tuples and bool(items) and all(is_place(i, tuples=True) for i in items)
        case _:
            return False
