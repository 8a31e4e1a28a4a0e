"""Every test: what Charl keeps goes to a folder of the tests, not to the user's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# Set for the processes that tests start, too; one folder, so that bytecode is compiled once.
os.environ["XDG_CACHE_HOME"] = str(Path(__file__).resolve().parent.parent / ".pytest_cache")

# Most tests run a small program once: the interpreter is done before it would be compiled. Those of
# native code ask for it; with CHARL_BACKEND=native all others run natively, too.
os.environ.setdefault("CHARL_BACKEND", "interpreter")

# A loaded machine is no failure: examples have no deadline.
settings.register_profile("charl", deadline=None)
settings.load_profile("charl")


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, empty, with a cache of its own beside it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("CHARL_CACHE", "1")
    monkeypatch.delenv("CHARL_VERIFY", raising=False)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"
