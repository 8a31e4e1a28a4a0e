// The smallest problem that needs a hidden layer: exclusive or.
//
//     charl run examples/xor.ch

from loss import binary_cross_entropy_with_logits
from optim import adam

model Xor {
    layers {
        dense(2, 8, activation: tanh)
        dense(8, 1)
    }
}

let inputs: float32[4, 2] = [[0, 0], [0, 1], [1, 0], [1, 1]]
let targets: float32[4, 1] = [[0], [1], [1], [0]]

fn objective(net: Xor) -> float32 { binary_cross_entropy_with_logits(net(inputs), targets) }

let net = Xor(seed: 1)
let optimiser = adam(net, rate: 0.05)
for step in 0..=300 {
    let (loss, gradient) = value_and_grad(objective)(net)
    optimiser.step(net, gradient)
    if step % 100 == 0 { print(f"step {step:3}  loss {loss:.5f}") }
}

let answers = sigmoid(net(inputs))
for i in 0..4 {
    let (a, b) = (inputs[i, 0], inputs[i, 1])
    print(f"{a:.0f} xor {b:.0f} = {answers[i, 0]:.3f}")
}
assert all((answers > 0.5) == (targets > 0.5)), "the network should have learnt it"
