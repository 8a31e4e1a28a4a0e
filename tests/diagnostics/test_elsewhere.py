"""Help for names of other languages: for those that are unknown here, it names known ones."""

from __future__ import annotations

import re

import pytest

from charl.check.elsewhere import ARGUMENTS, FUNCTIONS, MEMBERS, MODULES, VALUES
from charl.tools.session import Session

NAMES = VALUES | MEMBERS | FUNCTIONS
VISIBLE = frozenset(Session().names())
STAND_INS = {"f", "x"}


def called(help: str) -> set[str]:
    """The functions that the code between backticks calls."""
    code = " ".join(re.findall(r"`([^`]*)`", help))
    return set(re.findall(r"\b([a-z_]\w*)\(", code)) - STAND_INS


@pytest.mark.parametrize("name", NAMES)
def test_helps_name_what_there_is(name: str) -> None:
    in_heads = {"zip", "enumerate"}
    methods = {"push"}
    assert called(NAMES[name]) <= VISIBLE | in_heads | methods


@pytest.mark.parametrize("name", MODULES)
def test_helps_for_modules_name_what_there_is(name: str) -> None:
    assert called(MODULES[name]) <= VISIBLE


def test_help_is_for_unknown_names_only() -> None:
    assert not (NAMES.keys() - {"zip", "enumerate"}) & VISIBLE
    assert not ARGUMENTS.keys() & {new for names in ARGUMENTS.values() for new in names} - {
        "size",
        "delimiter",
    }
