"""The list of actors of a file that is plainly in order, as the compiled library tells it."""

from __future__ import annotations

from aether_engine.audit.file_actors import HIGHEST
from aether_engine.audit.file_pages import page_file, roots_of
from aether_engine.native.actors import ActorRows, read_actors
from aether_engine.store.sqlite.reader import Reader


def sound_actors(reader: Reader, first: int, count: int, key: bytes) -> ActorRows | None:
    """Actors with numbers from `first` on, `count` of them at most; None where Python has to look.

    Nobody gives out numbers with holes in which a block of them would fit.
    """
    file, root = page_file(reader), roots_of(reader).get("actors")
    if file is None or root is None or first + count > HIGHEST:
        return None
    rows = read_actors(file, root, key, first, count)
    return rows if rows is not None and rows.next_number in (None, first + count) else None
