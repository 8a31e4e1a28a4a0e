"""How statements and expressions with bodies are printed."""

from __future__ import annotations

from collections.abc import Sequence

from charl.syntax import ast
from charl.syntax.comment_layout import Element
from charl.syntax.expression_layout import ExpressionLayout
from charl.syntax.layout import HARD, SPACE, Document, Group, IfBroken, Indent, join


class StatementLayout(ExpressionLayout):
    def item(self, node: ast.Item) -> Document:
        """Defined by the layer above."""
        raise NotImplementedError

    # --- Blocks ---

    def block(self, node: ast.Block, before: int | None = None) -> Document:
        """A block without a group of its own: it breaks with the construct it belongs to.

        It stays on one line when it was written so, holds one statement, and fits. `before`: the
        offset from which comments before its `{` move into it.
        """
        statements: list[ast.Statement | ast.Expr] = list(node.statements)
        if node.result is not None:
            statements.append(node.result)
        moved = [] if before is None else self.take(before, node.span.start)
        inside = self.inline_only(node) if not statements and not moved else ""
        if inside:
            return ["{ ", inside, " }"]
        elements = [(s.span.start, s.span.stop, self.line(s)) for s in statements]
        lines = self.lines(elements, node.span.start, node.span.stop)
        lines = [(False, self.own_line(comment, moved=True)) for comment in moved] + lines
        if not lines:
            return "{ }"
        first = elements[0][0] if elements else node.span.start
        if len(lines) == len(elements) == 1 and not self.breaks(node.span.start, first):
            return ["{", Indent([SPACE, lines[0][1]]), SPACE, "}"]
        return self.braced(lines)

    def inline_only(self, node: ast.Block) -> str:
        """The comments of an empty block, if they may stand on one line with its braces."""
        start, stop = node.span.start, node.span.stop
        if self.breaks(start, stop) or "//" in self.text[start:stop]:
            return ""
        return " ".join(comment.text for comment in self.take(start, stop))

    def line(self, node: ast.Statement | ast.Expr) -> Document:
        return self.statement(node) if isinstance(node, ast.Statement) else self.expression(node)

    def braced_members(self, elements: Sequence[Element], start: int, stop: int) -> Document:
        """Members in braces: each on its line, or on one line if they were written so and fit."""
        lines = self.lines(elements, start, stop)
        if not lines:
            return "{ }"
        if len(lines) > len(elements) or self.breaks(start, stop):
            return self.braced(lines)
        listed = join([IfBroken("", flat=","), SPACE], [document for _, document in lines])
        return Group(["{", Indent([SPACE, listed]), SPACE, "}"])

    def braced_expression(self, node: ast.Expr) -> Document:
        match node:
            case ast.Block():
                return Group(self.block(node))
            case ast.If():
                return Group(self.if_(node))
            case ast.With(settings=settings, body=body):
                listed = join(", ", [[n.name, " = ", self.head(value)] for n, value in settings])
                return Group(["with ", *listed, " ", self.block(body)])
            case ast.Match():
                return self.match(node)
            case _:
                raise AssertionError(node)

    def if_(self, node: ast.If) -> Document:
        """All branches break together."""
        parts: list[Document] = []
        branch: ast.If | ast.Block | None = node
        previous: int | None = None
        while isinstance(branch, ast.If):
            parts += ["if ", self.head(branch.condition), " "]
            parts.append(self.block(branch.then, previous))
            previous = branch.then.span.stop
            branch = branch.otherwise
            if branch is not None:
                parts.append(" else ")
        if branch is not None:
            parts.append(self.block(branch, previous))
        return parts

    def match(self, node: ast.Match) -> Document:
        elements = [(arm.span.start, arm.span.stop, self.arm(arm)) for arm in node.arms]
        members = self.braced_members(elements, node.subject.span.stop, node.span.stop)
        return ["match ", self.head(node.subject), " ", members]

    def arm(self, node: ast.Arm) -> Document:
        guard: Document = [] if node.guard is None else [" if ", self.expression(node.guard)]
        return [self.pattern(node.pattern), guard, " => ", self.expression(node.body)]

    # --- Statements ---

    def statement(self, node: ast.Statement) -> Document:
        match node:
            case ast.ExprStatement(value=value):
                return self.expression(value)
            case ast.Let():
                return self.let(node)
            case ast.Assign(target=target, operator=operator, value=value):
                return [self.expression(target), f" {operator or ''}= ", self.expression(value)]
            case ast.Return(value=None):
                return "return"
            case ast.Return(value=value):
                assert value is not None
                return ["return ", self.expression(value)]
            case ast.Break():
                return "break"
            case ast.Continue():
                return "continue"
            case ast.While(condition=condition, body=body):
                return Group(["while ", self.head(condition), " ", self.block(body)])
            case ast.For(pattern=pattern, iterable=iterable, body=body):
                head = ["for ", self.pattern(pattern), " in ", self.head(iterable), " "]
                return Group([head, self.block(body)])
            case ast.Assert(condition=condition, message=None):
                return ["assert ", self.asserted(condition)]
            case ast.Assert(condition=condition, message=message):
                assert message is not None
                second = Indent([SPACE, self.expression(message)])
                return Group(["assert ", self.asserted(condition), ",", second])
            case ast.Item():
                return self.item(node)
            case _:
                raise AssertionError(node)

    def asserted(self, condition: ast.Expr) -> Document:
        """What begins with `|` would make a name of the word before it."""
        document = self.expression(condition)
        return ["(", document, ")"] if isinstance(condition, ast.Lambda) else document

    def let(self, node: ast.Let) -> Document:
        parts: list[Document] = [node.keyword, " mut " if node.mutable else " "]
        parts.append(self.pattern(node.pattern))
        if node.type is not None:
            parts += [": ", self.type(node.type)]
        return [*parts, " = ", self.expression(node.value)]

    def documented(self, doc: str, document: Document) -> Document:
        """A document below its `///` lines."""
        lines: list[Document] = []
        for line in doc.split("\n") if doc else ():
            lines += [f"/// {line}".rstrip(), HARD]
        return [*lines, document]
