// Ten kinds of clothes in grey pictures of 28 by 28: Fashion-MNIST (Xiao, Rasul and Vollgraf, 2017).
//
//     apt-get install dataset-fashion-mnist
//     charl run examples/fashion_mnist.ch
//     charl run examples/fashion_mnist.ch -- FOLDER_WITH_THE_FOUR_FILES

from data import shuffled_batches
from loss import cross_entropy
from metrics import accuracy, recall
from optim import adam, cosine_decay

model Clothes {
    layers {
        flatten
        dense(784, 128, activation: relu)
        dense(128, 10)
    }
}

fn objective(net: Clothes, images: float32[B, 28, 28], labels: int[B]) -> float32 {
    cross_entropy(net(images), labels)
}

let words = arguments()
let folder = if len(words) > 0 { words[0] } else { "/usr/share/datasets/fashion-mnist" }

fn found(folder: string, name: string) -> string {
    for ending in [".gz", ""] {
        let path = f"{folder}/{name}{ending}"
        if file_exists(path) { return path }
    }
    abort(
        f"there is no {folder}/{name}[.gz]: install Fashion-MNIST with" ++
            " `apt-get install dataset-fashion-mnist`, or name its folder after `--`",
    )
}

fn images_of(path: string) -> float32[?, 28, 28] {
    let grey: float32[?, 28, 28] = load_idx(path, dtype: float32, rank: 3)
    grey / 255
}

fn labels_of(path: string) -> int[?] { load_idx(path, dtype: int64, rank: 1) }

seed(1)
let images = images_of(found(folder, "train-images-idx3-ubyte"))
let labels = labels_of(found(folder, "train-labels-idx1-ubyte"))
let test_images = images_of(found(folder, "t10k-images-idx3-ubyte"))
let test_labels = labels_of(found(folder, "t10k-labels-idx1-ubyte"))

let net = Clothes(seed: 7)
let optimiser = adam(net)
const epochs = 5
let per_epoch = len(images) // 64
let schedule = cosine_decay(2e-3, steps: epochs * per_epoch)
print(f"{len(images)} images, {count_parameters(net)} parameters, {per_epoch} steps per epoch")

let step = 0
for epoch in progress(1..=epochs) {
    let total = 0.0
    for rows in shuffled_batches(len(images), 64) {
        let (loss, gradient) = value_and_grad(objective)(net, images[rows], labels[rows])
        optimiser.rate = schedule(step)
        optimiser.step(net, gradient)
        total += loss
        step += 1
    }
    let right = accuracy(net(test_images), test_labels)
    print(
        f"epoch {epoch}  loss {total / (per_epoch as float32):.4f}  test accuracy {100 * right:.2f}%",
    )
}

let names = [
    "t-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot"
]
let per_class = recall(argmax(net(test_images), axis: 1), test_labels, 10)
print("found of each kind:")
for (name, r) in zip(names, per_class) {
    print(f"  {name:<9} {100 * r:5.1f}%  {"#".repeat((40 * r) as int)}")
}
