// A line through noisy points, twice: by gradient descent, and exactly by the normal equations.
//
//     charl run examples/linear_regression.ch

seed(3)
const n = 60
let x = linspace(-2, 2, n)
let y = 1.5 * x - 0.7 + 0.6 * random_normal([n])

struct Line { slope: float32, offset: float32 }

fn error(line: Line) -> float32 { mean((line.slope * x + line.offset - y) ** 2) }

let line = Line(slope: 0, offset: 0)
for step in 0..=60 {
    let (loss, gradient) = value_and_grad(error)(line)
    line = line - 0.2 * gradient
    if step % 20 == 0 { print(f"step {step:2}  mean squared error {loss:.4f}") }
}
print(f"gradient descent:   y = {line.slope:.3f} x {line.offset:+.3f}")

let design = stack([x, ones([n])], axis: 1)
let exact = solve(transpose(design) @ design, transpose(design) @ y)
print(f"normal equations:   y = {exact[0]:.3f} x {exact[1]:+.3f}")
assert_close(line.slope, exact[0], tolerance: 1e-3)

// The points and the line, drawn with letters.
for row in 0..15 {
    let top = 4.0 - 0.6 * (row as float32)
    let text = ""
    for column in 0..60 {
        let at = -2 + 4 * (column as float32) / 59
        let inside = abs(x - at) < 0.034 and y <= top and y > top - 0.6
        let fitted = line.slope * at + line.offset
        text ++= if any(inside) {
            "o"
        } else if fitted <= top and fitted > top - 0.6 {
            "-"
        } else {
            " "
        }
    }
    print(text)
}
