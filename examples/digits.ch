// A network that reads handwritten digits: data, model, loss, optimiser and loop, all in Charl.
//
//     charl run examples/digits.ch

from data import batches, digits
from loss import cross_entropy
from metrics import accuracy
from optim import adam

model Classifier {
    layers {
        flatten
        dense(64, 128, activation: relu)
        dropout(0.3)
        dense(128, 10)
    }
}

fn objective(net: Classifier, images: float32[B, 8, 8], labels: int[B]) -> float32 {
    cross_entropy(net(images), labels)
}

seed(3)
let (images, labels) = digits()
let order = permutation(1797)
let (train, test) = (order[0..1437], order[1437..1797])

let net = Classifier(seed: 7)
let optimiser = adam(net, rate: 3e-3)
print(
    f"{count_parameters(net)} parameters, {len(train)} images to learn from, {len(test)} to test on",
)

for epoch in progress(1..=20) {
    let total = 0.0
    with mode = training {
        for (x, y) in batches(images[train], labels[train], 32) {
            let (loss, gradient) = value_and_grad(objective)(net, x, y)
            optimiser.step(net, gradient)
            total += loss
        }
    }
    if epoch % 5 == 0 {
        let right = accuracy(net(images[test]), labels[test])
        print(f"epoch {epoch:2}  loss {total / 44:.4f}  test accuracy {100 * right:.2f}%")
    }
}

// The first pictures that it still gets wrong, drawn by their grey.
let answers = argmax(net(images[test]), axis: 1)
for i in nonzero(answers != labels[test])[0..2, 0] {
    print(f"this {labels[test][i]} looks to it like a {answers[i]}:")
    for row in images[test][i] {
        print(
            map(
                |grey| if grey > 0.6 { "##" } else if grey > 0.2 { "::" } else { "  " },
                to_list(row),
            ).join(),
        )
    }
}
