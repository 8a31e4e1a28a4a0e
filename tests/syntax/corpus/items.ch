/// The module.
/// Two lines.

import nn
import math.linear as lin
from optim import adam, sgd as descent
from a_module_with_a_long_name import first_function, second_function, third_function, fourth_function

type Image = float32[28, 28]
type Grid[N, M] = tensor<float32, [N, M]>
type Callback = fn(int, [string]) -> (bool, float32)
type Anything = fn
type Ragged = [[int]; 3]

/// The mean squared error.
///
///     mse(a, b)
fn mse(prediction: float32[N], target: float32[N]) -> float32 {
    mean((prediction - target) ** 2)
}
fn compose(f, g) { |x| g(f(x)) }
fn train(data: float32[N, 784], const epochs: int = 10, mut rate: float32 = 0.1, _, (a, b)) { }
fn id[T](x: T) -> T { x }
fn conv(x: float32[B, C, H, W], k: float32[O, C, K, K]) -> float32[B, O, (H + 2*P - K) // S + 1, W - K + 1] { x }
fn any_rows(x: float32[?, 3], y: float32[.., D], z: Pair[float32[3], (int, string), [int], nn.Dense[2, 3]]) { }
fn a_function_with_many_parameters(first: float32[N, 784], second: int32[N], third: bool = false) -> float32[N] {
    first
}

struct Pair[A, B] { first: A, second: B = 0 }
struct Circle {
    /// Its radius.
    radius: float32 // metres
    colour: string = "red"

    /// The area.
    fn area() -> float32 { 3.14 * radius ** 2 }
    mut fn grow(by: float32) {
        radius += by
    }
}
struct Empty { }

enum Colour { Red, Green, Blue }
enum Shape[T] {
    Circle(T) // round
    Rectangle(width: T, height: T)
    Empty

    fn area() { 0 }
}

model Classifier {
    layers {
        dense(784, 128, activation: relu)
        dropout(0.2)  // off when evaluating
        dense(128, 10)
    }
}
model Block[D, H] {
    attention: MultiHeadAttention[D, H]
    norm = layer_norm(D)
    scale: float32[D] = ones([D])
    init(seed: int, rate = 0.1) {
        scale = scale * rate
    }
    fn forward(x: float32[B, T, D]) -> float32[B, T, D] { x + attention(norm(x)) }
    mut fn update(x) { scale = x }
}
model Small { layers { a, b, c } }

test "addition" {
    assert 1 + 1 == 2
    assert_close(a, b, tolerance: 1e-5)
}

// Soft keywords are names elsewhere.
fn soft(model: Net, layers, relation, fact: int = 3, rule, query, logic, test, step, mut, init, type, from) {
    let fact = model + layers - relation * rule
    let query = logic(test)[step].init
    query = type + from
    fact(rule)
    model.layers = 3
    test[0] = mut
    for step in 0..step step step { }
}
