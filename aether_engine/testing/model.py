"""Any store against a model of it, in whatever order things are tried."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aether_engine.engine import Engine
from aether_engine.errors import AetherError, DuplicateEventError, InvalidEventError, VersionConflictError
from aether_engine.event import Event
from aether_engine.testing.harness import Contract, collect

_runs = itertools.count(1)


class ModelContract(Contract):
    """A store and a list with three rules are told the same and must agree."""

    @settings(
        max_examples=25,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
    )
    @given(
        steps=st.lists(
            st.lists(
                st.tuples(
                    st.sampled_from(["a", "a.b", "\u65e5", "a\x00"]),
                    st.integers(0, 6),
                    st.integers(1, 12),
                ),
                min_size=1,
                max_size=4,
            ),
            max_size=25,
        )
    )
    async def test_against_a_model(self, engine: Engine, steps: list[list[tuple[str, int, int]]]) -> None:
        """Whatever is tried in whatever order, the store does what a list and three rules do."""
        store = await engine.store(f"model-{next(_runs)}")
        model = _Model()
        moment = datetime(2024, 1, 1, tzinfo=UTC)
        for step in steps:
            batch = [
                Event(f"id-{number}", "T", actor, version, {"n": number}, timestamp=moment)
                for actor, version, number in step
            ]
            expected = model.save(batch)
            if expected is None:
                await store.save_events(batch)
            elif len(batch) == 1:
                with pytest.raises(expected):
                    await store.save_event(batch[0])
            else:
                # Validity comes first; which of several other mistakes is told is the store's choice.
                told = (
                    InvalidEventError
                    if expected is InvalidEventError
                    else (VersionConflictError, DuplicateEventError)
                )
                with pytest.raises(told):
                    await store.save_events(batch)
        assert [stored.event for stored in await collect(store.read(batch_size=3))] == model.log
        infos = await store.actors()
        assert [info.actor_id for info in infos] == sorted({event.actor_id for event in model.log})
        for info in infos:
            events = [event for event in model.log if event.actor_id == info.actor_id]
            assert await store.get_events(info.actor_id) == events
            assert (info.event_count, info.latest_version) == (len(events), events[-1].version)
            assert await store.get_latest_version(info.actor_id) == events[-1].version


class _Model:
    """A store in three rules."""

    def __init__(self) -> None:
        self.log: list[Event] = []

    def save(self, batch: Sequence[Event]) -> type[AetherError] | None:
        """The error of the first refused event; without one the batch is stored."""
        if any(event.version < 1 for event in batch):
            return InvalidEventError
        log = list(self.log)
        for event in batch:
            if any(old.actor_id == event.actor_id and old.version >= event.version for old in log):
                return VersionConflictError
            if any(old.id == event.id for old in log):
                return DuplicateEventError
            log.append(event)
        self.log = log
        return None
