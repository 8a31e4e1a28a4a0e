"""Random draws: the exact stream, its distributions, and its state."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import scipy.special
import scipy.stats

import charl.ops
from charl import draws
from charl.core.op import REGISTRY
from charl.ops import random
from charl.types import dtypes

assert charl.ops
MASK = (1 << 64) - 1


def philox(seed: int, draw: int) -> Iterator[int]:
    """Philox-4x64-10 as its paper defines it, in Python integers."""
    block = 0
    while True:
        block += 1
        counter, key = [block, 0, 0, 0], [seed, draw]
        for _ in range(10):
            first = 0xD2E7470EE14C6C93 * counter[0]
            second = 0xCA5A826395121157 * counter[2]
            counter = [
                (second >> 64) ^ counter[1] ^ key[0],
                second & MASK,
                (first >> 64) ^ counter[3] ^ key[1],
                first & MASK,
            ]
            key = [(key[0] + 0x9E3779B97F4A7C15) & MASK, (key[1] + 0xBB67AE8584CAA73B) & MASK]
        yield from counter


def drawn(name: str, *operands: Any, **attributes: Any) -> Any:
    evaluate = REGISTRY[name].evaluate
    assert evaluate is not None
    return evaluate(*operands, **attributes)


def words(seed: int, draw: int, count: int) -> list[int]:
    stream = philox(seed & MASK, draw)
    return [next(stream) for _ in range(count)]


@pytest.fixture(autouse=True)
def seeded() -> None:
    draws.reset(42)


class TestStream:
    @pytest.mark.parametrize("seed", [0, 42, -1])
    def test_is_philox_keyed_by_seed_and_draw(self, seed: int) -> None:
        drawn("seed", seed)
        for draw in range(3):
            assert random.words(9).tolist() == words(seed, draw, 9)

    def test_uniform_takes_the_top_bits(self) -> None:
        u = words(42, 0, 6)
        found = drawn("random_uniform", 2, 3, dtype=dtypes.FLOAT64)
        assert found.ravel().tolist() == [(w >> 11) * 2.0**-53 for w in u]
        u = words(42, 1, 3)
        found = drawn("random_uniform", 3, dtype=dtypes.FLOAT32)
        assert found.tolist() == [(w >> 40) * 2.0**-24 for w in u]
        u = words(42, 2, 1)
        assert drawn("random_uniform", dtype=dtypes.FLOAT16) == (u[0] >> 53) * 2.0**-11

    def test_integers_take_the_upper_product(self) -> None:
        found = drawn("random_int", -7, 10**18, 50)
        assert found.tolist() == [-7 + (w * (10**18 + 7) >> 64) for w in words(42, 0, 50)]

    def test_the_whole_range_of_integers(self) -> None:
        low, high = -(2**63), 2**63 - 1
        found = drawn("random_int", low, high, 50)
        assert found.tolist() == [low + (w * (high - low) >> 64) for w in words(42, 0, 50)]

    def test_permutation_sorts_words(self) -> None:
        u = words(42, 0, 8)
        assert drawn("permutation", 8).tolist() == sorted(range(8), key=u.__getitem__)

    def test_state_returns(self) -> None:
        drawn("random_uniform", 3)
        state = drawn("random_state")
        first = drawn("random_normal", 4), drawn("random_int", 0, 100, 4)
        drawn("set_random_state", state)
        second = drawn("random_normal", 4), drawn("random_int", 0, 100, 4)
        assert all(np.array_equal(a, b) for a, b in zip(first, second))

    def test_draws_differ(self) -> None:
        assert drawn("random_uniform") != drawn("random_uniform")


class TestDistributions:
    def test_normal_inverts_the_distribution(self) -> None:
        u = np.array(words(42, 0, 4000) + [0, MASK, 1 << 63, (1 << 63) - 1], np.uint64)
        expected = scipy.special.ndtri(random.open_unit(u))
        assert np.allclose(random.normal(u), expected, rtol=1e-14, atol=2e-16)

    def test_log(self) -> None:
        x = np.concatenate([np.logspace(-300, 300, 4001), np.linspace(0.5, 2, 1001)])
        assert np.allclose(random.log(x), np.log(x), rtol=1e-15, atol=0)

    def test_normal_is_normal(self) -> None:
        x = drawn("random_normal", 20000, dtype=dtypes.FLOAT64)
        assert scipy.stats.kstest(x, "norm").pvalue > 1e-3

    def test_narrow_normals_are_rounded(self) -> None:
        wide = drawn("random_normal", 9, dtype=dtypes.FLOAT64)
        for dtype in (dtypes.FLOAT32, dtypes.FLOAT16, dtypes.BFLOAT16):
            draws.reset(42)
            found = drawn("random_normal", 9, dtype=dtype)
            assert found.dtype == dtype.numpy
            assert np.array_equal(found, wide.astype("float32").astype(dtype.numpy))

    def test_integers_are_even(self) -> None:
        counts = np.bincount(drawn("random_int", 0, 6, 60000), minlength=6)
        assert scipy.stats.chisquare(counts).pvalue > 1e-3

    def test_bernoulli(self) -> None:
        assert abs(drawn("bernoulli", np.full(20000, 0.3)).mean() - 0.3) < 0.02
        assert not drawn("bernoulli", np.zeros(100)).any()
        assert drawn("bernoulli", np.ones(100)).all()

    def test_categorical_follows_the_softmax(self) -> None:
        chances = np.array([0.5, 0.3, 0.2])
        found = drawn("categorical", np.broadcast_to(np.log(chances) + 7, (30000, 3)))
        counts = np.bincount(found, minlength=3)
        assert scipy.stats.chisquare(counts, 30000 * chances).pvalue > 1e-3

    def test_categories_of_no_probability_are_never_drawn(self) -> None:
        logits = np.broadcast_to([0.0, -np.inf], (1000, 2))
        assert not drawn("categorical", logits).any()

    def test_permutations_are_permutations(self) -> None:
        assert sorted(drawn("permutation", 100)) == list(range(100))
