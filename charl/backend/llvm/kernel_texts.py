"""The text of a module's kernels, each of which is written once.

The layers of a deep network become the same loops over and over, and the parameters of a model are
all updated by one rule: a kernel whose text has been written before is that kernel. So are the
functions beside a kernel that hand over its operands (`launch.py`).

A text calls the function that it defines `@self`, for its name depends on whether it is new.
"""

from __future__ import annotations

SELF = "@self"


class KernelTexts:
    """The functions of each kernel, by what stands in them."""

    def __init__(self) -> None:
        self._kernels: dict[str, str] = {}
        self._functions: dict[str, dict[str, str]] = {}

    def kernel(self, name: str, text: str) -> str:
        """The name of the kernel with this text: the one that is given, or that of an earlier."""
        known = self._kernels.setdefault(text, name)
        if known == name:
            self._functions[name] = {text: f"@{name}"}
        return known

    def beside(self, kernel: str, suffix: str, text: str) -> str:
        """The symbol of a function that stands beside a kernel, or its joining."""
        functions = self._functions[kernel.partition(".")[0]]
        if text not in functions:
            symbol = f"@{kernel}.{suffix}"
            taken = sum(1 for other in functions.values() if other.startswith(symbol))
            functions[text] = f"{symbol}{taken or ''}"
        return functions[text]

    def written(self) -> list[str]:
        """The functions of each kernel as one text."""
        return [
            "\n".join(text.replace(SELF, symbol) for text, symbol in functions.items())
            for functions in self._functions.values()
        ]
