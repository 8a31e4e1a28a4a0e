// Rabbits and foxes: find the four constants of the Lotka-Volterra equations from a noisy record,
// by differentiating the integrator itself.
//
//     charl run examples/ode_fit.ch

from optim import adam

struct Ecology { births: float, eaten: float, deaths: float, fed: float }

fn derivative(e: Ecology, state: float[2]) -> float[2] {
    let (rabbits, foxes) = (state[0], state[1])
    stack(
        [
            e.births * rabbits - e.eaten * rabbits * foxes,
            e.fed * rabbits * foxes - e.deaths * foxes,
        ],
    )
}

// The classical Runge-Kutta method; row i is the state at time i * 0.4.
fn simulate(e: Ecology, start: float[2], records: int) -> float[records, 2] {
    let h = 0.1
    let state = start
    let path = zeros([records, 2], dtype: float64)
    for i in 0..records {
        path[i] = state
        for substep in 0..4 {
            let k1 = derivative(e, state)
            let k2 = derivative(e, state + h / 2 * k1)
            let k3 = derivative(e, state + h / 2 * k2)
            let k4 = derivative(e, state + h * k3)
            state = state + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        }
    }
    path
}

seed(8)
let start: float[2] = [10, 5]
let truth = Ecology(births: 1.1, eaten: 0.4, deaths: 0.4, fed: 0.1)
let noise = (random_normal([25, 2]) as float) * 0.2
let record = simulate(truth, start, 25) + noise

fn misfit(e: Ecology) -> float { mean((simulate(e, start, 25) - record) ** 2) }

let guess = Ecology(births: 0.9, eaten: 0.3, deaths: 0.5, fed: 0.13)
let optimiser = adam(guess, rate: 0.01)
for step in 0..=250 {
    let (loss, gradient) = value_and_grad(misfit)(guess)
    if step % 50 == 0 { print(f"step {step:3}  misfit {loss:9.4f}") }
    optimiser.step(guess, gradient)
}

print("          truth   found")
print(f"births    {truth.births:5.2f}   {guess.births:5.3f}")
print(f"eaten     {truth.eaten:5.2f}   {guess.eaten:5.3f}")
print(f"deaths    {truth.deaths:5.2f}   {guess.deaths:5.3f}")
print(f"fed       {truth.fed:5.2f}   {guess.fed:5.3f}")
assert misfit(guess) < 0.06, "the fit should reach the noise"
