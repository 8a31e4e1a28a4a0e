"""Items: functions, structs, models, enums, aliases, imports, tests.

An item may stand in any block. Its doc is the run of `///` lines right above it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from charl.diagnostics.diagnostic import Label, error
from charl.records import record
from charl.source import Span
from charl.syntax import ast
from charl.syntax import tokens as t
from charl.syntax.cursor import CONTINUATIONS, Failure
from charl.syntax.logic_grammar import LogicGrammar
from charl.syntax.precedence import INFIX
from charl.syntax.slips import FUNCTION_WORDS, TYPE_WORDS
from charl.syntax.tokens import Token


@record
class Layers:
    """The clause `layers { ... }`, on its way into the model's node."""

    span: Span
    layers: tuple[ast.Expr, ...]


Clause = TypeVar("Clause", Layers, ast.Initialiser)
Member = ast.FieldDeclaration | ast.Function | ast.Initialiser | ast.Variant | Layers


class ItemGrammar(LogicGrammar):
    # Item = Function | Struct | Model | Enum | TypeAlias | Import | Test
    #      | Relation | Fact | Rule | Logic
    def maybe_item(self) -> ast.Item | None:
        token = self.token
        parse = self.item_parser()
        if parse is None:
            return None
        doc = self.take_doc(token.start)
        return parse(doc)

    def item_parser(self) -> Callable[[str], ast.Item] | None:
        """What reads the item that starts here, if one does."""
        token = self.token
        if token.kind in t.KEYWORDS:
            match token.kind:
                case "fn":
                    return self.parse_function
                case "struct":
                    return self.parse_struct
                case "enum":
                    return self.parse_enum
                case "import":
                    return self.parse_import
                case _:
                    return None
        following = self.peek()
        if following.newline:
            return None
        is_name = following.kind == t.NAME
        match token.text:
            case "model" if is_name:
                return self.parse_model
            case "relation" if is_name:
                return self.parse_relation
            case "logic" if is_name:
                return self.parse_logic
            case "type" if is_name:
                return self.parse_type_alias
            case "from" if is_name or self.imports_on_line():
                return self.parse_from
            case "test" if is_name or following.kind == t.STRING:
                return self.parse_test
            case "fact" if self.starts_weighted():
                return self.parse_fact
            case "rule" if self.starts_weighted():
                return self.parse_rule
            case word if word in FUNCTION_WORDS and is_name:
                self.report_foreign("fn")
                return self.parse_function
            case "class" if is_name:
                self.report_foreign("struct")
                return self.parse_struct
            case "mut" if following.kind == "fn":
                return self.parse_mut_function
        return None

    def imports_on_line(self) -> bool:
        """Whether the word `import` follows on this line: `from .nn import dense`."""
        ahead = self.position + 1
        while not self.tokens[ahead].newline and self.tokens[ahead].kind != t.END:
            if self.tokens[ahead].kind == "import":
                return True
            ahead += 1
        return False

    def starts_weighted(self) -> bool:
        """Whether `fact` or `rule` starts an item: an atom or a weight follows."""
        following = self.peek()
        if following.kind in (t.NAME, t.INT, t.FLOAT):
            return True
        if following.kind != "(":
            return False
        ahead = self.position + 1
        while ahead < len(self.tokens):
            token = self.tokens[ahead]
            if token.kind in ("::", ":-"):
                return True
            goes_on = token.kind in CONTINUATIONS or self.tokens[ahead - 1].kind in INFIX
            if (token.newline and not goes_on) or token.kind in (t.END, "}", ";", ","):
                return False
            ahead = self.bracket(ahead).close + 1 if token.kind in t.OPENING else ahead + 1
        return False

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
        elif not (model and self.token.kind == "="):
            if self.token.kind in ("(", ".", "[") and not self.at_line_end:
                raise self.fail_no_member(name.span, model)
            raise self.fail_expected("E0119", f"`:` and the type of `{name.name}`")
        if self.maybe("="):
            default = self.parse_expression()
        return ast.FieldDeclaration(self.span(start), name, type_expr, default, doc)

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

    # --- The other items ---

    # TypeAlias = "type" Name [ Generics ] "=" Type
    def parse_type_alias(self, doc: str) -> ast.Item:
        start = self.advance().start
        name = self.expect_name("the type's name")
        generics = self.parse_generics()
        self.expect("=", f"after `type {name.name}`")
        type_expr = self.parse_type()
        return ast.TypeAlias(self.span(start), doc, name, generics, type_expr)

    # Import = "import" Path [ "as" Name ]
    def parse_import(self, doc: str) -> ast.Item:
        start = self.advance().start
        path = self.parse_module_path()
        alias = self.expect_name("the module's other name") if self.maybe("as") else None
        if self.token.kind == "," and not self.at_line_start:
            raise self.fail_import("one module is imported per line", "write a second `import`")
        return ast.Import(self.span(start), doc, path, alias, None)

    # From = "from" Path "import" ( Names | "(" Names ")" );  Names = Name [ "as" Name ] { "," ... }
    def parse_from(self, doc: str) -> ast.Item:
        start = self.advance().start
        path = self.parse_module_path()
        if self.token.kind != "import":
            raise self.fail_expected("E0126", "`import` and the names")
        self.advance()
        if self.token.kind == "*":
            raise self.fail_import(
                "names are imported one by one", "write `from module import a, b`"
            )
        if self.token.kind == "(":
            opening, errors = self.advance(), len(self.diagnostics)
            names = self.parse_list(opening, self.parse_imported_name)
            if not names and len(self.diagnostics) == errors:
                self.report_inside(
                    error("E0126", "no name is imported", self.span(opening.start), "no names")
                )
        else:
            names = [self.parse_imported_name()]
            while self.maybe(","):
                names.append(self.parse_imported_name())
        return ast.Import(self.span(start), doc, path, None, tuple(names))

    def parse_imported_name(self) -> tuple[ast.Identifier, ast.Identifier | None]:
        name = self.expect_name("a name to import")
        return name, self.expect_name("its other name") if self.maybe("as") else None

    def parse_module_path(self) -> tuple[ast.Identifier, ...]:
        if self.token.kind in (t.STRING, "."):
            raise self.fail_import("a module is imported by its name", "as in `import nn`")
        return self.parse_path("a module's name")

    def fail_import(self, message: str, help_text: str) -> Failure:
        raise self.fail(error("E0126", message, self.here(), "", helps=(help_text,)))

    # Test = "test" string Block
    def parse_test(self, doc: str) -> ast.Item:
        owner = self.advance()
        token = self.token
        if token.kind != t.STRING:
            raise self.fail_expected("E0111", "the test's name", 'as in `test "addition" { ... }`')
        name = self.parse_operand()
        assert isinstance(name, ast.StringLiteral)
        if not name.value.strip():
            self.report_inside(
                error("E0111", "a test has a name", self.token_span(token), "says nothing")
            )
        body = self.parse_body(owner)
        return ast.Test(self.span(owner.start), doc, name.value, body)


def is_doc(comment: ast.Comment) -> bool:
    return comment.text.startswith("///") and not comment.text.startswith("////")


def doc_line(comment: ast.Comment) -> str:
    """The comment without its slashes and the space behind them."""
    text = comment.text[3:]
    return text[1:] if text.startswith(" ") else text
