/// Constants, and functions of numbers. (sqrt, exp, log, sin and their like are visible everywhere.)

/// The ratio of a circle's circumference to its diameter.
const pi = 3.141592653589793

/// Twice `pi`.
const tau = 6.283185307179586

/// The base of the natural logarithm.
const e = 2.718281828459045

/// Infinity; `-inf` is minus infinity.
const inf = 1e308 * 10

/// Not a number.
const nan = inf - inf

/// The logarithm to base 2, any shape.
fn log2(x) { log(x) / 0.6931471805599453 }

/// The logarithm to base 10, any shape.
fn log10(x) { log(x) / 2.302585092994046 }

/// 2 to the power of `x`, any shape.
fn exp2(x) { 2 ** x }

/// The real cube root, any shape.
fn cbrt(x) {
    let y = sign(x) * abs(x) ** 0.3333333333333333
    // One step of Newton's method mends the last bits; 0 stays 0.
    where(x == 0, x, y - (y * y * y - x) / (3 * y * y))
}

/// `sqrt(x * x + y * y)` without overflow, any shape.
fn hypot(x, y) {
    let scale = stop_gradient(maximum(abs(x), abs(y)))
    let unit = where(scale == 0, 1, scale)
    unit * sqrt((x / unit) ** 2 + (y / unit) ** 2)
}

/// Radians to degrees, any shape.
fn degrees(x) { x * 57.29577951308232 }

/// Degrees to radians, any shape.
fn radians(x) { x * 0.017453292519943295 }

/// The product 1 * 2 * ... * n. Stops with an overflow from 21 on.
fn factorial(n: int) -> int {
    assert n >= 0, "factorial of a negative number"
    let product = 1
    for k in 2..=n { product *= k }
    product
}

/// How many ways there are to choose `k` of `n`.
fn binomial(n: int, k: int) -> int {
    if k < 0 or k > n { return 0 }
    let ways = 1
    // Multiplying before dividing keeps every step an integer: it is binomial(n, i + 1).
    for i in 0..minimum(k, n - k) { ways = ways * (n - i) // (i + 1) }
    ways
}

/// The greatest common divisor, not negative (Euclid, Elements VII.2).
fn gcd(a: int, b: int) -> int {
    let (x, y) = (abs(a), abs(b))
    while y != 0 { (x, y) = (y, x % y) }
    x
}

/// The least common multiple, not negative.
fn lcm(a: int, b: int) -> int { if a == 0 or b == 0 { 0 } else { abs(a) // gcd(a, b) * abs(b) } }

/// Whether `n` is prime, by trial division.
fn is_prime(n: int) -> bool {
    if n < 4 { return n >= 2 }
    if n % 2 == 0 { return false }
    let divisor = 3
    while divisor * divisor <= n {
        if n % divisor == 0 { return false }
        divisor += 2
    }
    true
}
