"""The programs of `loops.py` in Python, each a function of its size: CPython runs them on lists as
they are, Numba compiles the same functions for arrays. Around each is what it is given.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

PI = 3.14159265358979323846
DAYS = 365.24
SOLAR = 4.0 * PI * PI

POSITIONS = (
    (0.0, 0.0, 0.0),
    (4.84143144246472090, -1.16032004402742839, -0.103622044471123109),
    (8.34336671824457987, 4.12479856412430479, -0.403523417114321381),
    (12.8943695621391310, -15.1111514016986312, -0.223307578892655734),
    (15.3796971148509165, -25.9193146099879641, 0.179258772950371181),
)
VELOCITIES = (
    (0.0, 0.0, 0.0),
    (0.00166007664274403694, 0.00769901118419740425, -0.0000690460016972063023),
    (-0.00276742510726411899, 0.00499852801234917238, 0.0000230417297573763929),
    (0.00296460137564761618, 0.00237847173959480950, -0.0000296589568540237556),
    (0.00268067772490389322, 0.00162824170038242295, -0.0000951592254519715870),
)
MASSES = (
    1.0,
    0.000954791938424326609,
    0.000285885980666130812,
    0.0000436624404335156298,
    0.0000515138902046611451,
)

Array = Callable[[Sequence[Any]], Any]  # makes a list of what is given, or an array
Full = Callable[[int, Any], Any]  # the same value so many times
Compile = Callable[[Callable[..., Any]], Callable[..., Any]]


def nbody(p, v, mass, steps):
    dt = 0.01
    for i in range(1, 5):
        for c in range(3):
            v[0][c] -= v[i][c] * mass[i] / SOLAR
    for _ in range(steps):
        for i in range(5):
            for j in range(i + 1, 5):
                x = p[i][0] - p[j][0]
                y = p[i][1] - p[j][1]
                z = p[i][2] - p[j][2]
                square = x * x + y * y + z * z
                force = dt / (square * math.sqrt(square))
                v[i][0] -= x * mass[j] * force
                v[i][1] -= y * mass[j] * force
                v[i][2] -= z * mass[j] * force
                v[j][0] += x * mass[i] * force
                v[j][1] += y * mass[i] * force
                v[j][2] += z * mass[i] * force
        for i in range(5):
            p[i][0] += dt * v[i][0]
            p[i][1] += dt * v[i][1]
            p[i][2] += dt * v[i][2]
    e = 0.0
    for i in range(5):
        e += 0.5 * mass[i] * (v[i][0] * v[i][0] + v[i][1] * v[i][1] + v[i][2] * v[i][2])
        for j in range(i + 1, 5):
            x = p[i][0] - p[j][0]
            y = p[i][1] - p[j][1]
            z = p[i][2] - p[j][2]
            e -= mass[i] * mass[j] / math.sqrt(x * x + y * y + z * z)
    return e


def spectral_norm(u, v, between):
    n = len(u)
    for _ in range(20):
        for i in range(n):
            total = 0.0
            for j in range(n):
                total += 1.0 / ((i + j) * (i + j + 1) // 2 + i + 1) * u[j]
            between[i] = total
        for i in range(n):
            total = 0.0
            for j in range(n):
                total += 1.0 / ((i + j) * (i + j + 1) // 2 + j + 1) * between[j]
            v[i] = total
        u, v = v, u
    uv = 0.0
    vv = 0.0
    for i in range(n):
        uv += u[i] * v[i]
        vv += v[i] * v[i]
    return math.sqrt(uv / vv)


def mandelbrot(n):
    count = 0
    for row in range(n):
        y = 2 * row / n - 1.0
        for column in range(n):
            x = 2 * column / n - 1.5
            re = 0.0
            im = 0.0
            rounds = 0
            while rounds < 50 and re * re + im * im <= 4.0:
                following = re * re - im * im + x
                im = 2.0 * re * im + y
                re = following
                rounds += 1
            if rounds == 50:
                count += 1
    return count


def fannkuch(first, p, count):
    n = len(first)
    most = 0
    checksum = 0
    even = True
    r = n
    while True:
        while r > 1:
            count[r - 1] = r
            r -= 1
        if first[0] != 0:
            flips = 0
            for i in range(n):
                p[i] = first[i]
            front = p[0]
            while front != 0:
                low = 1
                high = front - 1
                while low < high:
                    kept = p[low]
                    p[low] = p[high]
                    p[high] = kept
                    low += 1
                    high -= 1
                following = p[front]
                p[front] = front
                front = following
                flips += 1
            most = max(most, flips)
            checksum += flips if even else -flips
        while True:
            if r == n:
                return checksum, most
            moved = first[0]
            for i in range(r):
                first[i] = first[i + 1]
            first[r] = moved
            count[r] -= 1
            if count[r] > 0:
                break
            r += 1
        even = not even


def floyd_warshall(d):
    n = len(d)
    for i in range(n):
        for j in range(n):
            d[i][j] = 0.0 if i == j else float((i * 7919 + j * 104729) % 1000 + 1)
    for k in range(n):
        for i in range(n):
            for j in range(n):
                way = d[i][k] + d[k][j]
                if way < d[i][j]:
                    d[i][j] = way
    total = 0.0
    for i in range(n):
        for j in range(n):
            total += d[i][j]
    return total


def sieve(prime):
    n = len(prime)
    prime[0] = False
    prime[1] = False
    i = 2
    while i * i < n:
        if prime[i]:
            for j in range(i * i, n, i):
                prime[j] = False
        i += 1
    count = 0
    for i in range(n):
        if prime[i]:
            count += 1
    return count


def in_python(name: str, array: Array, full: Full, compile: Compile) -> Callable[[int], Any]:
    """A program as a function of its size; `array` and `full` make what holds its numbers."""

    def planets(n: int) -> Any:
        p = array([list(row) for row in POSITIONS])
        v = array([[DAYS * x for x in row] for row in VELOCITIES])
        return work(p, v, array([SOLAR * m for m in MASSES]), n)

    def norm(n: int) -> Any:
        u, v, between = (full(n, x) for x in (1.0, 0.0, 0.0))
        return work(u, v, between)

    work = compile(globals()[name])
    programs: dict[str, Callable[[int], Any]] = {
        "nbody": planets,
        "spectral_norm": norm,
        "mandelbrot": work,
        "fannkuch": lambda n: work(*(array(list(range(n))) for _ in range(3))),
        "floyd_warshall": lambda n: work(array([full(n, 0.0) for _ in range(n)])),
        "sieve": lambda n: sum(work(full(n, True)) for _ in range(10)),
    }
    return programs[name]
