"""From the text of a filter to its terms: where they begin and end, and which characters stand for themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a filter with its quotes resolved, from character `start` of the filter on.

    `places` tells where each character of `text` came from and has the end as one more; `quoted` says which
    characters stood in quotes and so mean nothing but themselves.
    """

    text: str
    quoted: tuple[bool, ...]
    places: tuple[int, ...]
    start: int

    @property
    def end(self) -> int:
        return self.places[-1]

    @property
    def is_given(self) -> bool:
        """Whether there is anything: `""` is an empty text, and nothing is no text."""
        return self.end > self.start

    @property
    def is_quoted(self) -> bool:
        """Whether quotes say that this is text and nothing else."""
        return any(self.quoted) or (self.is_given and not self.text)

    def part(self, start: int, end: int | None = None) -> Piece:
        """The characters `start` up to `end`."""
        end = len(self.text) if end is None else end
        return Piece(
            self.text[start:end],
            self.quoted[start:end],
            self.places[start : end + 1],
            self.places[start - 1] + 1 if start else self.start,
        )

    def find(self, mark: str, start: int = 0) -> int:
        """Where `mark` stands outside of quotes, -1 if it does not."""
        place = self.text.find(mark, start)
        while place >= 0 and any(self.quoted[place : place + len(mark)]):
            place = self.text.find(mark, place + 1)
        return place

    def split(self, mark: str) -> list[Piece]:
        """The parts between the marks outside of quotes."""
        parts: list[Piece] = []
        start = 0
        while (place := self.find(mark, start)) >= 0:
            parts.append(self.part(start, place))
            start = place + len(mark)
        parts.append(self.part(start))
        return parts


@dataclass(frozen=True, slots=True)
class RawTerm:
    """A term before it is understood; `unclosed` is the place of a quote that is never closed."""

    start: int
    end: int
    is_negated: bool
    body: Piece
    unclosed: int | None


def terms_of(text: str) -> Iterator[RawTerm]:
    """The terms of a filter: what stands between spaces outside of quotes."""
    place = 0
    while place < len(text):
        if text[place].isspace():
            place += 1
            continue
        term = _term(text, place)
        yield term
        place = term.end


def _term(text: str, start: int) -> RawTerm:
    place = start
    is_negated = text[place] == "-" and place + 1 < len(text) and not text[place + 1].isspace()
    if is_negated:
        place += 1
    characters: list[str] = []
    quoted: list[bool] = []
    places: list[int] = []
    opened: int | None = None
    while place < len(text) and (opened is not None or not text[place].isspace()):
        character = text[place]
        if character == '"':
            opened = place if opened is None else None
        else:
            width = (
                2 if opened is not None and character == "\\" and text[place + 1 : place + 2] in ('"', "\\") else 1
            )
            characters.append(text[place + width - 1])
            quoted.append(opened is not None)
            places.append(place)
            place += width - 1
        place += 1
    body = Piece("".join(characters), tuple(quoted), (*places, place), start + is_negated)
    return RawTerm(start, place, is_negated, body, opened)
