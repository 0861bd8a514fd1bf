"""How each namespace's events become states, and which programs of the user's may do it; kept between starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from aether_desktop.models.place_keys import PlaceKey, PlaceKeys
from aether_desktop.models.state.snapshot_states import FROM_BEST, FROM_FIRST
from aether_desktop.settings import Settings
from aether_desktop.workspace import Place
from aether_engine.replay import REDUCERS

#: The key of a reducer in a file of the user's.
FILE: Final = "file"
USUAL: Final = "json-merge"
#: Namespaces that are remembered, and contents of files that are trusted; the oldest are forgotten.
_PLACES_KEPT: Final = 200
_TRUSTED_KEPT: Final = 100
_OPTIONS: Final = "replay"
_TRUSTED: Final = "trusted_reducers"
#: Files that are offered to be used again.
RECENT_FILES: Final = 5


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """A reducer by its key (`path` for the key `FILE`), and where replay begins (None: as is usual for it)."""

    reducer: str = USUAL
    path: str = ""
    from_snapshot: bool | None = None

    @property
    def start(self) -> int:
        """`FROM_BEST` or `FROM_FIRST`. Only what JSON merge makes is likely to be what snapshots hold."""
        from_snapshot = self.reducer == USUAL if self.from_snapshot is None else self.from_snapshot
        return FROM_BEST if from_snapshot else FROM_FIRST


class ReplayMemory:
    """The options of each namespace, and what is trusted. Anybody may have edited the settings."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._keys = PlaceKeys()
        self._options: dict[PlaceKey, ReplayOptions] = _read_options(settings.get(_OPTIONS))
        self._passing: set[PlaceKey] = set()
        self._trusted: list[tuple[str, str]] = _read_trusted(settings.get(_TRUSTED))
        self._trusted_paths: set[str] = set()

    def options(self, place: Place) -> ReplayOptions:
        """How this namespace's events become states."""
        return self._options.get(self._keys.key(place), ReplayOptions())

    def set_options(self, place: Place, options: ReplayOptions) -> None:
        """Do it so from now on."""
        key = self._keys.key(place)
        self._options.pop(key, None)
        self._options[key] = options
        if not place.connection.is_remembered:
            self._passing.add(key)
            return
        kept = [
            (key, one) for key, one in self._options.items() if key not in self._passing and one != ReplayOptions()
        ]
        self._settings.set(
            _OPTIONS,
            [
                {
                    "url": key[0],
                    "namespace": key[1],
                    "reducer": one.reducer,
                    "path": one.path,
                    "from_snapshot": one.from_snapshot,
                }
                for key, one in kept[-_PLACES_KEPT:]
            ],
        )

    # Trust

    def is_trusted(self, path: str, sha256: str) -> bool:
        """Whether this content of this file may run."""
        return (path, sha256) in self._trusted or path in self._trusted_paths

    def trust(self, path: str, sha256: str, *, later: bool = False) -> None:
        """Let this content of this file run; with `later` whatever is in the file while the window is open."""
        if later:
            self._trusted_paths.add(path)
        if (path, sha256) in self._trusted:
            self._trusted.remove((path, sha256))
        self._trusted = [*self._trusted, (path, sha256)][-_TRUSTED_KEPT:]
        self._settings.set(_TRUSTED, [{"path": path, "sha256": sha256} for path, sha256 in self._trusted])

    @property
    def recent_files(self) -> list[str]:
        """Files that were trusted lately, the latest first."""
        return list(dict.fromkeys(path for path, _ in reversed(self._trusted)))[:RECENT_FILES]


def _read_options(value: object) -> dict[PlaceKey, ReplayOptions]:
    options: dict[PlaceKey, ReplayOptions] = {}
    for entry in value[-_PLACES_KEPT:] if isinstance(value, list) else ():
        if not isinstance(entry, dict):
            continue
        url, namespace, reducer = entry.get("url"), entry.get("namespace"), entry.get("reducer")
        path, from_snapshot = entry.get("path"), entry.get("from_snapshot")
        is_known = reducer in REDUCERS or (reducer == FILE and isinstance(path, str) and path)
        if isinstance(url, str) and isinstance(namespace, str) and isinstance(reducer, str) and is_known:
            options[url, namespace] = ReplayOptions(
                reducer,
                path if reducer == FILE and isinstance(path, str) else "",
                from_snapshot if isinstance(from_snapshot, bool) else None,
            )
    return options


def _read_trusted(value: Any) -> list[tuple[str, str]]:
    trusted = []
    for entry in value[-_TRUSTED_KEPT:] if isinstance(value, list) else ():
        if isinstance(entry, dict):
            path, sha256 = entry.get("path"), entry.get("sha256")
            if isinstance(path, str) and isinstance(sha256, str):
                trusted.append((path, sha256))
    return trusted
