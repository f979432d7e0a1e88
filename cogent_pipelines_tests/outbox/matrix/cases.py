"""Which cases there are: every one of the matrix, a fraction of them, or drawn by seeds.

Belongs here: enumerating.
Does not belong here: running.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator

from cogent_pipelines.outbox import points
from cogent_pipelines.vendors.registry import VENDORS
from cogent_pipelines_tests.outbox.matrix import alerting
from cogent_pipelines_tests.outbox.matrix.case import Case
from cogent_pipelines_tests.vendors import vendor_kit
from cogent_pipelines_tests.vendors.test_pairs import PAIRS

POINTS = ("", *points.POINTS)
"""The crash points that exist in the outbox, and none."""
ANSWERS = {
    "ok": "ok",
    "reset_before_send": "timeout before effect",
    "reset_after_effect": "reset or timeout after effect",
    "gateway_timeout_after_effect": "500 after effect",
    "rate_limited": "429, or 200 THROTTLED",
    "unavailable": "503",
    "refused": "userErrors or 422",
    "stores_nothing": "yes or 202, and never done",
    "stores_truncated": "yes, and stores truncated",
    "half_body": "half a body",
}
"""The sandbox's kind of fault -> the answer class it stands for."""
MORE_ANSWERS = {"html_with_200": "200 and a page that is no answer", "conflict": "409, or the vendor's like"}
"""Further classes, given without a crash: to a process that dies they are what others are."""
RATES = (
    "reset_before_send=0.03,reset_after_effect=0.06,gateway_timeout_after_effect=0.04,half_body=0.03,error_500=0.03,"
    "unavailable=0.03,rate_limited=0.04,bad_gateway_burst=0.01,token_expired=0.02,stores_nothing=0.03"
)


def accounts() -> Iterator[tuple[str, str]]:
    """(vendor, manner) of every kind of account there is to write to."""
    for slug, vendor in VENDORS.items():
        if vendor.writes:
            yield slug, ""
            yield from ((slug, manner) for manner in vendor_kit.kit(slug).manners)


def every() -> Iterator[Case]:
    """Each write of each account x crash points x answer classes, and alerts."""
    for vendor, manner in accounts():
        for task, writes in VENDORS[vendor].writes.items():
            for place, write in enumerate(writes):
                for point in POINTS:
                    for answer in ANSWERS if point else ANSWERS | MORE_ANSWERS:
                        if answer != "ok" or place == 0:
                            yield Case(vendor, task, point, answer, step=write.action, manner=manner)
    for point in ("", *alerting.POINTS):
        for answer in alerting.ANSWERS:
            yield Case("", ("alerts", "send"), point, answer)


def is_of_the_first_pair(case: Case) -> bool:
    """Whether it is an alert, or a write of one of the two vendors that everything began with."""
    return not case.vendor or case.vendor in PAIRS[0]


def some(fraction: float, rest: float, seed: int = 0) -> list[Case]:
    """About so large a part of the first pair's, and of the others', evenly over all writes, points and answers."""
    cases = list(every())
    random.Random(seed).shuffle(cases)
    first = [case for case in cases if is_of_the_first_pair(case)]
    others = [case for case in cases if not is_of_the_first_pair(case)]
    return first[: round(len(first) * fraction)] + others[: round(len(others) * rest)]


def drawn(seed: int, vendors: Collection[str] = ()) -> Case:
    """One case by chance, of some vendors' or of any: faults on every call, a lagging list, up to three crashes in a row."""
    chance = random.Random(f"matrix/{seed}")
    own = [(vendor, manner) for vendor, manner in accounts() if not vendors or vendor in vendors]
    vendor, manner = chance.choice(own)
    task = chance.choice(sorted(VENDORS[vendor].writes))
    crashes = [
        (chance.choice(points.POINTS), chance.choice((1, 1, 2, 3))) for _ in range(chance.randint(0, 3))
    ]
    (point, hits), *more = crashes or [("", 0)]
    return Case(
        vendor,
        task,
        point,
        "ok",
        manner=manner,
        hits=hits,
        more=tuple(more),
        seed=seed,
        lag=chance.choice((0.0, 0.0, 5.0, 25.0)),
        is_slow=chance.random() < 0.4,
        rates=RATES if chance.random() < 0.8 else "",
    )
