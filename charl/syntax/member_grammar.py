"""Structs, models and enums: a name, and members in braces."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from charl.diagnostics.diagnostic import Label, error
from charl.records import record
from charl.source import Span
from charl.syntax import ast
from charl.syntax import tokens as t
from charl.syntax.cursor import Failure
from charl.syntax.function_grammar import FunctionGrammar
from charl.syntax.slips import FUNCTION_WORDS


@record
class Layers:
    """The clause `layers { ... }`, on its way into the model's node."""

    span: Span
    layers: tuple[ast.Expr, ...]


Clause = TypeVar("Clause", Layers, ast.Initialiser)
Member = ast.FieldDeclaration | ast.Function | ast.Initialiser | ast.Variant | Layers


class MemberGrammar(FunctionGrammar):
    # --- Structs, models, enums ---

    # Struct = "struct" Name [ Generics ] "{" { Field | Method } "}"
    def parse_struct(self, doc: str) -> ast.Item:
        start = self.advance().start
        name, generics, members = self.parse_members("struct", self.parse_struct_member)
        return ast.Struct(
            self.span(start),
            doc,
            name,
            generics,
            tuple(m for m in members if isinstance(m, ast.FieldDeclaration)),
            tuple(m for m in members if isinstance(m, ast.Function)),
        )

    # Model = "model" Name [ Generics ] "{" { Field | Method | Layers | Initialiser } "}"
    def parse_model(self, doc: str) -> ast.Item:
        start = self.advance().start
        name, generics, members = self.parse_members("model", self.parse_model_member)
        layers = self.only([m for m in members if isinstance(m, Layers)], "layers")
        initialiser = self.only([m for m in members if isinstance(m, ast.Initialiser)], "init")
        return ast.Model(
            self.span(start),
            doc,
            name,
            generics,
            tuple(m for m in members if isinstance(m, ast.FieldDeclaration)),
            None if layers is None else layers.layers,
            initialiser,
            tuple(m for m in members if isinstance(m, ast.Function)),
        )

    # Enum = "enum" Name [ Generics ] "{" { Variant | Method } "}"
    def parse_enum(self, doc: str) -> ast.Item:
        start = self.advance().start
        name, generics, members = self.parse_members("enum", self.parse_enum_member)
        return ast.Enum(
            self.span(start),
            doc,
            name,
            generics,
            tuple(m for m in members if isinstance(m, ast.Variant)),
            tuple(m for m in members if isinstance(m, ast.Function)),
        )

    def parse_members(
        self, what: str, parse_member: Callable[[], Member]
    ) -> tuple[ast.Identifier, tuple[ast.Generic, ...], list[Member]]:
        """Name, generics, and the lines in braces of a struct, model or enum."""
        article = "an" if what == "enum" else "a"
        name = self.expect_name(f"{article} {what}'s name")
        generics = self.parse_generics()
        if self.token.kind == "(" and not self.at_line_start:
            self.report(
                error(
                    "E0130",
                    f"the members of `{name.name}` stand in braces",
                    self.here(),
                    "expected `{`",
                    helps=("there is no inheritance: hold the other value in a field",),
                )
            )
            self.parse_list(self.advance(), self.parse_type_argument)
        opening = self.token
        if opening.kind == ":" and self.peek().newline:
            self.report_no_braces(what)
            return name, generics, self.parse_indented(self.tokens[self.first], parse_member)
        if opening.kind != "{":
            raise self.fail_expected("E0111", f"`{{` and the members of `{name.name}`")
        self.advance()
        return name, generics, self.parse_braced(opening, parse_member, commas=True)

    def parse_struct_member(self) -> Member:
        return self.maybe_method() or self.parse_field_declaration(model=False)

    def parse_model_member(self) -> Member:
        if self.at_word("layers") and self.peek().kind == "{":
            return self.parse_layers()
        if self.at_word("init") and self.peek().kind == "(":
            return self.parse_initialiser()
        return self.maybe_method() or self.parse_field_declaration(model=True)

    def parse_enum_member(self) -> Member:
        return self.maybe_method() or self.parse_variant()

    # Method = [ "mut" ] Function
    def maybe_method(self) -> ast.Function | None:
        token = self.token
        if token.kind == "fn":
            return self.parse_function(self.take_doc(token.start), method=True)
        following = self.peek()
        if token.kind != t.NAME or following.newline:
            return None
        if token.text == "mut" and following.kind == "fn":
            doc = self.take_doc(token.start)
            self.advance()
            return self.parse_function(doc, mutable=True, method=True)
        if token.text in FUNCTION_WORDS and following.kind == t.NAME:
            self.report_foreign("fn")
            return self.parse_function(self.take_doc(token.start), method=True)
        return None

    # Field = Name ":" Type [ "=" Expression ]      (in a model also: Name "=" Expression)
    def parse_field_declaration(self, *, model: bool) -> ast.FieldDeclaration:
        start = self.token.start
        if self.token.kind in ("let", "const") or (
            self.at_word("mut") and self.peek().kind == t.NAME
        ):
            self.report(
                error(
                    "E0130",
                    "a field is declared by its name and type",
                    self.token_span(self.token),
                    "leave it out",
                )
            )
            self.advance()
        doc = self.take_doc(start)
        if self.token.kind != t.NAME:
            raise self.fail_no_member(self.token_span(self.token), model)
        name = self.expect_name("a field's name")
        type_expr = default = None
        if self.maybe(":"):
            type_expr = self.parse_type()
            if self.token.kind == "(" and not self.at_line_end:
                raise self.fail_called_type(type_expr, model)
        elif not (model and self.token.kind == "="):
            if self.token.kind in ("(", ".", "[") and not self.at_line_end:
                raise self.fail_no_member(name.span, model)
            raise self.fail_expected("E0119", f"`:` and the type of `{name.name}`")
        if self.maybe("="):
            default = self.parse_expression()
        return ast.FieldDeclaration(self.span(start), name, type_expr, default, doc)

    def fail_called_type(self, type_expr: ast.TypeExpr, model: bool) -> Failure:
        """`layer: Dense(4, 8)`."""
        sizes = "a type's sizes stand in brackets, such as `Dense[4, 8]`"
        return self.fail(
            error(
                "E0119",
                "a type is not called",
                self.token_span(self.token),
                f"`{type_expr.span.text}` is read as a type",
                helps=(f"{sizes}; a value is given by `name = dense(4, 8)`" if model else sizes,),
            )
        )

    def fail_no_member(self, place: Span, model: bool) -> Failure:
        members = "fields, methods, `layers` and `init`" if model else "fields and methods"
        return self.fail(
            error(
                "E0130",
                f"only {members} stand here",
                place,
                "not a field",
                helps=("statements stand in the body of a method",),
            )
        )

    # Layers = "layers" "{" { Expression ( "," | end ) } "}"
    def parse_layers(self) -> Layers:
        start = self.advance().start
        layers = self.parse_braced(self.advance(), self.parse_expression, commas=True)
        return Layers(self.span(start), tuple(layers))

    # Initialiser = "init" "(" Parameters ")" Block
    def parse_initialiser(self) -> ast.Initialiser:
        owner = self.advance()
        parameters = self.parse_parameters("`init`", method=True)
        body = self.parse_body(owner)
        return ast.Initialiser(self.span(owner.start), parameters, body)

    def only(self, clauses: list[Clause], word: str) -> Clause | None:
        """The only clause of its kind; a second one is reported."""
        for extra in clauses[1:]:
            self.report_inside(
                error(
                    "E0133",
                    f"a model has one `{word}` only",
                    extra.span,
                    f"a second `{word}`",
                    secondary=(Label(clauses[0].span, "the first"),),
                )
            )
        return clauses[0] if clauses else None

    # Variant = Name [ "(" Payload { "," Payload } ")" ];  Payload = [ Name ":" ] Type
    def parse_variant(self) -> ast.Variant:
        start = self.token.start
        if self.token.kind in t.KEYWORDS:
            raise self.fail(
                error(
                    "E0130",
                    "only variants and methods stand here",
                    self.here(),
                    "expected a variant's name",
                )
            )
        name = self.expect_name("a variant's name")
        payload: list[tuple[ast.Identifier | None, ast.TypeExpr]] = []
        if self.token.kind == "(":
            payload = self.parse_list(self.advance(), self.parse_column)
        elif self.token.kind == "{" and not self.at_line_start:
            raise self.fail_expected(
                "E0130", "`(` and the types", f"as in `{name.name}(width: int, height: int)`"
            )
        elif self.token.kind == "=":
            raise self.fail_expected("E0130", "`,` or a new line", "variants have no numbers")
        return ast.Variant(self.span(start), name, tuple(payload))
