"""How types, patterns and parameters are printed."""

from __future__ import annotations

from charl.syntax import ast
from charl.syntax.comment_layout import CommentLayout, Element
from charl.syntax.layout import Document, join
from charl.syntax.precedence import SUM


class TypeLayout(CommentLayout):
    def operand(self, node: ast.Expr, level: int, *, keep: bool = False) -> Document:
        """An expression in parentheses where `level` asks for them; defined by the layer above."""
        raise NotImplementedError

    def expression(self, node: ast.Expr) -> Document:
        """Defined by the layer above."""
        raise NotImplementedError

    def type(self, node: ast.TypeExpr) -> Document:
        match node:
            case ast.NamedType(path=path, arguments=None):
                return path_text(path)
            case ast.NamedType(path=path, arguments=arguments):
                elements = self.type_arguments(arguments or ())
                region = (path[-1].span.stop, node.span.stop)
                return [path_text(path), self.delimited("[", elements, "]", region)]
            case ast.ListType(element=element, size=None):
                return ["[", self.type(element), "]"]
            case ast.ListType(element=element, size=size):
                assert size is not None
                return ["[", self.type(element), "; ", self.operand(size, SUM), "]"]
            case ast.TupleType(items=items):
                return self.type_list(items, node, one=len(items) == 1)
            case ast.FunctionType(parameters=None):
                return "fn"
            case ast.FunctionType(parameters=parameters, result=result):
                listed = self.type_list(parameters or (), node)
                return ["fn", listed, *([] if result is None else [" -> ", self.type(result)])]
            case _:
                raise AssertionError(node)

    def type_list(
        self, items: tuple[ast.TypeExpr, ...], node: ast.TypeExpr, *, one: bool = False
    ) -> Document:
        elements = [(i.span.start, i.span.stop, self.type(i)) for i in items]
        stop = elements[-1][1] if elements else node.span.stop
        return self.delimited("(", elements, ")", (node.span.start, stop), one=one)

    def type_arguments(self, arguments: tuple[ast.TypeArgument, ...]) -> list[Element]:
        return [(a.span.start, a.span.stop, self.type_argument(a)) for a in arguments]

    def type_argument(self, node: ast.TypeArgument) -> Document:
        match node:
            case ast.UnknownDim():
                return "?"
            case ast.RestDims():
                return ".."
            case ast.NamedType(path=path, arguments=None) if len(path) == 1:
                # Written `tensor<float32>`; a bare name would be read as an expression.
                return f"tensor<{path[0].name}>"
            case ast.TypeExpr():
                return self.type(node)
            case ast.TupleLiteral() | ast.Lambda():
                return ["((", self.expression(node), "))"]
            case _:
                if starts_like_type(node):
                    return ["(", self.expression(node), ")"]
                return self.operand(node, SUM)

    # --- Patterns ---

    def pattern(self, node: ast.Pattern) -> Document:
        match node:
            case ast.WildcardPattern():
                return "_"
            case ast.NamePattern(name=name):
                return name
            case ast.LiteralPattern():
                return self.literal_text(node.span.text, node.value)
            case ast.RangePattern(start=start, stop=stop, inclusive=inclusive):
                return f"{start}..{'=' if inclusive else ''}{stop}"
            case ast.TuplePattern(items=items):
                elements = [(i.span.start, i.span.stop, self.pattern(i)) for i in items]
                region = (node.span.start, node.span.stop)
                return self.delimited("(", elements, ")", region, one=len(items) == 1)
            case ast.ConstructorPattern(path=path, arguments=arguments):
                if not arguments:
                    return path_text(path) + ("" if len(path) > 1 else "()")
                fields = [
                    (
                        value.span.start if name is None else name.span.start,
                        value.span.stop,
                        self.named(name, self.pattern(value)),
                    )
                    for name, value in arguments
                ]
                region = (path[-1].span.stop, node.span.stop)
                return [path_text(path), self.delimited("(", fields, ")", region)]
            case ast.OrPattern(options=options):
                return join(" | ", [self.alternative(option) for option in options])
            case _:
                raise AssertionError(node)

    def alternative(self, node: ast.Pattern) -> Document:
        if isinstance(node, ast.OrPattern):
            return ["(", self.pattern(node), ")"]
        return self.pattern(node)

    def literal_text(self, text: str, value: int | float | str | bool) -> str:
        """A literal as it was written; `- 1` with a space or a comment in it is printed anew."""
        if text.startswith("-") and isinstance(value, int | float):
            digits = text[1:].lstrip()
            return "-" + digits if "/" not in text else repr(value)
        return text

    def named(self, name: ast.Identifier | None, document: Document) -> Document:
        return document if name is None else [name.name, ": ", document]

    # --- Parameters ---

    def parameter(self, node: ast.Parameter) -> Document:
        parts: list[Document] = []
        if node.const:
            parts.append("const ")
        if node.mutable:
            parts.append("mut ")
        parts.append(self.pattern(node.pattern))
        if node.type is not None:
            parts += [": ", self.type(node.type)]
        if node.default is not None:
            parts += [" = ", self.expression(node.default)]
        return parts

    def parameters(self, nodes: tuple[ast.Parameter, ...], start: int, stop: int) -> Document:
        elements = [(n.span.start, n.span.stop, self.parameter(n)) for n in nodes]
        return self.delimited("(", elements, ")", (start, stop))

    def generics(self, nodes: tuple[ast.Generic, ...]) -> Document:
        return ["[", *join(", ", [node.name for node in nodes]), "]"] if nodes else ""


def path_text(path: tuple[ast.Identifier, ...]) -> str:
    return ".".join(identifier.name for identifier in path)


def starts_like_type(node: ast.Expr) -> bool:
    """Whether an expression, in the brackets of a type, would be taken for a type."""
    while True:
        match node:
            case ast.Binary(left=left):
                node = left
            case ast.Cast(value=value):
                node = value
            case ast.Call(callee=callee):
                node = callee
                if isinstance(callee, ast.Name):
                    return False
            case ast.Index() | ast.Field() | ast.ListLiteral():
                return True
            case _:
                return False
