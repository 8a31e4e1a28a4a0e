"""How expressions are printed: parentheses by the precedence table, breaks by the width.

Parentheses that the tree does not need are dropped, except around an operand that is itself made
of operators, where the writer put them for clarity: `(a and b) or c`.
"""

from __future__ import annotations

from charl.syntax import ast
from charl.syntax import precedence as p
from charl.syntax.comment_layout import Element
from charl.syntax.layout import (
    HARD,
    SOFT,
    SPACE,
    Choice,
    Document,
    Group,
    Indent,
    Trailing,
    is_hard,
    join,
    render,
)
from charl.syntax.lexer import DIVISOR, PROSE
from charl.syntax.tokens import KEYWORDS
from charl.syntax.type_layout import TypeLayout

_OPERATIONS = ast.Binary | ast.Unary | ast.Comparison | ast.Range | ast.Cast
_BRACED = ast.Block | ast.If | ast.Match | ast.With


def level_of(node: ast.Expr) -> int:
    """The level at which an expression is read; the loosest for those open to the right."""
    match node:
        case ast.Binary(operator=operator):
            return p.INFIX[operator]
        case ast.Unary(operator="not", operand=ast.Binary(operator="in")):
            return p.COMPARISON
        case ast.Unary(operator=operator):
            return p.NOT if operator == "not" else p.NEGATION
        case ast.Comparison():
            return p.COMPARISON
        case ast.Range():
            return p.RANGE
        case ast.Cast():
            return p.CAST
        case ast.Call() | ast.Index() | ast.Field():
            return p.POSTFIX
        case ast.Lambda() | ast.If() | ast.Match() | ast.With() | ast.Block():
            return -1
        case _:
            return p.ATOM


class ExpressionLayout(TypeLayout):
    def braced_expression(self, node: ast.Expr) -> Document:
        """A block, `if`, `match` or `with`; defined by the layer above."""
        raise NotImplementedError

    def atom(self, node: ast.Atom) -> Document:
        elements = [(e.span.start, e.span.stop, self.expression(e)) for e in node.terms]
        region = (node.name.span.stop, node.span.stop)
        return [node.name.name, self.delimited("(", elements, ")", region)]

    # --- Parentheses ---

    def operand(self, node: ast.Expr, level: int, *, keep: bool = False) -> Document:
        document = self.expression(node)
        needed = level_of(node) < level
        # `assert` before a bracket or a sign would be read as the statement.
        if isinstance(node, ast.Name) and node.name == "assert":
            needed = True
        if needed or (keep and isinstance(node, _OPERATIONS)):
            return ["(", document, ")"]
        return document

    def right(self, node: ast.Expr, level: int) -> Document:
        """An operand behind an operator."""
        return self.operand(node, level, keep=self.in_parentheses(node.span.start))

    def left(self, node: ast.Expr, level: int, whole: ast.Expr) -> Document:
        """The first operand of `whole`."""
        return self.operand(node, level, keep=whole.span.start < node.span.start)

    def head(self, node: ast.Expr) -> Document:
        """An expression before `{`, where a brace must not start a body too early."""
        document = self.expression(node)
        if isinstance(node, _BRACED | ast.Lambda):
            return ["(", document, ")"]
        return document

    # --- All expressions ---

    def expression(self, node: ast.Expr) -> Document:
        match node:
            case ast.Name(name=name):
                return name
            case ast.IntLiteral() | ast.FloatLiteral() | ast.StringLiteral() | ast.BoolLiteral():
                return node.span.text
            case ast.Call() | ast.Field() | ast.Index():
                return self.postfix(node)
            case ast.Binary(operator="in", left=left, right=right):
                level = p.COMPARISON + 1
                return Group([self.left(left, level, node), " in ", self.right(right, level)])
            case ast.Binary():
                return self.binary(node)
            case ast.Unary():
                return self.unary(node)
            case ast.Comparison():
                return self.comparison(node)
            case ast.Range():
                return self.range(node)
            case ast.Cast(value=value, type=type_expr):
                return [self.left(value, p.CAST, node), " as ", self.type(type_expr)]
            case ast.ListLiteral(items=items):
                fill = len(items) > 6 and all(is_short(item) for item in items)
                region = (node.span.start, node.span.stop)
                return self.delimited("[", self.elements(items), "]", region, fill=fill)
            case ast.TupleLiteral(items=items):
                region = (node.span.start, node.span.stop)
                one = len(items) == 1
                return self.delimited("(", self.elements(items), ")", region, one=one)
            case ast.Lambda(parameters=parameters, body=body):
                listed = join(", ", [self.parameter(parameter) for parameter in parameters])
                return ["|", *listed, "| ", self.expression(body)]
            case ast.FormatString():
                return self.format_string(node)
            case ast.Query(atom=atom):
                return ["query ", self.atom(atom)]
            case _:
                return self.braced_expression(node)

    def elements(self, nodes: tuple[ast.Expr, ...]) -> list[Element]:
        return [(n.span.start, n.span.stop, self.expression(n)) for n in nodes]

    # --- Operators ---

    def unary(self, node: ast.Unary) -> Document:
        match node:
            case ast.Unary(operator="not", operand=ast.Binary(operator="in") as inner):
                level = p.COMPARISON + 1
                left = self.left(inner.left, level, inner)
                return Group([left, " not in ", self.right(inner.right, level)])
            case ast.Unary(operator="not", operand=operand):
                return ["not ", self.right(operand, p.NOT)]
            case _:
                return ["-", self.right(node.operand, p.NEGATION)]

    def binary(self, node: ast.Binary) -> Document:
        """A chain of operators of one level, broken behind them; a pipe before them."""
        level = p.INFIX[node.operator]
        if level == p.POWER:
            right = node.right
            negative = isinstance(right, ast.Unary) and right.operator == "-"
            second = self.expression(right) if negative else self.right(right, p.POWER)
            return [self.left(node.left, p.POWER + 1, node), " ** ", second]
        links = [node]
        while is_link(links[-1].left, links[-1], level):
            left = links[-1].left
            assert isinstance(left, ast.Binary)
            links.append(left)
        links.reverse()
        pipe = level == p.PIPE
        divided = [link.operator == "//" for link in links] + [False]
        first = self.left(links[0].left, level, links[0])
        parts: list[Document] = [dividend(first) if divided[0] else first]
        for index, link in enumerate(links):
            operand = self.right(link.right, level + 1)
            if divided[index + 1]:
                operand = dividend(operand)
            if divided[index]:  # never at a line's end or start, where it would be a comment
                parts[-1] = [parts[-1], " // ", divisor(operand)]
                continue
            own, trailing, prefix = self.gap_comments(link.left.span.stop, link.right.span.start)
            if pipe:
                part = [*trailing, SPACE, *own, "|> ", *prefix, operand]
            else:
                part = [f" {link.operator}", *trailing, SPACE, *own, *prefix, operand]
            # Sums and products put as many operands on a line as fit.
            parts.append(Group(part) if level in (p.SUM, p.PRODUCT) else part)
        broken = pipe and any(
            self.breaks(link.left.span.stop, link.operator_span.start) for link in links
        )
        return Group([parts[0], Indent(parts[1:])], broken=broken)

    def gap_comments(
        self, start: int, stop: int
    ) -> tuple[list[Document], list[Document], list[Document]]:
        """The comments between two operands: on own lines, behind the first, before the second."""
        own: list[Document] = []
        trailing: list[Document] = []
        prefix: list[Document] = []
        for comment in self.take(start, stop):
            ends_line = not comment.block or self.breaks(comment.span.stop, stop)
            if not ends_line and "\n" not in comment.text:
                prefix += [comment.text, " "]
            elif self.breaks(start, comment.span.start):
                own += [self.own_line(comment), HARD]
            else:
                trailing.append(Trailing("  " + comment.text))
        return own, trailing, prefix

    def comparison(self, node: ast.Comparison) -> Document:
        level = p.COMPARISON + 1
        parts: list[Document] = []
        previous = node.operands[0].span.stop
        for operator, operand in zip(node.operators, node.operands[1:]):
            own, trailing, prefix = self.gap_comments(previous, operand.span.start)
            parts += [f" {operator}", *trailing, SPACE, *own, *prefix, self.right(operand, level)]
            previous = operand.span.stop
        return Group([self.left(node.operands[0], level, node), Indent(parts)])

    def range(self, node: ast.Range) -> Document:
        level = p.RANGE + 1
        parts: list[Document] = []
        if node.start is not None:
            parts.append(self.left(node.start, level, node))
        parts.append("..=" if node.inclusive else "..")
        if node.stop is not None:
            parts.append(self.right(node.stop, level))
        if node.step is not None:
            parts += [" step ", self.right(node.step, level)]
        return parts

    # --- Calls, indexing, fields ---

    def postfix(self, node: ast.Expr) -> Document:
        """A chain of calls, indices and fields; methods on lines of their own when it is long."""
        links: list[ast.Call | ast.Index | ast.Field] = []
        base = node
        while isinstance(base, ast.Call | ast.Index | ast.Field):
            links.append(base)
            base = base_of(base)
            if links[-1].span.start < base.span.start:  # in parentheses
                break
        links.reverse()
        first = self.operand(base, p.POSTFIX)
        if isinstance(base, ast.IntLiteral | ast.FloatLiteral) and is_digits(links[0]):
            first = ["(", first, ")"]
        groups: list[list[Document]] = [[]]  # what hangs on the base, then one per method call
        broken = False
        for index, link in enumerate(links):
            if isinstance(link, ast.Field):
                called = index + 1 < len(links) and isinstance(links[index + 1], ast.Call)
                own, trailing, prefix = self.gap_comments(link.base.span.stop, link.name.span.start)
                if called or own or trailing:
                    on_new_line = self.breaks(link.base.span.stop, link.name.span.start)
                    broken = broken or on_new_line
                    groups.append([*trailing, SOFT, *own])
                groups[-1] += [*prefix, ".", link.name.name]
            else:
                groups[-1].append(self.brackets(link))
        methods = groups[1:]
        if len(methods) >= 2 or broken:
            return Group([first, *groups[0], Indent(methods)], broken=broken)
        flat = [[part for part in group if part is not SOFT] for group in methods]
        return [first, *groups[0], *flat]

    def brackets(self, node: ast.Call | ast.Index) -> Document:
        """The arguments of a call, or the items of an index."""
        stop = node.span.stop
        if isinstance(node, ast.Index):
            return self.delimited("[", self.elements(node.items), "]", (node.base.span.stop, stop))
        elements = [
            (a.span.start, a.span.stop, self.named(a.name, self.expression(a.value)))
            for a in node.arguments
        ]
        region = (node.callee.span.stop, stop)
        commented = self.has_comments(*region)
        listed = self.delimited("(", elements, ")", region)
        if (
            commented
            or not elements
            or not hugs(node.arguments[-1].value, alone=len(elements) == 1)
        ):
            return listed
        heads, last = [e[2] for e in elements[:-1]], elements[-1][2]
        if any(is_hard(head) for head in heads):
            return listed
        hugged = ["(", *join(", ", [*heads, last]), ")"]
        if is_hard(last):
            return Choice((hugged, listed))
        return Choice((listed_flat(elements), hugged, listed))

    # --- Formatted strings ---

    def format_string(self, node: ast.FormatString) -> Document:
        """The text as it was written; what stands in the holes is formatted if it stays simple."""
        start, stop = node.span.start, node.span.stop
        if self.take(start, stop):  # a comment in a hole: leave all as it is
            return node.span.text
        out, position = [], start
        for part in node.parts:
            if isinstance(part, ast.FormatPiece):
                out.append(self.text[position : part.span.start])
                out.append(self.format_piece(part))
                position = part.span.stop
        out.append(self.text[position:stop])
        return "".join(out)

    def format_piece(self, node: ast.FormatPiece) -> str:
        text = render(self.expression(node.value), width=1_000_000)
        spec = ":" + node.spec if node.spec else ""
        if "\n" in text or text.startswith("{") or ":" in text:
            return node.span.text
        return "{" + text + spec + "}"


def is_link(left: ast.Expr, whole: ast.Binary, level: int) -> bool:
    """Whether `left` continues the chain of `whole`: same level, and not in parentheses."""
    return (
        isinstance(left, ast.Binary)
        and p.INFIX[left.operator] == level
        and left.span.start == whole.span.start
    )


def dividend(document: Document) -> Document:
    """What stands before `//`, which divides only behind a name, a number or a bracket."""
    text = render(document)
    last = text.rsplit(None, 1)[-1]
    if text.endswith((")", "]")) or (last[-1:].isalnum() and last not in KEYWORDS):
        return document
    return ["(", document, ")"]


def divisor(document: Document) -> Document:
    """What stands behind `//`, in parentheses where it would be taken for a comment."""
    text = render(document, width=1_000_000)
    if DIVISOR.match(text) and not PROSE.match(text):
        return document
    return ["(", document, ")"]


def base_of(node: ast.Call | ast.Index | ast.Field) -> ast.Expr:
    return node.callee if isinstance(node, ast.Call) else node.base


def is_digits(node: ast.Expr) -> bool:
    return isinstance(node, ast.Field) and node.name.name[0].isdigit()


def is_short(node: ast.Expr) -> bool:
    """A number, a name or a short string: many of these share a line."""
    if isinstance(node, ast.Unary):
        node = node.operand
    simple = ast.IntLiteral | ast.FloatLiteral | ast.BoolLiteral | ast.StringLiteral | ast.Name
    return isinstance(node, simple) and node.span.stop - node.span.start <= 24


def hugs(node: ast.Expr, *, alone: bool) -> bool:
    """Whether a last argument may spread over lines while the others stay on the call's own."""
    if isinstance(node, ast.Lambda):
        return True
    if isinstance(node, ast.If | ast.Match | ast.With | ast.Block):
        return True
    return alone and isinstance(node, ast.ListLiteral | ast.TupleLiteral)


def listed_flat(elements: list[Element]) -> Document:
    return Group(["(", *join(", ", [document for _, _, document in elements]), ")"])
