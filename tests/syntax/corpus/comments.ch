/* A block comment
   over two lines /* nested */ */

// one
// two

/// Not a doc: what follows is no item.
let a = 1  // behind
let aa = 1 // a comment with one space
/* before */ let b = 2

fn f(/* nothing */) { /* empty */ }
fn g(
    a, // first
    // own line
    b: int = 3,
) -> int { // at the brace
    // leading

    a  // yields
    // trailing in the block
}

let c = [
    1, // one
    2,
    // three is missing
]
let d = value
    // first step
    |> step_one
    |> step_two  // second
let e = object
    .method()  // one
    // two
    .other()
if x { // why
    y
}
// between the branches
else {
    z
}
match m {
    // first arm
    A => 1  // one
    // second arm
    B => 2

    // the rest
    _ => 3
}
let h = f(a, /* inline */ b) + /* odd */ 3
struct S {
    // a field
    x: int // its comment

    // the last
}
let g = (a /* x */ + b)
let // strange
    k = 3
from m import (a, b)
fact p(1), // one
    // two
    p(2)
rule r(x) :- a(x), // first
    b(x)
//no space
// last
