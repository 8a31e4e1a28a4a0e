// Statements, and how lines end.
let x = 1; let y = 2
let mut z: float32[2, 2] = [[1, 2], [3, 4]]
const limit: int = 10
let (a, (b, _)) = pair
let Point(x: px, y) = point
x = 3
x += 1; x -= 1; x *= 2; x /= 2; x //= 2; x %= 2; x **= 2
m @= w
names ++= ["more"]
t[0, 1] = 5
p.x.y[2] = 6
(a, b) = (b, a)
total =
    first +
    second

for i in 0..10 { }
for (i, row) in enumerate(matrix) {
    // only a comment
}
for x in xs { print(x) }
while not done { if stuck { break } else { continue } }
while true
{
    break
}

if a { }
else if b { c }
else { d }

fn early(x) {
    if x > 0 { return }
    return x
}

assert x == y
assert close(a, b), f"{a} is not {b}"
assert (x)
let assert_close = 3

match value {
    0 => return 1
    1 => x = 2
    2 => { break }
    -1 | -2 => continue, 3..10 => "few"
    10..=20 => "many"
    "text" => 1
    true => 2
    1.5 => 3
    (a, _) if a > b => a
    Some(Shape.Circle(r)) => r
    Point(x: 0, y) => y
    Nothing() => 0
    (1 | 2) | 3 => 4
    _ => 5
}

{
    let inner = 1

    inner
}
let long_condition = if the_first_value_is_very_long > 100 { the_result_when_it_is_so } else { another_result }
// The end.
