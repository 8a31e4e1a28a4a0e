// How many points of an n by n grid stay near zero for 50 rounds of z = z * z + c.

fn stays(x: float, y: float) -> bool {
    let re = 0.0
    let im = 0.0
    let rounds = 0
    while rounds < 50 and re * re + im * im <= 4.0 {
        let next = re * re - im * im + x
        im = 2.0 * re * im + y
        re = next
        rounds += 1
    }
    rounds == 50
}

fn run(n: int) -> int {
    let count = 0
    for row in 0..n {
        let y = 2 * row / n - 1
        for column in 0..n {
            let x = 2 * column / n - 1.5
            if stays(x, y) { count += 1 }
        }
    }
    count
}
