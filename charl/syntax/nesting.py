"""How deep a program may nest, and room on Python's stack for walking trees that deep.

The parser, and every pass after it, recurses over the tree. It therefore bounds the tree: at most
MAX_NESTING brackets or blocks inside one another, and at most MAX_HEIGHT links in a chain such
as `a + b + c`, whose tree leans to the left without the parser recursing. Within those bounds
`deep_recursion` gives enough of Python's stack; Python-to-Python calls use no C stack since 3.11.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

MAX_NESTING = 200
MAX_HEIGHT = 1000
RECURSION_LIMIT = 25_000


@contextmanager
def deep_recursion() -> Iterator[None]:
    """Raise Python's recursion limit while a tree of the greatest height is walked."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, RECURSION_LIMIT))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)
