"""The trees of a file that are plainly in order, as the compiled library tells it: their pages, and two indexes.

Nothing found here is a finding. What is not vouched for is looked at by `FileChecks`, through SQLite.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from aether_engine.audit.file.ids import ids_behind
from aether_engine.audit.file.pages import page_file, read_undisturbed, roots_of, trees_of
from aether_engine.audit.target import LogFacts
from aether_engine.errors import CorruptStoreError
from aether_engine.native.trees import Entries, SoundTree, TreeQuestion, sound_tree
from aether_engine.store.sqlite.reader import Reader
from aether_engine.store.sqlite.schema import MAX_NAMESPACE, first_position

#: Files of ours have no more trees.
_MOST_TREES: Final = 50
#: Sums over the index over ids are exact up to here.
_MOST_IDS: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class SoundTrees:
    """What is in order: all pages of the file, its index over versions, and that over ids for these namespaces."""

    pages: bool = False
    versions: bool = False
    ids: frozenset[str] = frozenset()


def look_at_tree(reader: Reader, question: TreeQuestion, key: bytes) -> SoundTree | None:
    """What a tree comes to; None where it may be damaged, or SQLite alone may read it. For workers only."""
    return read_undisturbed(reader, lambda file: sound_tree(file, question, key))


class TreeChecks:
    """Those of `checks` that the trees of a file may pass. Each of `questions` can be answered by itself."""

    def __init__(self, reader: Reader, checks: Collection[str], facts: Mapping[str, LogFacts]) -> None:
        """Looks up where the trees are; blocks."""
        self._checks = checks
        # Ids of lost events are in the index and nowhere else: sums would not tell.
        kept = [
            (name, fact.log, fact.id_sum)
            for name, fact in facts.items()
            if not fact.lost and 0 <= fact.log.number <= MAX_NAMESPACE
        ]
        #: By namespace: how many ids the index must have, and what they must come to.
        self._ids: dict[str, tuple[int, int]] = {}
        self.questions: list[TreeQuestion] = []
        if page_file(reader) is None:
            return
        try:
            trees, ours = reader.run(trees_of, {}), roots_of(reader)
            if "index-ids" in checks:
                for name, log, id_sum in sorted(kept, key=lambda one: one[1].number):
                    until, behind = ids_behind(reader, log)
                    if until <= _MOST_IDS:
                        self._ids[name] = until, id_sum - behind
        except CorruptStoreError:
            self._ids = {}
            return  # Who looks again tells it.
        if len(trees) > _MOST_TREES:
            return
        bases = [first_position(facts[name].log.number) for name in self._ids]
        ranges = tuple(
            (base + 1, base + until) for base, (until, _) in zip(bases, self._ids.values(), strict=True)
        )
        for root, is_table in trees.values():
            if root == ours.get("events_by_actor") and "index-versions" in checks:
                question = TreeQuestion(root, is_table, Entries.VERSIONS)
            elif root == ours.get("events") and "index-versions" in checks:
                question = TreeQuestion(root, is_table, Entries.ROWS)
            elif root == ours.get("event_ids") and ranges:
                question = TreeQuestion(root, is_table, Entries.IDS, ranges)
            elif "page" in checks:
                question = TreeQuestion(root, is_table)
            else:
                continue
            self.questions.append(question)
        # The largest ones first, while others are free to do the rest.
        self.questions.sort(key=lambda question: question.entries or len(Entries))

    def judged(self, answers: Sequence[SoundTree | None]) -> SoundTrees:
        """What is in order by the answers to `questions`."""
        by_entries = dict(zip((question.entries for question in self.questions), answers, strict=True))
        rows, versions = by_entries.get(Entries.ROWS), by_entries.get(Entries.VERSIONS)
        ids = by_entries.get(Entries.IDS)
        return SoundTrees(
            pages=bool(answers) and "page" in self._checks and _are_apart(answers),
            versions=rows is not None
            and versions is not None
            and rows.versions is not None
            and rows.versions == versions.versions,
            ids=frozenset() if ids is None or ids.ids is None else self._ids_in_order(ids),
        )

    def _ids_in_order(self, tree: SoundTree) -> frozenset[str]:
        return frozenset(
            name
            for (name, (until, id_sum)), held in zip(self._ids.items(), tree.ids or (), strict=True)
            if (held.count, held.id_sum, held.places) == (until, id_sum, until * (until + 1) // 2)
        )


def _are_apart(trees: Sequence[SoundTree | None]) -> bool:
    """Whether all trees are in order, and no page belongs to two of them."""
    seen = 0
    for tree in trees:
        pages = 0 if tree is None else int.from_bytes(tree.pages, "little")
        if not pages or seen & pages:
            return False
        seen |= pages
    return True
