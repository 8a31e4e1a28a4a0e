/// Expressions of every kind.

let a = 1 + 2 * 3 - 4 / 5 // 6 % 7
let b = -x ** 2 ** -y as float32
let c = not a and b or not (c and d) && e || !f
let d = 0 <= i < n != (x == y)
let e = (a + b) * (c - d) @ w
let f = x in xs and y not in ys
let g = xs ++ ys ++ [1, 2] + [3]
let h = 0..10 step 2
let i = 0..=n - 1
let j = t[i, j, ..] + t[a..b, .., 0] - t[..n][2..][-1] + t[.. step 2, 1.. step 3]
let k = f(x)(y)[z].w.0.1.v(1, name: 2, other: |x| x)
let l = |x| x + 1
let m = |x: float32[N], (a, b), _| { a + b }
let n = || 42
let o = (1, 2.5, "three", true, false)
let p = (1,)
let q = ()
let r = [[1, 2], [3, 4]]
let s = f"plain {x} {y:.4} {{braces}} {f(x, g(y)):>10} {"nested {quotes}"} \u{1F600}"
let t = "escapes \n \t \\ \" \u{e9}"
let u = 0xff + 0b1010 + 0o17 + 1_000_000
let v = 3.14 + 1e-5 + 2.5e10 + 6E+3
let w = x as int < 3
let y = data |> normalise |> map(|x| x * 2)
    |> sum()
let z = text
    .trim()
    .split(",")
    .map(|word| word.length)
let aa = if x > 0 { 1 } else if x < 0 { -1 } else { 0 }
let bb = match digit { 0 => "zero", 1 | 2 => "small", n if n > 7 => f"big {n}", _ => "other" }
let cc = { let y = 1; y + 1 }
let dd = with mode = training, device = gpu(1) { net(x) }
let ee = query ancestor("ana", who)
let ff = -(a + b) + -(-c)
let gg = (if a { b } else { c }) + 1
let hh = (|x| x)(3)
let ii = a - (b - c) - (d - e)
let jj = (a ** b) ** c ** (d ** e)
let kk = (1).max(2) + 2.5.floor()
let ll = (a < b) == (c < d)
let mm = f(
    // a comment before the first
    first, // and behind it
    second, /* in between */ third

    // at the end
)
let nn = a + // why
    b + // how
    // on its own line
    c
let oo = [
    1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0, 16.0, 17.0, 18.0, 19.0
]
let pp = some_function_with_a_long_name(another_function(argument_one, argument_two), third_argument, fourth: 4)
let qq = first_condition_is_quite_long and second_condition_is_longer or third_condition_is_the_longest_of_all and not fourth
let rr = map(values, |value| {
    let doubled = value * 2
    doubled + 1
})
let ss = a.b.c + d[0].e(1) * f.0
let tt = n // 2 + (a // b) * ("x") // (query q(x)) // (if a { b } else { c }) // -k // (--k)
let uu = first_operand_of_a_long_chain // second_operand_of_a_long_chain // third_operand_of_a_long_chain_too
let vv = a//b//c
