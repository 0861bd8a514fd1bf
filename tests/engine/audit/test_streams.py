"""Events in the order of their streams, by the library and without it."""

from __future__ import annotations

import random
from array import array
from math import inf, nan

import pytest

from aether_engine.audit import streams
from aether_engine.audit.examining import Examined
from aether_engine.audit.streams import StreamStates, Suspect
from aether_engine.native.library import library

_ACTORS = 5
_NAMES = array("q", [0, 11, 22, 33, 44])


def _part(dice: random.Random, versions: list[int], first: int, oddity: str) -> Examined:
    part = Examined(first, first + 19, 20)
    for sequence in range(first, first + 20):
        actor = dice.randrange(1, _ACTORS)
        versions[actor] += 1
        part.sequences.append(sequence)
        part.actors.append(actor)
        part.names.append(_NAMES[actor])
        part.versions.append(versions[actor])
        part.moments.append(1000.0 + sequence)
    at = dice.randrange(20)
    if oddity == "version":
        part.versions[at] = dice.choice([1, 2**63 - 1, part.versions[at] + 1])
    elif oddity == "moment":
        part.moments[at] = dice.choice([nan, 0.0, -inf])
    elif oddity == "name":
        part.names[at] = dice.choice([0, 11, 77])
    elif oddity == "actor":
        part.actors[at] = dice.choice([0, -1, _ACTORS, 2**62])
    return part


def _taken(parts: list[Examined]) -> tuple[list[Suspect], list[object]]:
    states = StreamStates(1000, _NAMES)
    suspects = [one for part in parts for one in states.take(part)]
    known = range(_ACTORS)
    return suspects, [
        states.actors,
        [(states.count(actor), states.versions[actor], states.sequences[actor]) for actor in known],
        [states.displaced_of(actor) for actor in known],
    ]


@pytest.mark.skipif(library() is None, reason="nothing was compiled here")
@pytest.mark.parametrize("oddity", ["", "version", "moment", "name", "actor"])
def test_the_library_takes_in_what_python_does(oddity: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in range(50):
        dice = random.Random(seed)
        versions = [0] * _ACTORS
        odd = dice.randrange(1, 4)
        parts = [_part(dice, versions, 1 + 20 * index, oddity if index == odd else "") for index in range(5)]
        with monkeypatch.context() as patch:
            by_library = _taken(parts)
            patch.setattr(streams, "library", lambda: None)
            assert by_library == _taken(parts)
        if oddity in ("", "moment"):
            assert len(by_library[0]) <= 3
        elif oddity == "version":
            assert by_library[0]
