relation parent(string, child: string)
relation ancestor(string, string)
relation alive()

fact parent("ana", "bea"), parent("bea", "carl")
fact 0.7 :: parent("carl", "dora") // a probabilistic fact
fact 0.3 :: coin("heads") | 0.7 :: coin("tails"), other(1)
fact (a + b) * 2 :: weighted(x)
fact sigmoid(w) :: p(Some(3), (1, 2))

/// Parents are ancestors.
rule ancestor(x, y) :- parent(x, y)
rule ancestor(x, z) :- parent(x, y), ancestor(y, z)
rule 1.0 / length :: likely(x, y) :- path(x, y, length)
rule lonely(x) :- person(x), not friend(x, _), x != "ana", not (x == y), not x in xs
rule sum(s) :- a(x), b(y), s = x + y, (x + y) % 10 == 3, z in 0..10
rule either(x) :- (a(x) or b(x), c(x) or x == 3), d(x)
rule counted(x, n) :- person(x), n = count(y : parent(x, y))
rule grouped(x, n) :- n = count(y : parent(x, y) for x : person(x))
rule best(x) :- m = max(w * 2 : score(x, w)), exists(y : q(y)), forall(p(x), q(x)), k = max(a, b)
rule long_head_of_a_rule(first, second) :- a_long_body_literal(first, x), another_long_literal(x, y), a_third(y, second)

for (who, p) in query ancestor("ana", who) { print(who, p) }
print(explain(ancestor("ana", "dora")))

logic sum2(a: categorical[10], b: categorical[10]) -> total: categorical[19] {
    rule total(x + y) :- a(x), b(y)
}
logic sum_is[N](a: categorical[10][N], b: categorical[10][N], observed: int32[N + 1]) -> ok: probability {
    relation carry(int, int)
    // the first carry
    rule carry(0, 0)
    rule carry(i + 1, (x + y + c) // 10) :- carry(i, c), a(i, x), b(i, y), (x + y + c) % 10 == observed[i]

    rule ok() :- carry(N, observed[N])
}
logic two(a: categorical[Colour]) -> (b: probability, c: categorical[2, 3]) { }
with semiring topk(3) { print(query a(x)) }
