// How often the front of a permutation of n numbers can be turned over, as many numbers as the first
// one says, until a 0 is in front: the most over all permutations, and a checksum of all.

fn run(n: int) -> (int, int) {
    let first = arange(n)
    let count = arange(n)
    let most = 0
    let checksum = 0
    let even = true
    let r = n
    while true {
        while r > 1 {
            count[r - 1] = r
            r -= 1
        }
        if first[0] != 0 {
            let flips = 0
            let p = first
            let front = p[0]
            while front != 0 {
                let low = 1
                let high = front - 1
                while low < high {
                    let kept = p[low]
                    p[low] = p[high]
                    p[high] = kept
                    low += 1
                    high -= 1
                }
                let next = p[front]
                p[front] = front
                front = next
                flips += 1
            }
            most = max(most, flips)
            checksum += if even { flips } else { -flips }
        }
        while true {
            if r == n { return (checksum, most) }
            let moved = first[0]
            for i in 0..r { first[i] = first[i + 1] }
            first[r] = moved
            count[r] -= 1
            if count[r] > 0 { break }
            r += 1
        }
        even = not even
    }
    (checksum, most)
}
