"""Logic: relations, facts, rules and logic blocks.

A rule's body is read literal by literal. Within a literal, expressions stop at `or` and `and`,
which join literals: `or` between alternatives in parentheses; for `and` a comma is written.
"""

from __future__ import annotations

from charl.diagnostics.diagnostic import error
from charl.syntax import ast
from charl.syntax import precedence as p
from charl.syntax import tokens as t
from charl.syntax.cursor import Failure
from charl.syntax.precedence import INFIX
from charl.syntax.statement_grammar import StatementGrammar

# `max(a, b)` is a call; `max(x : p(x))` aggregates. These two aggregate always.
_QUANTIFIERS = frozenset(("exists", "forall"))


class LogicGrammar(StatementGrammar):
    # Relation = "relation" Name "(" [ Column { "," Column } ] ")";  Column = [ Name ":" ] Type
    def parse_relation(self, doc: str) -> ast.Item:
        start = self.advance().start
        name = self.expect_name("a relation's name")
        if self.token.kind != "(":
            raise self.fail_expected("E0111", f"`(` and the types of `{name.name}`'s columns")
        columns = self.parse_list(self.advance(), self.parse_column)
        return ast.Relation(self.span(start), doc, name, tuple(columns))

    def parse_column(self) -> tuple[ast.Identifier | None, ast.TypeExpr]:
        if self.token.kind == t.NAME and self.peek().kind == ":":
            name = self.expect_name("a column's name")
            self.advance()
            return name, self.parse_type()
        return None, self.parse_type()

    # --- Facts ---

    # Fact = "fact" Choice { "," Choice };  Choice = WeightedAtom { "|" WeightedAtom }
    def parse_fact(self, doc: str) -> ast.Item:
        start = self.advance().start
        bar, self.bar_separates = self.bar_separates, True
        groups: list[tuple[ast.WeightedAtom, ...]] = []
        while True:
            group = [self.parse_weighted_atom()]
            while self.token.kind == "|" and not self.at_line_start:
                self.advance()
                group.append(self.parse_weighted_atom())
            groups.append(tuple(group))
            if self.token.kind != "," or self.at_line_start:
                break
            self.advance()
        self.bar_separates = bar
        if self.token.kind == ":-":
            raise self.fail_expected("E0114", "a new line", "what has a body is a `rule`")
        return ast.Fact(self.span(start), doc, tuple(groups))

    # WeightedAtom = [ Sum "::" ] Atom
    def parse_weighted_atom(self) -> ast.WeightedAtom:
        start = self.token.start
        first = self.parse_expression(p.SUM)
        if self.maybe("::"):
            atom = self.parse_atom()
            return ast.WeightedAtom(self.span(start), first, atom)
        return ast.WeightedAtom(self.span(start), None, self.as_atom(first))

    def as_atom(self, value: ast.Expr) -> ast.Atom:
        """An expression that has the form of an atom, or fail."""
        if isinstance(value, ast.Call) and isinstance(value.callee, ast.Name):
            named = next((a for a in value.arguments if a.name is not None), None)
            if named is not None:
                self.report_inside(
                    error(
                        "E0131",
                        "the columns of a relation are given in order, without names",
                        named.span,
                        "named",
                    )
                )
            name = ast.Identifier(value.callee.span, value.callee.name)
            return ast.Atom(value.span, name, tuple(a.value for a in value.arguments))
        raise self.fail_literal(
            value, 'a fact is a relation with its values: `parent("ana", "bea")`'
        )

    def fail_literal(self, value: ast.Expr, *helps: str) -> Failure:
        if isinstance(value, ast.ErrorExpr):
            self.reported_at = self.position
        raise self.fail(
            error("E0131", "expected an atom here", value.span, "not an atom", helps=helps)
        )

    # --- Rules ---

    # Rule = "rule" [ Sum "::" ] Atom [ ":-" Body ]
    def parse_rule(self, doc: str) -> ast.Item:
        start = self.advance().start
        first, weight = self.parse_expression(p.SUM), None
        if self.maybe("::"):
            weight, head = first, self.parse_atom()
        else:
            head = self.as_atom(first)
        body: tuple[ast.Literal, ...] = ()
        if self.token.kind in (":=", "=>", "if", ":", "=", "<", "->") and not self.at_line_start:
            self.report(
                error(
                    "E0131",
                    f"the head and the body of a rule are joined by `:-`, not `{self.token.text}`",
                    self.here(),
                    "expected `:-`",
                )
            )
            if self.advance().kind == "<":
                self.maybe("-")
            body = self.parse_conjunction()
        elif self.maybe(":-"):
            body = self.parse_conjunction()
        return ast.Rule(self.span(start), doc, weight, head, body)

    # Body = Literal { "," Literal }
    def parse_conjunction(self) -> tuple[ast.Literal, ...]:
        literals = [self.parse_literal()]
        while not self.at_line_start and self.token.kind in (",", "and", "&&", "&"):
            if self.token.kind != ",":
                self.report_connective("a comma joins the parts of a rule's body")
            self.advance()
            literals.append(self.parse_literal())
        if self.token.kind in ("or", "||", "|") and not self.in_alternatives:
            self.report_connective("alternatives stand in parentheses: `(a(x) or b(x))`")
            while self.token.kind in ("or", "||", "|", ","):
                self.advance()
                literals.append(self.parse_literal())
        return tuple(literals)

    def report_connective(self, message: str) -> None:
        self.report(
            error(
                "E0131",
                message,
                self.token_span(self.token),
                f"not `{self.token.text}`",
            )
        )

    # Literal = [ "not" ] Atom | Condition | Binding | Aggregate | Alternatives
    def parse_literal(self) -> ast.Literal:
        depth = self.depth
        self.enter()
        literal = self.parse_any_literal()
        self.depth = depth
        return literal

    def parse_any_literal(self) -> ast.Literal:
        token, start = self.token, self.token.start
        if token.kind == "(" and self.opens_alternatives():
            return self.parse_alternatives()
        if token.kind == t.NAME:
            following = self.peek().kind
            if following == "=":
                return self.parse_binding()
            if following == "(" and self.opens_aggregate(self.position + 1):
                return self.parse_aggregate(None, start)
        if token.kind in ("not", "!"):
            self.advance()
            inner = self.parse_expression(p.COMPARISON)
            if isinstance(inner, ast.Call) and isinstance(inner.callee, ast.Name):
                return ast.AtomLiteral(self.span(start), self.as_atom(inner), True)
            negation = ast.Unary(self.span(start), "not", inner)
            return ast.ConditionLiteral(negation.span, negation)
        value = self.parse_expression(p.COMPARISON)
        match value:
            case ast.Call(callee=ast.Name()):
                return ast.AtomLiteral(self.span(start), self.as_atom(value), False)
            case (
                ast.Comparison()
                | ast.Binary(operator="in")
                | ast.Unary(operator="not")
                | ast.Call()
            ):
                return ast.ConditionLiteral(self.span(start), value)
        if self.token.kind == "=":
            raise self.fail_expected("E0131", "`,` or the end of the rule", "to compare write `==`")
        raise self.fail_literal(
            value, "a rule's body holds atoms `p(x)`, comparisons `x < y`, and bindings `s = x + y`"
        )

    # Alternatives = "(" Body { "or" Body } ")"
    def opens_alternatives(self) -> bool:
        """Whether the current `(` groups literals, rather than starting an expression such as
        `(x + y) % 10 == z`: then an operator follows the closing bracket."""
        following = self.tokens[self.bracket(self.position).close + 1 :][:1]
        return (
            not following
            or following[0].newline
            or following[0].kind not in INFIX
            or (following[0].kind in ("or", "and", "||", "&&"))
        )

    def parse_alternatives(self) -> ast.Literal:
        opening = self.token
        options: list[tuple[ast.Literal, ...]] = []
        context = self.context()
        self.advance()
        self.brackets += 1
        self.lines = self.in_index = False
        group, self.in_alternatives = self.in_alternatives, True
        options.append(self.parse_conjunction())
        while self.token.kind in ("or", "||", "|"):
            if self.token.kind == "|":
                self.report_connective("alternatives are joined by `or`")
            self.advance()
            options.append(self.parse_conjunction())
        self.in_alternatives = group
        if self.token.kind != ")":
            raise self.fail_unclosed(opening)
        self.advance()
        self.restore(context)
        return ast.OrLiteral(self.span(opening.start), tuple(options))

    # Binding = Name "=" ( Aggregate | Comparison )
    def parse_binding(self) -> ast.Literal:
        start = self.token.start
        name = self.expect_name("a variable")
        self.advance()
        called = self.token.kind == t.NAME and self.peek().kind == "("
        if called and self.opens_aggregate(self.position + 1):
            return self.parse_aggregate(name, start)
        value = self.parse_expression(p.COMPARISON)
        return ast.BindingLiteral(self.span(start), name, value)

    def opens_aggregate(self, position: int) -> bool:
        if self.tokens[position - 1].text in _QUANTIFIERS:
            return True
        return self.bracket(position).separator == ":"

    # Aggregate = Name "(" [ Expression ":" ] Body [ "for" Expression ":" Body ] ")"
    def parse_aggregate(self, name: ast.Identifier | None, start: int) -> ast.Literal:
        function = self.expect_name("an aggregate")
        has_value = self.bracket(self.position).separator == ":"
        opening = self.token
        context = self.context()
        self.advance()
        self.brackets += 1
        self.lines = self.in_index = False
        group, self.in_alternatives = self.in_alternatives, False
        value = group_value = None
        if has_value:
            value = self.parse_expression()
            self.expect(":", "after the value that is aggregated")
        body = self.parse_conjunction()
        group_body: tuple[ast.Literal, ...] = ()
        if self.maybe("for"):
            group_value = self.parse_expression()
            self.expect(":", "after the value that is grouped by")
            group_body = self.parse_conjunction()
        self.in_alternatives = group
        if self.token.kind != ")":
            raise self.fail_unclosed(opening)
        self.advance()
        self.restore(context)
        if name is None and function.name not in _QUANTIFIERS:
            raise self.fail(
                error(
                    "E0131",
                    f"the result of `{function.name}` is bound to a name first",
                    self.span(start),
                    "not a condition",
                    helps=(f"write `n = {function.name}(...)`, then compare `n`",),
                )
            )
        return ast.AggregateLiteral(
            self.span(start), name, function, value, body, group_value, group_body
        )

    # --- Logic blocks ---

    # Logic = "logic" Name [ Generics ] "(" Columns ")" "->" ( LogicColumn | "(" Columns ")" ) Items
    def parse_logic(self, doc: str) -> ast.Item:
        start = self.advance().start
        name = self.expect_name("a logic block's name")
        generics = self.parse_generics()
        if self.token.kind != "(":
            raise self.fail_expected("E0111", f"`(` and the inputs of `{name.name}`")
        parameters = self.parse_list(self.advance(), self.parse_logic_column)
        if not self.maybe("->"):
            raise self.fail_expected(
                "E0127", "`->` and the conclusions", "as in `-> total: categorical[19]`"
            )
        if self.token.kind == "(":
            results = self.parse_list(self.advance(), self.parse_logic_column)
        else:
            results = [self.parse_logic_column()]
            while self.maybe(","):
                results.append(self.parse_logic_column())
        if self.token.kind != "{":
            raise self.fail_expected("E0111", f"`{{` before the rules of `{name.name}`")
        items = self.parse_braced(self.advance(), self.parse_logic_item)
        return ast.Logic(
            self.span(start), doc, name, generics, tuple(parameters), tuple(results), tuple(items)
        )

    # LogicColumn = Name ":" Type { "[" Sum "]" }
    def parse_logic_column(self) -> ast.LogicColumn:
        start = self.token.start
        name = self.expect_name("a name, as in `digit: categorical[10]`")
        if self.token.kind != ":":
            raise self.fail_expected("E0119", f"`:` and the type of `{name.name}`")
        self.advance()
        type_expr = self.parse_type()
        sizes: list[ast.Expr] = []
        while self.token.kind == "[" and not self.at_line_start:
            sizes.extend(self.parse_list(self.advance(), lambda: self.parse_expression(p.SUM)))
        return ast.LogicColumn(self.span(start), name, type_expr, tuple(sizes))

    def parse_logic_item(self) -> ast.Item:
        item = self.maybe_item() if self.token.kind in (t.NAME, *t.KEYWORDS) else None
        if isinstance(item, ast.Relation | ast.Fact | ast.Rule):
            return item
        place = self.here() if item is None else item.span
        raise self.fail(
            error(
                "E0131",
                "a logic block holds relations, facts and rules only",
                place,
                "none of these",
            )
        )
