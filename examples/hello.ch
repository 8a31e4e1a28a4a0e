// The first program.
//
//     charl run examples/hello.ch

let name = "world"
print(f"Hello, {name}!")

let x = tensor([3.0, 1.0, 2.0])
print("A tensor:", x, "sorted:", sort(x), "as probabilities:", softmax(x))
