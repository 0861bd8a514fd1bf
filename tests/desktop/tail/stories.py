"""What tests of tails share: events to be tailed, and what is in the table."""

from __future__ import annotations

from aether_desktop.models.tail.tail_controller import TailController
from aether_desktop.models.tail.tail_table import TailColumn
from aether_engine import Event
from tests.waiting import until


def event(number: int, *, actor: str = "order-1", kind: str = "OrderPlaced", id_of: str = "id") -> Event:
    return Event(f"{id_of}-{actor}-{number}", kind, actor, number, {"n": number})


def column(tail: TailController, which: TailColumn) -> list[object]:
    return [tail.table.data(tail.table.index(row, which)) for row in range(tail.table.rowCount())]


def titles(tail: TailController) -> list[str]:
    rows = (tail.table.row_at(row) for row in range(tail.table.rowCount()))
    return [row.banner.title for row in rows if row is not None and row.banner is not None]


async def shown(tail: TailController, count: int) -> None:
    await until(lambda: tail.counters.shown == count, what=f"{count} shown, {tail.counters}")
