"""The grammar page and the productions above the parser's functions name the same things."""

from __future__ import annotations

import re
from pathlib import Path

import charl.syntax

SYNTAX = Path(charl.syntax.__file__).parent
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "grammar.md"
WORDS = re.compile(r"""'[^']*'|"[^"]*"|\([^()]*;[^()]*\)|[A-Za-z]+""")


def page_productions() -> dict[str, str]:
    """Each production of the page with its right side."""
    blocks = re.findall(r"^```ebnf\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S)
    found: dict[str, str] = {}
    for line in "\n".join(blocks).splitlines():
        head = re.match(r"(\w+) += (.*)", line)
        if head:
            assert head[1] not in found, f"{head[1]} is defined twice"
            found[head[1]] = head[2]
        elif line.strip():
            found[list(found)[-1]] += " " + line.strip()
    return found


def code_productions() -> set[str]:
    """The names of the productions in comments above parser functions."""
    comments = [
        line.strip()[2:]
        for path in SYNTAX.glob("*.py")
        for line in path.read_text("utf-8").splitlines()
        if line.startswith("    # ")
    ]
    return {
        name
        for comment in comments
        for part in comment.split(";  ")
        for name in re.findall(r"^([A-Z]\w+) = ", part)
    }


def test_every_production_of_the_parser_is_on_the_page() -> None:
    assert code_productions() - set(page_productions()) == set()


def test_every_name_on_the_page_is_defined_there() -> None:
    productions = page_productions()
    for name, right in productions.items():
        text = re.sub(r"\((?:on|Unicode|\"_\" between)[^)]*\)", "", right)
        used = {word for word in WORDS.findall(text) if re.fullmatch(r"[A-Z]\w+", word)}
        assert used <= set(productions) | {"Unicode"}, name
