"""Lives through the demo's last days in a moment: which events each namespace holds, and their times."""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Final

from aether_desktop.demo_shop import Draft, Journey, Shop, moment_before
from aether_engine.event import CAUSATION_ID, CORRELATION_ID, USER_ID, Event

TENANT_A: Final = "prod.tenant-a"
TENANT_B: Final = "prod.tenant-b"
STAGING: Final = "staging"

_DAY: Final = 86_400.0
#: How far back the demo goes, in seconds.
_PAST: Final = 6 * _DAY


@dataclass(frozen=True, slots=True)
class _Tenant:
    """What makes one namespace's shop different from another's."""

    namespace: str
    seed: int
    currency: str
    first_number: int
    visits: int
    articles: int
    nanoseconds: bool = False
    #: An actor whose stream lacks this version.
    skips: tuple[str, int] = ("", 0)


_TENANTS: Final = (
    _Tenant(TENANT_A, 11, "EUR", 1001, 168, 12, skips=("stock-TRA-OAK-40", 6)),
    _Tenant(TENANT_B, 23, "USD", 5001, 62, 8, nanoseconds=True),
    _Tenant(STAGING, 37, "EUR", 1, 21, 5),
)


def shop_of(namespace: str, *, seed: int, first_number: int) -> Shop:
    """A shop that carries on where the demo's shop of `namespace` is."""
    tenant = next(tenant for tenant in _TENANTS if tenant.namespace == namespace)
    return Shop(seed, currency=tenant.currency, first_number=first_number, articles=tenant.articles)


def world(now: datetime) -> dict[str, list[Event]]:
    """The events of every namespace in the order they happened, all before `now`."""
    histories = {tenant.namespace: _history(tenant, now) for tenant in _TENANTS}
    _reproduce_in_staging(histories, now)
    return histories


def _history(tenant: _Tenant, now: datetime) -> list[Event]:
    shop = Shop(tenant.seed, currency=tenant.currency, first_number=tenant.first_number, articles=tenant.articles)
    # A generator of its own, so that the journeys and their arrival do not disturb each other.
    arrivals = random.Random(tenant.seed + 1)  # noqa: S311 (variety, not secrecy)
    order = count()
    agenda: list[tuple[float, int, Journey]] = [(0.0, next(order), shop.opening())]
    agenda += [(at, next(order), shop.visit()) for at in _visit_times(arrivals, tenant.visits)]
    agenda += [(day * _DAY / 2, next(order), shop.replenishment()) for day in range(1, 12)]
    heapq.heapify(agenda)
    events: list[Event] = []
    versions: dict[str, int] = {}
    while agenda:
        at, _, journey = heapq.heappop(agenda)
        if at >= _PAST:
            # It goes on after now: an order that is still under way.
            continue
        step = next(journey, None)
        if isinstance(step, float):
            heapq.heappush(agenda, (at + step, next(order), journey))
        elif step is not None:
            version = versions.get(step.actor_id, 0) + 1
            version += (step.actor_id, version) == tenant.skips
            versions[step.actor_id] = version
            nanoseconds = f"{arrivals.randrange(1000):03d}" if tenant.nanoseconds else ""
            events.append(step.event(version, moment_before(now, _PAST - at), nanoseconds))
            # Two events of one journey are never at the same microsecond.
            heapq.heappush(agenda, (at + 0.004, next(order), journey))
    return events


def _visit_times(arrivals: random.Random, visits: int) -> list[float]:
    """More of them in the later half of each day, and none in the first hour, when the shelves are still bare."""
    times: list[float] = []
    while len(times) < visits:
        at = arrivals.uniform(3600, _PAST - 60)
        if arrivals.random() < (0.25 if at % _DAY < _DAY / 3 else 1.0):
            times.append(at)
    return sorted(times)


def _reproduce_in_staging(histories: dict[str, list[Event]], now: datetime) -> None:
    """Somebody looks into an order of production: one correlation that crosses namespaces, and some oddities.

    The second note jumps over versions, which is legal, and says `text` twice, of which readers see the last one.
    """
    production = next(event for event in histories[TENANT_A] if event.event_type == "PaymentDeclined")
    shop = Shop(41)
    actor = f"case-{production.actor_id.removeprefix('payment-')}"

    def tell(event_type: str, version: int, minutes: float, cause: str, data: dict[str, str]) -> Event:
        metadata = {CORRELATION_ID: production.correlation_id, CAUSATION_ID: cause, USER_ID: "support-7"}
        draft = Draft(shop.new_id(), event_type, actor, dict(data), metadata)
        return draft.event(version, moment_before(now, minutes * 60))

    opened = tell("CaseOpened", 1, 58, production.id, {"about": production.actor_id, "status": "open"})
    noted = tell("NoteAdded", 2, 41, opened.id, {"text": "The customer says the card is valid."})
    again = tell("NoteAdded", 5, 17, noted.id, {"text": "Works with another card."})
    twice = again.to_json().replace(b'"data":{', b'"data":{"text":"Draft, ignore.",', 1)
    staging = histories[STAGING]
    staging += [opened, noted, Event.from_json(twice)]
    staging.sort(key=lambda event: event.timestamp)
