"""Which cases there are: every one of the matrix, a fraction of them, or drawn by seeds.

Belongs here: enumerating.
Does not belong here: running.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from cogent_pipelines.outbox import points
from cogent_pipelines_tests.outbox.matrix import alerting
from cogent_pipelines_tests.outbox.matrix.case import Case
from cogent_pipelines_tests.outbox.matrix.scene import OPERATIONS

POINTS = ("", *points.POINTS)
"""The crash points that exist in the outbox, and none."""
ANSWERS = {
    "ok": "ok",
    "reset_before_send": "timeout before effect",
    "reset_after_effect": "reset after effect",
    "gateway_timeout_after_effect": "500 after effect",
    "rate_limited": "429, or 200 THROTTLED",
    "unavailable": "503",
    "refused": "userErrors or 422",
    "stores_nothing": "yes, and stores nothing",
    "stores_truncated": "yes, and stores truncated",
    "half_body": "half a body",
}
"""The sandbox's kind of fault -> the answer class it stands for."""
RATES = (
    "reset_before_send=0.03,reset_after_effect=0.06,gateway_timeout_after_effect=0.04,half_body=0.03,error_500=0.03,"
    "unavailable=0.03,rate_limited=0.04,bad_gateway_burst=0.01,token_expired=0.02,stores_nothing=0.03"
)


def every() -> Iterator[Case]:
    """Each scene's operations x crash points x answer classes."""
    for scene, (_, operations) in OPERATIONS.items():
        for operation in operations:
            for point in POINTS:
                for answer in ANSWERS:
                    if answer == "ok" and operation != operations[0]:
                        continue
                    yield Case(scene, point, answer, operation)
    for point in ("", *alerting.POINTS):
        for answer in alerting.ANSWERS:
            yield Case("alerts", point, answer, "POST to an inbox")


def some(fraction: float, seed: int = 0) -> list[Case]:
    """About so large a part, evenly over all scenes, points and answers."""
    cases = list(every())
    random.Random(seed).shuffle(cases)
    return cases[: max(round(len(cases) * fraction), 1)]


def drawn(seed: int) -> Case:
    """One case by chance: faults on every call, a lagging list, and up to three crashes in a row."""
    chance = random.Random(f"matrix/{seed}")
    scene = chance.choice(sorted(OPERATIONS))
    crashes = [
        (chance.choice(points.POINTS), chance.choice((1, 1, 2, 3))) for _ in range(chance.randint(0, 3))
    ]
    (point, hits), *more = crashes or [("", 0)]
    return Case(
        scene,
        point,
        "ok",
        hits=hits,
        more=tuple(more),
        seed=seed,
        lag=chance.choice((0.0, 0.0, 5.0, 25.0)),
        is_slow=chance.random() < 0.4,
        rates=RATES if chance.random() < 0.8 else "",
    )
