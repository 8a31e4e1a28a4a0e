"""Functions of the language itself: those whose types no declaration could say.

Each is one function and one `Builtin`, which stands in the table of its file; `doc` is what `:doc`
shows. This is the table of all.
"""

from charl.check import derived
from charl.check.builtins import lists, making, models, scan, show, sizes
from charl.check.declarations import Builtin

BUILTINS: tuple[Builtin, ...] = (
    *derived.BUILTINS,
    *show.BUILTINS,
    *sizes.BUILTINS,
    *making.BUILTINS,
    *lists.BUILTINS,
    *models.BUILTINS,
    *scan.BUILTINS,
)
