"""How items are printed: functions, types, imports, tests, and logic."""

from __future__ import annotations

from collections.abc import Sequence

from charl.syntax import ast
from charl.syntax import precedence as p
from charl.syntax.comment_layout import Element, trailing
from charl.syntax.layout import (
    HARD,
    SOFT,
    SPACE,
    Document,
    Group,
    IfBroken,
    Indent,
    is_hard,
    join,
    render,
)
from charl.syntax.statement_layout import StatementLayout

Member = ast.FieldDeclaration | ast.Function | ast.Initialiser | ast.Variant
Column = tuple[ast.Identifier | None, ast.TypeExpr]


class ItemLayout(StatementLayout):
    def item(self, node: ast.Item) -> Document:
        return self.documented(node.doc, self.bare_item(node))

    def bare_item(self, node: ast.Item) -> Document:
        match node:
            case ast.Function():
                return self.function(node)
            case ast.Struct(name=name, generics=generics, fields=fields, methods=methods):
                head = ["struct ", name.name, self.generics(generics), " "]
                return [*head, self.members(node, [*fields, *methods])]
            case ast.Enum(name=name, generics=generics, variants=variants, methods=methods):
                head = ["enum ", name.name, self.generics(generics), " "]
                return [*head, self.members(node, [*variants, *methods])]
            case ast.Model():
                return self.model(node)
            case ast.TypeAlias(name=name, generics=generics, type=type_expr):
                return ["type ", name.name, self.generics(generics), " = ", self.type(type_expr)]
            case ast.Import():
                return self.import_(node)
            case ast.Test(body=body):
                name_token = self.tokens[self.token_at(node.span.start) + 1]
                return Group(["test ", name_token.text, " ", self.block(body)])
            case ast.Relation(name=name, columns=columns):
                listed = self.columns(columns, name.span.stop, node.span.stop)
                return ["relation ", name.name, listed]
            case ast.Fact():
                return self.fact(node)
            case ast.Rule():
                return self.rule(node)
            case ast.Logic():
                return self.logic(node)
            case _:
                raise AssertionError(node)

    # --- Functions and types ---

    def function(self, node: ast.Function) -> Document:
        result: list[Document] = []
        stop = node.body.span.start
        if node.result is not None:
            result = [" -> ", self.flat(self.type(node.result))]
            stop = node.result.span.start
        start = node.generics[-1].span.stop if node.generics else node.name.span.stop
        return Group(
            [
                "mut fn " if node.mutable else "fn ",
                node.name.name,
                self.generics(node.generics),
                self.parameters(node.parameters, start, stop),
                *result,
                " ",
                self.block(node.body),
            ]
        )

    def flat(self, document: Document) -> Document:
        """On one line if it can be, so that what stands before it breaks instead."""
        return document if is_hard(document) else render(document, width=1_000_000)

    def members(
        self,
        node: ast.Struct | ast.Enum | ast.Model,
        members: Sequence[Member],
        extra: Sequence[Element] = (),
    ) -> Document:
        elements = [(m.span.start, m.span.stop, self.member(m)) for m in members]
        elements = sorted([*elements, *extra], key=lambda element: element[0])
        start = node.generics[-1].span.stop if node.generics else node.name.span.stop
        return self.braced_members(elements, start, node.span.stop)

    def member(self, node: Member) -> Document:
        match node:
            case ast.Function():
                return self.documented(node.doc, self.function(node))
            case ast.FieldDeclaration():
                return self.documented(node.doc, self.field(node))
            case ast.Initialiser(parameters=parameters, body=body):
                listed = self.parameters(parameters, node.span.start, body.span.start)
                return Group(["init", listed, " ", self.block(body)])
            case ast.Variant(name=name, payload=()):
                return name.name
            case ast.Variant(name=name, payload=payload):
                return [name.name, self.columns(payload, name.span.stop, node.span.stop)]

    def field(self, node: ast.FieldDeclaration) -> Document:
        parts: list[Document] = [node.name.name]
        if node.type is not None:
            parts += [": ", self.type(node.type)]
        if node.default is not None:
            parts += [" = ", self.expression(node.default)]
        return parts

    def columns(self, columns: Sequence[Column], start: int, stop: int) -> Document:
        elements = [
            (
                type_expr.span.start if name is None else name.span.start,
                type_expr.span.stop,
                self.named(name, self.type(type_expr)),
            )
            for name, type_expr in columns
        ]
        return self.delimited("(", elements, ")", (start, stop))

    def model(self, node: ast.Model) -> Document:
        members: list[Member] = [*node.fields, *node.methods]
        if node.initialiser is not None:
            members.append(node.initialiser)
        extra = [] if node.layers is None else [self.layers(node, node.layers)]
        head = ["model ", node.name.name, self.generics(node.generics), " "]
        return [*head, self.members(node, members, extra)]

    def layers(self, node: ast.Model, layers: tuple[ast.Expr, ...]) -> Element:
        """The `layers` clause; the tree has no node for it, so its place is found in the tokens."""
        position, depth = self.token_at(node.name.span.stop), 0
        while True:
            token = self.tokens[position]
            if depth == 1 and token.text == "layers" and self.tokens[position + 1].kind == "{":
                break
            depth += (token.kind in "([{") - (token.kind in ")]}")
            position += 1
        start, stop = self.tokens[position].start, self.closing(position + 1)
        elements = [(e.span.start, e.span.stop, self.expression(e)) for e in layers]
        members = self.braced_members(elements, start, stop)
        return start, stop + 1, ["layers ", members]

    def import_(self, node: ast.Import) -> Document:
        path = ".".join(identifier.name for identifier in node.path)
        if node.names is None:
            return ["import ", path, f" as {node.alias.name}" if node.alias else ""]
        names = [n.name + (f" as {alias.name}" if alias else "") for n, alias in node.names]
        opening, closing = IfBroken("("), IfBroken(")")
        rest = [Group([",", SPACE, name]) for name in names[1:]]
        listed = Indent([SOFT, names[0], *rest, IfBroken(",")])
        return Group(["from ", path, " import ", opening, listed, SOFT, closing])

    # --- Logic ---

    def fact(self, node: ast.Fact) -> Document:
        groups: list[Element] = []
        for group in node.groups:
            choices = join([" |", SPACE], [self.weighted(atom) for atom in group])
            groups.append((group[0].span.start, group[-1].span.stop, Group(Indent(choices))))
        return Group(["fact ", Indent(self.separated(groups))])

    def weighted(self, node: ast.WeightedAtom) -> Document:
        return [self.weight(node.weight), self.atom(node.atom)]

    def weight(self, node: ast.Expr | None) -> Document:
        if node is None:
            return ""
        document = self.operand(node, p.SUM)
        if render(document)[0].isalnum():
            return [document, " :: "]
        return ["(", document, ") :: "]  # else `fact -x :: p(y)` would start with a subtraction

    def rule(self, node: ast.Rule) -> Document:
        head: Document = ["rule ", self.weight(node.weight), self.atom(node.head)]
        if not node.body:
            return head
        return Group([head, " :-", Indent([SPACE, self.conjunction(node.body)])])

    def conjunction(self, body: Sequence[ast.Literal]) -> Document:
        return self.separated([(lit.span.start, lit.span.stop, self.literal(lit)) for lit in body])

    def separated(self, elements: Sequence[Element]) -> Document:
        """Elements separated by commas, without brackets, with the comments between them."""
        rows, _ = self.rows(elements, elements[0][0], elements[-1][1], inner=False)
        parts: list[Document] = []
        for index, row in enumerate(rows):
            if index:
                parts += [",", *trailing(rows[index - 1]), SPACE]
            for _, text in row.before:
                parts += [text, HARD]
            parts.append(row.document)
        return parts

    def literal(self, node: ast.Literal) -> Document:
        match node:
            case ast.AtomLiteral(atom=atom, negated=negated):
                return ["not " if negated else "", self.atom(atom)]
            case ast.ConditionLiteral(condition=ast.Unary(operator="not", operand=inner)):
                if isinstance(inner, ast.Binary) and inner.operator == "in":
                    return self.expression(node.condition)
                return ["not ", self.operand(inner, p.COMPARISON)]
            case ast.ConditionLiteral(condition=condition):
                return self.operand(condition, p.COMPARISON)
            case ast.BindingLiteral(name=name, value=value):
                return [name.name, " = ", self.operand(value, p.COMPARISON)]
            case ast.AggregateLiteral():
                return self.aggregate(node)
            case ast.OrLiteral(options=options):
                choices = join([SPACE, "or "], [self.conjunction(option) for option in options])
                return Group(["(", Indent([SOFT, choices]), SOFT, ")"])
            case _:
                raise AssertionError(node)

    def aggregate(self, node: ast.AggregateLiteral) -> Document:
        parts: list[Document] = [] if node.name is None else [node.name.name, " = "]
        inside: list[Document] = []
        if node.value is not None:
            inside += [self.expression(node.value), " : "]
        inside.append(self.conjunction(node.body))
        if node.group is not None:
            inside += [SPACE, "for ", self.expression(node.group), " : "]
            inside.append(self.conjunction(node.group_body))
        return [*parts, node.function.name, Group(["(", Indent([SOFT, inside]), SOFT, ")"])]

    def logic(self, node: ast.Logic) -> Document:
        start = node.generics[-1].span.stop if node.generics else node.name.span.stop
        stop = self.closing(self.token_at(start)) + 1
        inputs = self.logic_columns(node.parameters, start, stop)
        last = node.results[-1].span.stop if node.results else stop
        results: Document
        if len(node.results) == 1:
            results = self.logic_column(node.results[0])
        else:
            results = self.logic_columns(node.results, stop, last)
        elements = [(i.span.start, i.span.stop, self.item(i)) for i in node.items]
        body = self.braced(self.lines(elements, last, node.span.stop))
        head = ["logic ", node.name.name, self.generics(node.generics), inputs]
        return [*head, " -> ", results, " ", body]

    def logic_columns(self, columns: Sequence[ast.LogicColumn], start: int, stop: int) -> Document:
        elements = [(c.span.start, c.span.stop, self.logic_column(c)) for c in columns]
        return self.delimited("(", elements, ")", (start, stop))

    def logic_column(self, node: ast.LogicColumn) -> Document:
        sizes = [["[", self.operand(size, p.SUM), "]"] for size in node.sizes]
        return [node.name.name, ": ", self.type(node.type), *sizes]
