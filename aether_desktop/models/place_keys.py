"""By what a namespace is known in the settings, and whether it may stand there."""

from __future__ import annotations

import itertools
from weakref import WeakKeyDictionary

from aether_desktop.connection import Connection
from aether_desktop.workspace import Place

PlaceKey = tuple[str, str]
"""A store's URL without its login, and the namespace."""


class PlaceKeys:
    """Gives places their keys. Two stores in memory have one URL and are two stores."""

    def __init__(self) -> None:
        self._numbers: WeakKeyDictionary[Connection, int] = WeakKeyDictionary()
        self._next_number = itertools.count()

    def key(self, place: Place) -> PlaceKey:
        """The key of `place`; of one that is not to be remembered, good as long as its connection."""
        connection = place.connection
        if connection.is_remembered:
            return connection.engine.url, place.namespace
        number = self._numbers.get(connection)
        if number is None:
            number = self._numbers[connection] = next(self._next_number)
        return f"{connection.engine.url} {number}", place.namespace
