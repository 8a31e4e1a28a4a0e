"""Statements, items, types, patterns and logic: their trees."""

from __future__ import annotations

import pytest
from programs import CORPUS, module, shown, source

from charl.syntax import ast
from charl.syntax.parser import parse
from charl.syntax.tokens import SOFT_KEYWORDS


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_the_corpus_parses(path) -> None:
    assert parse(source(path.read_text("utf-8")))[1] == []


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("let (a, _) = t", "Let(let TuplePattern([NamePattern(a) WildcardPattern()]) Name(t))"),
        ("let mut x: int = 1", "Let(let True NamePattern(x) NamedType([Identifier(int)]) IntLiteral(1))"),
        ("let mut = 1", "Let(let NamePattern(mut) IntLiteral(1))"),
        ("t[0] //= 2", "Assign(Index(Name(t) [IntLiteral(0)]) // IntLiteral(2))"),
        ('assert a, "m"', "Assert(Name(a) StringLiteral(m))"),
        ("assert = 1", "Assign(Name(assert) IntLiteral(1))"),
        ("for (i, x) in xs { }", "For(TuplePattern([NamePattern(i) NamePattern(x)]) Name(xs) Block())"),
        ("type T = float32[?, N]", "TypeAlias(Identifier(T) NamedType([Identifier(float32)] [UnknownDim() Name(N)]))"),
        ("type T = tensor<float32, [2]>", "TypeAlias(Identifier(T) NamedType([Identifier(float32)] [IntLiteral(2)]))"),
        ("type T = [int; 3]", "TypeAlias(Identifier(T) ListType(NamedType([Identifier(int)]) IntLiteral(3)))"),
        ("type T = fn", "TypeAlias(Identifier(T) FunctionType())"),
        ("import a.b as c", "Import([Identifier(a) Identifier(b)] Identifier(c))"),
        ("relation p(int, x: string)", "Relation(Identifier(p) [[ NamedType([Identifier(int)])] [Identifier(x) NamedType([Identifier(string)])]])"),
        ("fact 0.5 :: p(1) | q(2)", "Fact([[WeightedAtom(FloatLiteral(0.5) Atom(Identifier(p) [IntLiteral(1)])) WeightedAtom(Atom(Identifier(q) [IntLiteral(2)]))]])"),
        ("rule p(x) :- q(x), not r(x)", "Rule(Atom(Identifier(p) [Name(x)]) [AtomLiteral(Atom(Identifier(q) [Name(x)])) AtomLiteral(Atom(Identifier(r) [Name(x)]) True)])"),
    ],
)  # fmt: skip
def test_tree(text: str, tree: str) -> None:
    (statement,) = module(text).statements
    assert shown(statement) == tree


def test_soft_keywords_are_names_elsewhere() -> None:
    for word in sorted(SOFT_KEYWORDS):
        (statement,) = module(f"let {word} = {word}").statements
        assert shown(statement) == f"Let(let NamePattern({word}) Name({word}))"


def test_docs_belong_to_the_item_below_and_are_no_comments() -> None:
    tree = module("/// The module.\n\n/// Doubles.\n/// Twice.\nfn f(x) { 2 * x }\n// plain\n")
    assert tree.doc == "The module."
    (function,) = tree.statements
    assert isinstance(function, ast.Function)
    assert function.doc == "Doubles.\nTwice."
    assert [comment.text for comment in tree.comments] == ["// plain"]


def test_a_field_has_a_doc() -> None:
    (struct,) = module("struct S {\n    /// How wide.\n    width: int\n}").statements
    assert isinstance(struct, ast.Struct)
    assert struct.fields[0].doc == "How wide."


def test_a_short_statement_in_an_arm_is_a_block() -> None:
    (statement,) = module("match x { 0 => return 1, _ => y = 2 }").statements
    assert isinstance(statement, ast.ExprStatement) and isinstance(statement.value, ast.Match)
    assert [shown(arm.body) for arm in statement.value.arms] == [
        "Block([Return(IntLiteral(1))])",
        "Block([Assign(Name(y) IntLiteral(2))])",
    ]


def test_aggregates_and_alternatives() -> None:
    (rule,) = module("rule p(n) :- n = count(y : q(y) for x : r(x)), (a(n) or n == 3)").statements
    assert isinstance(rule, ast.Rule)
    aggregate, alternatives = rule.body
    assert isinstance(aggregate, ast.AggregateLiteral) and aggregate.group is not None
    assert isinstance(alternatives, ast.OrLiteral) and len(alternatives.options) == 2


def test_a_logic_column_has_sizes() -> None:
    (logic,) = module("logic l[N](a: categorical[10][N]) -> ok: probability { }").statements
    assert isinstance(logic, ast.Logic)
    assert shown(logic.parameters[0]) == (
        "LogicColumn(Identifier(a) NamedType([Identifier(categorical)] [IntLiteral(10)]) [Name(N)])"
    )
