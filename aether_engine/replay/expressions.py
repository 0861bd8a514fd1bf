"""Expressions over a state, as `docs/state-expressions.md` describes them: `status == "paid" and len(lines) > 2`.

A language of its own and a small one: whatever somebody types, or is sent in a link, can only be true or false.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NamedTuple

from aether_engine.codec import ExactNumber
from aether_engine.errors import ExpressionError
from aether_engine.replay.differences import changes_between
from aether_engine.replay.patches import parse_pointer

#: Longest expression that is understood, in characters, and deepest nesting of parentheses and `not`.
MAX_LENGTH: Final = 10_000
MAX_DEPTH: Final = 100
#: Longest number, in characters.
MAX_DIGITS: Final = 1000

_TOKEN: Final = re.compile(
    r"""
    (?P<space>\s+)
    | (?P<number>-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)
    | (?P<text>"(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*')
    | (?P<operator>==|!=|<=|>=|&&|\|\||[<>!()\[\],.*$])
    | (?P<pointer>/[^\s()\[\],"'<>=!&|]*)
    | (?P<name>[^\W\d][\w-]*)
    """,
    re.VERBOSE,
)
# How a text in single quotes is written in double ones.
_ESCAPE: Final = re.compile(r'\\.|"', re.DOTALL)
_AS_JSON: Final = {"\\'": "'", '"': '\\"'}
_KEYWORDS: Final = frozenset({"and", "or", "not", "in", "exists", "len", "true", "false", "null"})
_LITERALS: Final[dict[str, Any]] = {"true": True, "false": False, "null": None}
_COMPARISONS: Final = ("==", "!=", "<=", ">=", "<", ">")

Condition = Callable[[Any], bool]
# A member's name, a place in an array, or (None) every member and item.
_Step = str | int | None
Values = Callable[[Any], Sequence[Any]]


@dataclass(frozen=True, slots=True)
class StateExpression:
    """A condition on a state. Made by `parse_expression`; call it with a state to learn whether it holds."""

    text: str
    condition: Condition

    def __call__(self, state: Any) -> bool:
        """Whether it holds; never raises, whatever the state is."""
        return self.condition(state)


def parse_expression(text: str) -> StateExpression:
    """The expression that `text` is; raises `ExpressionError` naming the place where it is not understood."""
    if len(text) > MAX_LENGTH:
        raise ExpressionError(text, MAX_LENGTH, f"it has more than {MAX_LENGTH:,} characters")
    return StateExpression(text, _Parser(text).parse())


class _Token(NamedTuple):
    kind: str
    text: str
    position: int


class _Operand(NamedTuple):
    """A side of a comparison: what it is worth in a state, and whether it can stand alone as a condition."""

    values: Values
    condition: Condition | None
    position: int


class _Parser:
    """Recursive descent, one method for each level of precedence."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(self._split(text))
        self._place = 0
        self._depth = 0

    def parse(self) -> Condition:
        condition = self._any()
        token = self._peek()
        if token.kind != "end":
            raise self._error(token, f"{token.text!r} does not belong here; join conditions with 'and' or 'or'")
        return condition

    # Tokens

    def _split(self, text: str) -> Iterator[_Token]:
        position = 0
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None:
                raise ExpressionError(text, position, _explain_character(text, position))
            kind = match.lastgroup or ""
            if kind != "space":
                yield _Token(kind, match[0], position)
            position = match.end()
        yield _Token("end", "", len(text))

    def _peek(self) -> _Token:
        return self._tokens[self._place]

    def _next(self) -> _Token:
        token = self._tokens[self._place]
        self._place = min(self._place + 1, len(self._tokens) - 1)
        return token

    def _take(self, *texts: str) -> _Token | None:
        """The next token if it is one of these operators or keywords."""
        token = self._peek()
        return self._next() if token.kind in ("operator", "name") and token.text in texts else None

    def _expect(self, text: str, where: str) -> None:
        if self._take(text) is None:
            raise self._error(self._peek(), f"{text!r} is missing {where}")

    def _error(self, token: _Token, problem: str) -> ExpressionError:
        return ExpressionError(self._text, token.position, problem)

    # Conditions

    def _any(self) -> Condition:
        conditions = [self._all()]
        while self._take("or", "||"):
            conditions.append(self._all())
        return conditions[0] if len(conditions) == 1 else lambda state: any(one(state) for one in conditions)

    def _all(self) -> Condition:
        conditions = [self._not()]
        while self._take("and", "&&"):
            conditions.append(self._not())
        return conditions[0] if len(conditions) == 1 else lambda state: all(one(state) for one in conditions)

    def _not(self) -> Condition:
        token = self._take("not", "!")
        if token is None:
            return self._comparison()
        with_depth = self._deeper(token)
        condition = self._not()
        self._depth = with_depth
        return lambda state: not condition(state)

    def _comparison(self) -> Condition:
        token = self._peek()
        if self._take("("):
            depth = self._deeper(token)
            condition = self._any()
            self._depth = depth
            self._expect(")", f"to the '(' at character {token.position + 1}")
            return condition
        left = self._operand()
        for sign in _COMPARISONS:
            if self._take(sign):
                return _compare(sign, left.values, self._operand().values)
        if self._take("in"):
            return self._contained(left.values)
        if self._peek().text == "not" and self._tokens[self._place + 1].text == "in":
            self._next()
            self._next()
            contained = self._contained(left.values)
            return lambda state: not contained(state)
        if left.condition is None:
            raise ExpressionError(
                self._text, left.position, "it has to be compared with something, as in len(lines) > 2"
            )
        return left.condition

    def _deeper(self, token: _Token) -> int:
        depth = self._depth
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._error(token, f"it is nested deeper than {MAX_DEPTH} levels")
        return depth

    def _contained(self, left: Values) -> Condition:
        if not self._take("["):
            right = self._operand().values
            return lambda state: any(_holds(place, one) for place in right(state) for one in left(state))
        items: list[Values] = []
        while not self._take("]"):
            if items:
                self._expect(",", "between the values of the list")
            items.append(self._operand().values)
        return lambda state: any(
            _is_equal(one, other) for one in left(state) for item in items for other in item(state)
        )

    # Values

    def _operand(self) -> _Operand:
        token = self._next()
        if token.kind == "number":
            return _constant(self._number_of(token), token.position)
        if token.kind == "text":
            return _constant(self._text_of(token), token.position)
        if token.kind == "pointer":
            try:
                steps: list[_Step] = list(parse_pointer(token.text))
            except ValueError as error:
                raise self._error(token, str(error)) from error
            return _path(steps, token.position)
        if token.text in _LITERALS:
            return _constant(_LITERALS[token.text], token.position)
        if token.text in ("len", "exists"):
            return self._call(token)
        if token.text == "$" or (token.kind == "name" and token.text not in _KEYWORDS):
            return _path(self._steps(token), token.position)
        if token.kind == "end":
            raise self._error(token, "a value or a path is missing")
        raise self._error(token, f"a value or a path is missing in front of {token.text!r}")

    def _call(self, function: _Token) -> _Operand:
        self._expect("(", f"behind {function.text!r}")
        token = self._peek()
        operand = self._operand()
        if token.text in _KEYWORDS or (token.text != "$" and token.kind not in ("name", "pointer")):
            raise self._error(token, f"{function.text!r} wants a path")
        self._expect(")", f"to {function.text!r}")
        values = operand.values
        if function.text == "exists":
            return _Operand(
                lambda state: (bool(values(state)),), lambda state: bool(values(state)), function.position
            )
        return _Operand(
            lambda state: [len(one) for one in values(state) if isinstance(one, (str, list, tuple, dict))],
            None,
            function.position,
        )

    def _steps(self, first: _Token) -> list[_Step]:
        steps: list[_Step] = [] if first.text == "$" else [first.text]
        while True:
            if self._take("."):
                token = self._next()
                if token.kind != "name" and token.text != "*":
                    raise self._error(token, "a member's name is missing behind '.'")
                steps.append(None if token.text == "*" else token.text)
            elif self._take("["):
                steps.append(self._place_in_brackets())
                self._expect("]", "behind it")
            else:
                return steps

    def _place_in_brackets(self) -> _Step:
        token = self._next()
        if token.kind == "text":
            return self._text_of(token)
        if token.text == "*":
            return None
        if token.kind == "number" and token.text.lstrip("-").isdigit():
            return int(self._number_of(token))
        raise self._error(token, "a place like 0, a name in quotes, or * is missing behind '['")

    def _number_of(self, token: _Token) -> int | Decimal:
        if len(token.text) > MAX_DIGITS:
            raise self._error(token, f"the number has more than {MAX_DIGITS:,} characters")
        try:
            return int(token.text) if token.text.lstrip("-").isdigit() else Decimal(token.text)
        except InvalidOperation as error:
            raise self._error(token, "the number is too large") from error

    def _text_of(self, token: _Token) -> str:
        body = token.text[1:-1]
        if token.text.startswith("'"):
            body = _ESCAPE.sub(lambda match: _AS_JSON.get(match[0], match[0]), body)
        try:
            text: str = json.loads(f'"{body}"', strict=False)
        except ValueError as error:
            raise self._error(token, f"{token.text} has an escape that JSON does not know") from error
        return text


def _constant(value: Any, position: int) -> _Operand:
    condition: Condition | None = (lambda _state: bool(value)) if isinstance(value, bool) else None
    return _Operand(lambda _state: (value,), condition, position)


def _path(steps: Sequence[_Step], position: int) -> _Operand:
    def values(state: Any) -> Sequence[Any]:
        found: list[Any] = [state]
        for step in steps:
            found = [value for one in found for value in _into(one, step)]
            if not found:
                break
        return found

    return _Operand(
        values, lambda state: any(one is not None and one is not False for one in values(state)), position
    )


def _into(value: Any, step: _Step) -> Sequence[Any]:
    if step is None:
        if isinstance(value, dict):
            return list(value.values())
        return value if isinstance(value, (list, tuple)) else ()
    if isinstance(value, dict):
        return (value[step],) if step in value else ()
    if isinstance(value, (list, tuple)):
        # A pointer writes places as text.
        if isinstance(step, str) and (step == "0" or (step.isascii() and step.isdigit() and step[0] != "0")):
            step = int(step) if len(step) < MAX_DIGITS else len(value)
        if isinstance(step, int) and -len(value) <= step < len(value):
            return (value[step],)
    return ()


def _compare(sign: str, left: Values, right: Values) -> Condition:
    if sign == "==":
        return lambda state: any(_is_equal(one, other) for one in left(state) for other in right(state))
    if sign == "!=":
        return lambda state: not any(_is_equal(one, other) for one in left(state) for other in right(state))
    return lambda state: any(_is_ordered(sign, one, other) for one in left(state) for other in right(state))


def _is_equal(one: Any, other: Any) -> bool:
    if isinstance(one, (dict, list, tuple)):
        return next(changes_between(one, other, _is_equal_scalar), None) is None
    return _is_equal_scalar(one, other)


def _is_equal_scalar(one: Any, other: Any) -> bool:
    if _is_number(one) and _is_number(other):
        return bool(_exact(one) == _exact(other))
    return type(one) is type(other) and bool(one == other)


def _is_ordered(sign: str, one: Any, other: Any) -> bool:
    if _is_number(one) and _is_number(other):
        one, other = _exact(one), _exact(other)
    elif not (isinstance(one, str) and isinstance(other, str)):
        return False
    match sign:
        case "<":
            return bool(one < other)
        case "<=":
            return bool(one <= other)
        case ">":
            return bool(one > other)
    return bool(one >= other)


def _holds(place: Any, one: Any) -> bool:
    """Whether `one` is in `place`: an item of an array, a part of a text, the name of a member."""
    if isinstance(place, (list, tuple)):
        return any(_is_equal(item, one) for item in place)
    return isinstance(one, str) and isinstance(place, (str, dict)) and one in place


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)


def _exact(number: Any) -> Any:
    """A number as what it is exactly: `1.10` is 1.1, and 2^53 + 1 is not 2^53."""
    if isinstance(number, float):
        try:
            return Decimal(number.text if isinstance(number, ExactNumber) else repr(number))
        except InvalidOperation:
            return number
    return number


def _explain_character(text: str, position: int) -> str:
    character = text[position]
    if character in "\"'":
        return "the text that begins here does not end"
    if character == "=":
        return "'=' alone says nothing; write '=='"
    return f'{character!r} has no meaning here; a member with such a name is written $["…"]'
