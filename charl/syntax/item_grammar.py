"""Items: functions, structs, models, enums, aliases, imports, tests.

An item may stand in any block. Its doc is the run of `///` lines right above it.
"""

from __future__ import annotations

from collections.abc import Callable

from charl.diagnostics.diagnostic import error
from charl.syntax import ast
from charl.syntax import tokens as t
from charl.syntax.cursor import CONTINUATIONS, Failure
from charl.syntax.member_grammar import MemberGrammar
from charl.syntax.precedence import INFIX
from charl.syntax.slips import FUNCTION_WORDS


class ItemGrammar(MemberGrammar):
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
