"""What the machine can do at most: two loops that do nothing else, to compare a program with.

`peak_work` multiplies and adds in vectors that stay in registers, as many at a time as hide how
long one takes; `peak_traffic` reads one stretch of memory and writes another. Both are bodies for
`charl_parallel`.
"""

from __future__ import annotations

CHAINS = 12
STEPS = 1 << 10  # of each chain, for one item


def operations(lanes: int) -> int:
    """The float32 operations of one item of `peak_work`."""
    return 2 * CHAINS * STEPS * lanes


def text(lanes: int) -> str:
    """The module; `lanes` is the number of float32 in a vector register."""
    vector = f"<{lanes} x float>"
    places = range(CHAINS)
    phis = [f"  %x{i} = phi {vector} [ %a, %entry ], [ %y{i}, %turn ]" for i in places]
    steps = [f"  %m{i} = fmul contract {vector} %x{i}, %a" for i in places]
    steps += [f"  %y{i} = fadd contract {vector} %m{i}, %a" for i in places]
    sums = [
        f"  %s{i} = fadd {vector} {f'%s{i - 1}' if i else 'zeroinitializer'}, %y{i}" for i in places
    ]
    return "\n".join(
        [
            "define i32 @peak_work(ptr %words, i64 %low, i64 %high) {",
            "entry:",
            f"  %a = load {vector}, ptr %words, align 4",
            "  %items = sub i64 %high, %low",
            f"  %count = mul i64 %items, {STEPS}",
            "  br label %turn",
            "turn:",
            "  %n = phi i64 [ 0, %entry ], [ %next, %turn ]",
            *phis,
            *steps,
            "  %next = add i64 %n, 1",
            "  %more = icmp slt i64 %next, %count",
            "  br i1 %more, label %turn, label %end",
            "end:",
            *sums,
            f"  %first = extractelement {vector} %s{CHAINS - 1}, i64 0",
            "  %odd = fcmp une float %first, %first",  # so that nothing is left out
            "  %status = zext i1 %odd to i32",
            "  ret i32 %status",
            "}",
            "define i32 @peak_traffic(ptr %words, i64 %low, i64 %high) {",
            "entry:",
            "  %to = load ptr, ptr %words",
            "  %second = getelementptr i64, ptr %words, i64 1",
            "  %from = load ptr, ptr %second",
            "  br label %turn",
            "turn:",
            "  %n = phi i64 [ %low, %entry ], [ %next, %turn ]",
            "  %p = getelementptr double, ptr %from, i64 %n",
            "  %x = load double, ptr %p",
            "  %y = fadd double %x, 1.0",
            "  %q = getelementptr double, ptr %to, i64 %n",
            "  store double %y, ptr %q",
            "  %next = add i64 %n, 1",
            "  %more = icmp slt i64 %next, %high",
            "  br i1 %more, label %turn, label %end",
            "end:",
            "  ret i32 0",
            "}",
            "",
        ]
    )
