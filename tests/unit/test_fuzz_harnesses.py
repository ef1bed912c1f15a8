"""What `make fuzz` runs for minutes, for a moment: every harness on its seeds, and on a few mutants of them."""

import random

import pytest

from fuzz.harnesses import HARNESSES
from fuzz.mutation import mutated_json


@pytest.mark.parametrize("name", HARNESSES)
def test_harness(name: str) -> None:
    """Whatever the bytes are, it returns."""
    harness, chance = HARNESSES[name], random.Random(name)
    for seed in harness.seeds:
        harness.run(seed)
        mutant = seed
        for _ in range(30):
            mutant = (
                mutated_json(mutant if chance.random() < 0.5 else seed, chance) or seed[: chance.randrange(len(seed))]
            )
            harness.run(mutant)
