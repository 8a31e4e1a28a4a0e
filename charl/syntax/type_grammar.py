"""Types as they are written.

What stands in the brackets of `Pair[float32, N]` may be a type or a dimension, and a plain name
may be either; it is read as an expression, and names decide later.
"""

from __future__ import annotations

from charl.diagnostics.diagnostic import error
from charl.syntax import ast
from charl.syntax import tokens as t
from charl.syntax.pattern_grammar import PatternGrammar
from charl.syntax.precedence import SUM


class TypeGrammar(PatternGrammar):
    def parse_expression(self, minimum: int = 0) -> ast.Expr:
        """Defined by the expression grammar above this layer: a type holds sizes."""
        raise NotImplementedError

    # Type = FunctionType | ListType | TupleType | TensorType | NamedType
    def parse_type(self, *, cast: bool = False) -> ast.TypeExpr:
        """`cast`: behind `as`, where `<` compares and `?` chooses."""
        depth = self.depth
        self.enter()
        kind = self.token.kind
        result: ast.TypeExpr
        if kind == t.NAME:
            result = self.parse_named_type(cast=cast)
        elif kind == "[":
            result = self.parse_list_type()
        elif kind == "(":
            result = self.parse_tuple_type()
        elif kind == "fn":
            result = self.parse_function_type()
        else:
            helps: tuple[str, ...] = ()
            if kind == "&":
                helps = ("values are never shared, so there are no references: leave out `&`",)
            elif kind in (t.INT, "?"):
                helps = ("sizes stand in brackets after the element type: `float32[3]`",)
            raise self.fail_expected("E0119", "a type", *helps)
        if self.token.kind == "?" and not self.token.newline and not cast:
            text = result.span.text
            self.report(
                error(
                    "E0119",
                    "there is no `?` after a type",
                    self.here(),
                    "for a value that may be absent",
                    helps=(f"write `Option[{text}]`",),
                )
            )
            self.advance()
        self.depth = depth
        return result

    # NamedType = Path [ "[" [ TypeArguments ] "]" ]
    # TensorType = "tensor" "<" Type [ "," "[" [ TypeArguments ] "]" ] ">"
    def parse_named_type(self, *, cast: bool = False) -> ast.NamedType:
        start = self.token.start
        if self.token.text == "tensor" and self.peek().kind == "<":
            return self.parse_tensor_type()
        path = self.parse_path("a type's name")
        arguments: tuple[ast.TypeArgument, ...] | None = None
        if self.token.kind == "[" and not self.at_line_start:
            arguments = tuple(self.parse_list(self.advance(), self.parse_type_argument))
        elif self.token.kind == "<" and not self.token.newline and not cast:
            name = path[-1].name
            raise self.fail(
                error(
                    "E0119",
                    f"the arguments of `{name}` stand in square brackets",
                    self.here(),
                    "expected `[`",
                    helps=(f"write `{name}[...]`",),
                )
            )
        return ast.NamedType(self.span(start), path, arguments)

    def parse_tensor_type(self) -> ast.NamedType:
        opening = self.advance()
        start = opening.start
        self.advance()
        lines, self.lines = self.lines, False
        element = self.parse_type()
        arguments: tuple[ast.TypeArgument, ...] | None = None
        if self.maybe(","):
            if self.token.kind != "[":
                raise self.fail_expected(
                    "E0119", "the shape in brackets", "as in `tensor<float32, [2, 3]>`"
                )
            arguments = tuple(self.parse_list(self.advance(), self.parse_type_argument))
        if self.token.kind == ">=":
            self.read_half(">")
        elif self.token.kind != ">":
            raise self.fail_expected("E0119", "`>` after the tensor's shape")
        else:
            self.advance()
        self.lines = lines
        if not isinstance(element, ast.NamedType) or element.arguments is not None:
            self.report_inside(
                error(
                    "E0119",
                    "a tensor's elements are numbers or booleans",
                    element.span,
                    "no element type",
                    helps=("as in `tensor<float32, [2, 3]>`, or short `float32[2, 3]`",),
                )
            )
            name = ast.Identifier(self.token_span(opening), "tensor")
            return ast.NamedType(self.span(start), (name,), arguments)
        return ast.NamedType(self.span(start), element.path, arguments)

    # TypeArgument = "?" | ".." | Type | Sum
    def parse_type_argument(self) -> ast.TypeArgument:
        token = self.token
        kind = token.kind
        if kind == "?":
            self.advance()
            return ast.UnknownDim(self.token_span(token))
        if kind == "..":
            self.advance()
            return ast.RestDims(self.token_span(token))
        following = self.peek().kind
        if (
            kind in ("[", "fn")
            or (kind == t.NAME and following in ("[", "."))
            or (kind == t.NAME and following == "<" and token.text == "tensor")
            or (kind == "(" and self.opens_tuple_type())
        ):
            return self.parse_type()
        return self.parse_expression(SUM)

    def opens_tuple_type(self) -> bool:
        """Whether the current `(` is empty or holds a comma: a tuple type, not a size."""
        bracket = self.bracket(self.position)
        return bracket.close == self.position + 1 or bracket.separator == ","

    # ListType = "[" Type [ ";" Sum ] "]"
    def parse_list_type(self) -> ast.ListType:
        opening, errors = self.advance(), len(self.diagnostics)
        sizes: list[ast.Expr] = []

        def parse_element() -> ast.TypeExpr:
            element = self.parse_type()
            if self.maybe(";"):
                sizes.append(self.parse_expression(SUM))
            return element

        elements = self.parse_list(opening, parse_element)
        span = self.span(opening.start)
        if len(elements) != 1:
            if len(self.diagnostics) > errors:
                return ast.ListType(span, ast.TupleType(span, ()), None)
            self.report_inside(
                error(
                    "E0119",
                    "a list type has one element type",
                    span,
                    "as in `[int]`, or `[int; 3]` for three",
                    helps=("for several types in order write a tuple: `(A, B)`",),
                )
            )
            return ast.ListType(span, ast.TupleType(span, tuple(elements)), None)
        return ast.ListType(span, elements[0], sizes[0] if sizes else None)

    # TupleType = "(" [ Type { "," Type } [ "," ] ] ")"
    def parse_tuple_type(self) -> ast.TypeExpr:
        opening = self.advance()
        items = self.parse_list(opening, self.parse_type)
        if len(items) == 1 and self.tokens[self.position - 2].kind != ",":
            return items[0]
        return ast.TupleType(self.span(opening.start), tuple(items))

    # FunctionType = "fn" [ "(" [ Type { "," Type } ] ")" [ "->" Type ] ]
    def parse_function_type(self) -> ast.FunctionType:
        start = self.advance().start
        if self.token.kind != "(" or self.at_line_start:
            return ast.FunctionType(self.span(start), None, None)
        parameters = self.parse_list(self.advance(), self.parse_type)
        result = self.parse_type() if self.maybe("->") else None
        return ast.FunctionType(self.span(start), tuple(parameters), result)

    # Generics = "[" Name { "," Name } "]"
    def parse_generics(self) -> tuple[ast.Generic, ...]:
        if self.token.kind == "<":
            raise self.fail(
                error(
                    "E0119",
                    "type parameters stand in square brackets",
                    self.here(),
                    "expected `[`",
                    helps=("as in `fn id[T](x: T) -> T`",),
                )
            )
        if self.token.kind != "[":
            return ()

        def parse_generic() -> ast.Generic:
            name = self.expect_name("a type parameter's name")
            return ast.Generic(name.span, name.name)

        return tuple(self.parse_list(self.advance(), parse_generic))
