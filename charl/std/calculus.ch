/// Derivatives beyond the gradient, made of gradients.

/// The sum of the products of corresponding elements of two values of one type: tensors, lists,
/// structs or models.
fn inner(a, b) {
    let total = 0.0
    for product in parameters(map_leaves(|x, y| sum(x * y), a, b)) { total += product as float }
    total
}

/// `f(x)` and a function that carries a cotangent of it, of the type of `f(x)`, back to one of `x`.
fn vjp(f, x) {
    let y = f(x)
    (y, |cotangent| grad(|z| inner(f(z), cotangent))(x))
}

/// `f(x)` and its derivative at `x` in the direction `v`, of the types of `f(x)` and of `x`.
///
/// The reverse pass is linear in the cotangent, so its own reverse pass is the forward derivative
/// (J. Townsend, "A new trick for calculating Jacobian vector products", 2017).
fn jvp(f, x, v) {
    let y = f(x)
    let back = |cotangent| grad(|z| inner(f(z), cotangent))(x)
    (y, grad(|cotangent| inner(back(cotangent), v))(map_leaves(|leaf| zeros_like(leaf), y)))
}

/// The function that gives all derivatives of a vector's elements `f(x)[i]`: for `f(x)` of
/// shape [M] and `x` of any shape S, a tensor of shape [M, S]. For a scalar `f(x)` it is the gradient.
fn jacobian(f) {
    |x| {
        if len(shape(f(x))) == 0 {
            grad(f)(x)
        } else {
            let rows = []
            for i in 0..len(f(x)) { rows.push(grad(|z| f(z)[i])(x)) }
            tensor(rows)
        }
    }
}

/// The function that gives the second derivatives of a scalar `f`: [N, N] for `x` of shape [N],
/// a scalar for a scalar.
fn hessian(f) { jacobian(grad(f)) }
