"""Did you mean: the candidate nearest to a misspelt name.

The distance is Damerau and Levenshtein's in its restricted form (optimal string alignment):
insertions, deletions, substitutions and swaps of two neighbours each cost one. A suggestion may
differ in at most a third of the name's length; the same letters in another case always win.
"""

from __future__ import annotations

from collections.abc import Iterable

# Nobody misspells a longer name by hand, and the distance takes time in the product of lengths.
LONGEST = 100


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """The best candidate, or None when nothing is near enough. Ties go to the first in order."""
    if len(name) > LONGEST:
        return None
    cutoff = max(1, len(name) // 3)
    best: str | None = None
    best_rank = (1, cutoff + 1, 0)
    folded = name.casefold()
    for candidate in candidates:
        if candidate == name:
            continue
        if candidate.casefold() == folded:
            rank = (0, edit_distance(name, candidate), 0)
        elif abs(len(candidate) - len(name)) > cutoff:
            continue
        else:
            rank = (
                1,
                edit_distance(folded, candidate.casefold()),
                edit_distance(name, candidate),  # `adam` rather than `Adam` for `adm`
            )
        # A name of one letter is near to no other, one of two not to every other such name.
        if rank[0] == 1 and (len(name) == 1 or rank[1] >= max(len(name), len(candidate))):
            continue
        if rank < best_rank:
            best, best_rank = candidate, rank
    return best


def begun(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate that goes on where the name stops (`cosine` of `cosine_decay`), if there is
    exactly one."""
    found = [c for c in candidates if c.startswith(f"{name}_")]
    return found[0] if len(found) == 1 else None


def edit_distance(a: str, b: str) -> int:
    """The optimal string alignment distance between two strings."""
    before: list[int] = []
    previous = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        current = [i]
        for j, y in enumerate(b, 1):
            cost = min(previous[j] + 1, current[j - 1] + 1, previous[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, before[j - 2] + 1)
            current.append(cost)
        before, previous = previous, current
    return previous[-1]
