"""What may stand behind the colon in `f"{value:spec}"`: Python's mini-language, for `d f e g s`.

spec = [ [ fill ] align ] [ sign ] [ "0" ] [ width ] [ "," ] [ "." precision ] [ type ]
"""

from __future__ import annotations

import re

_SPEC = re.compile(
    r"(?:[^{}]?[<>^=])?[+\- ]?0?(?:[1-9][0-9]{0,3})?,?(?:\.[0-9]{1,3})?[dfegs%]?", re.DOTALL
)


def is_format_spec(spec: str) -> bool:
    return spec != "" and _SPEC.fullmatch(spec) is not None
