// Rosenbrock's banana: its valley is easy to find and hard to follow. Gradient descent creeps;
// Newton's method, with exact second derivatives, needs a handful of steps.
//
//     charl run examples/rosenbrock.ch

fn banana(p: float[2]) -> float { (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2 }

let start: float[2] = [-1.2, 1]

let p = start
for step in 0..1000 { p = p - 0.001 * grad(banana)(p) }
print(f"gradient descent, 1000 steps: ({p[0]:.4f}, {p[1]:.4f}), height {banana(p):.2e}")

p = start
let steps = 0
while norm(grad(banana)(p)) > 1e-10 {
    let direction = solve(hessian(banana)(p), grad(banana)(p))
    // Half the step while it would climb.
    let length = 1.0
    while banana(p - length * direction) > banana(p) and length > 1e-6 { length /= 2 }
    p = p - length * direction
    steps += 1
    print(f"  step {steps:2}: ({p[0]:.8f}, {p[1]:.8f}), height {banana(p):.2e}")
}
print(f"Newton's method, {steps} steps: ({p[0]:.4f}, {p[1]:.4f})")
assert_close(p, [1, 1], tolerance: 1e-8)
