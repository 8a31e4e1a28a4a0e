// A tour of the language in one file. Every claim is asserted, so this page cannot be wrong.
//
//     charl run examples/tour.ch

// --- Bindings and values -------------------------------------------------------------------------

let count = 1  // int, 64 bits
count += 41
assert count == 42

let a = [1, 2, 3]  // a list; values are never shared
let b = a
b[0] = 9
assert a[0] == 1 and b[0] == 9

let (low, high) = (minimum(3, 7), maximum(3, 7))
assert (low, high) == (3, 7)

// --- Blocks, branches and loops are expressions or statements ------------------------------------

let size = if count > 40 { "large" } else { "small" }
assert size == "large"

let squares = []
for i in 1..=5 { squares.push(i * i) }
assert squares == [1, 4, 9, 16, 25]

fn collatz(n: int) -> int {
    let (x, steps) = (n, 0)
    while x != 1 {
        x = if x % 2 == 0 { x // 2 } else { 3 * x + 1 }
        steps += 1
    }
    steps
}
assert collatz(27) == 111

// --- Functions, closures, templates --------------------------------------------------------------

fn power(base: float, exponent: float = 2) -> float { base ** exponent }
assert power(3) == 9 and power(2, exponent: 3) == 8

fn twice(f) { |x| f(f(x)) }  // no types: a template, checked at each use
assert twice(|x| x + 1)(40) == 42
assert twice(|s| s ++ "!")("hey") == "hey!!"

let total = range_list(1, 101) |> filter(|n| n % 2 == 0) |> fold(0, |sum, n| sum + n)
assert total == 2550

// --- Structs, enums, match -----------------------------------------------------------------------

struct Point {
    x: float
    y: float

    fn length() -> float { sqrt(x * x + y * y) }
    mut fn scale(factor: float) {
        x *= factor
        y *= factor
    }
}

let p = Point(x: 3, y: 4)
p.scale(2)
assert p.length() == 10

enum Shape { Circle(float), Rectangle(float, float), Nothing }

fn area(shape: Shape) -> float {
    match shape {
        Circle(r) => 3.141592653589793 * r * r
        Rectangle(w, h) if w == h => w ** 2
        Rectangle(w, h) => w * h
        Nothing => 0.0
    }
}
assert area(Rectangle(3, 4)) == 12 and area(Nothing) == 0

fn safe_divide(a: int, b: int) -> Option[int] { if b == 0 { None } else { Some(a // b) } }
assert safe_divide(7, 2) == Some(3)
assert safe_divide(7, 0).unwrap_or(-1) == -1

// --- Tensors: dtype and shape are part of the type -----------------------------------------------

let m: float32[2, 3] = [[1, 2, 3], [4, 5, 6]]
assert shape(m) == [2, 3]
assert sum(m) == 21
assert all(m[1] == [4, 5, 6]) and m[0, -1] == 3
assert all(m[.., 0..2] == [[1, 2], [4, 5]])
assert all(m[m > 4] == [5, 6])

fn normalise(x: float32[B, D]) -> float32[B, D] {
    x / sum(x, axis: 1, keep_dims: true)
}
assert_close(normalise(m)[0] * 6, [1, 2, 3])

// A function like this is checked once for all sizes; a call with sizes that do not fit does not
// compile. Try `normalise(tensor([1.0]))`.

// --- Gradients -----------------------------------------------------------------------------------

fn wave(x: float) -> float { sin(x) * x }
assert_close(grad(wave)(2.0), cos(2.0) * 2.0 + sin(2.0))
assert_close(grad(grad(wave))(2.0), 2.0 * cos(2.0) - 2.0 * sin(2.0))

// Through a loop whose length depends on the data:
fn root(x: float) -> float {
    let y = x
    while abs(y * y - x) > 1e-12 { y = (y + x / y) / 2 }
    y
}
assert_close(grad(root)(9.0), 1 / 6)

// --- Models --------------------------------------------------------------------------------------

model Net {
    layers {
        dense(2, 8, activation: tanh)
        dense(8, 1)
    }
}
let net = Net(seed: 1)
assert shape(net(ones([5, 2]))) == [5, 1]
assert count_parameters(net) == 2 * 8 + 8 + 8 + 1

// The gradient of a model is a model, and models add and scale like vectors.
let gradient = grad(|n| sum(n(ones([5, 2])) ** 2))(net)
let better = net - 0.01 * gradient
assert sum(better(ones([1, 2])) ** 2) < sum(net(ones([1, 2])) ** 2)

print("Everything on this tour is true.")
