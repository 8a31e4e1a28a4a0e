"""Charl: a language for small models that reason.

    import charl
    net = charl.load("model.ch")
    net.predict(images)          # the file's `fn predict`, on NumPy arrays

`load` and `Error` arrive from `charl.api` when first asked for: `charl --version` and the editors'
quick calls must not load NumPy.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from charl.api import Error as Error
    from charl.api import load as load

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    if name in ("load", "Error"):
        from charl import api

        return getattr(api, name)
    raise AttributeError(f"module 'charl' has no attribute {name!r}")
