"""The registry of codes. A code exists exactly when its page `explain/CODE.md` does.

A page's first line is `# CODE: title`; the rest says what the code means, shows a program that
yields it and the program mended. Pages are read when asked for: `charl run` never opens one.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

PAGES = Path(__file__).parent / "explain"


@cache
def codes() -> tuple[str, ...]:
    """Every code, in order."""
    return tuple(sorted(path.stem for path in PAGES.glob("[EW]*.md")))


@cache
def page(code: str) -> str:
    """The Markdown page of a code. Raises KeyError for a code that does not exist."""
    if code not in codes():
        raise KeyError(code)
    return (PAGES / f"{code}.md").read_text(encoding="utf-8")


def title(code: str) -> str:
    """The title on a code's page. Raises KeyError for a code that does not exist."""
    heading = page(code).split("\n", 1)[0]
    return heading.removeprefix(f"# {code}: ").strip()
