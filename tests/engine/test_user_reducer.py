"""A reducer in the user's file: what it computes, and how all that can go wrong is told at its event."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from aether_engine.codec import dumps
from aether_engine.errors import (
    ReducerError,
    ReducerExitError,
    ReducerFileError,
    ReducerMemoryError,
    ReducerStateError,
    ReducerTimeoutError,
    ReducerTrustError,
)
from aether_engine.replay import StateHistory, replay
from aether_engine.replay.reducer_process import ReducerLimits
from aether_engine.replay.user_reducer import ReducerFile, UserReducer
from aether_engine.store.memory.store import InMemoryEventStore
from aether_engine.testing import make_event
from tests.engine.streams import events_of, stored, stream
from tests.engine.user_reducers import AT_3, MERGE, Make, failure_at_3, five, makers

# Long enough for what is in order, on a machine that has other things to do.
SHORT = ReducerLimits(event_seconds=0.6)


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Write a reducer's file and open it; every one is closed at the end."""
    yield from makers(tmp_path)


def numbered(count: int) -> StateHistory:
    return StateHistory(stream(*({"n": each} for each in range(1, count + 1))))


# --- What it computes -------------------------------------------------------------------------------------


def test_it_computes_states(make: Make) -> None:
    reducer = make(
        """
        import decimal

        def apply(state, event):
            total = decimal.Decimal(state.get("total", "0")) + decimal.Decimal(str(event.data["amount"]))
            types = [*state.get("types", []), event.event_type]
            return {"total": str(total), "types": types, "at": event.timestamp.isoformat(), "by": event.actor_id}
        """
    )
    events = [stored(version, '{"amount":0.10}', event_type=f"T{version}") for version in (1, 2, 5)]
    history = StateHistory(events, reducer=reducer)
    assert history.state_at(5) == {
        "total": "0.30",
        "types": ["T1", "T2", "T5"],
        "at": "2024-01-01T00:00:56.780000+00:00",
        "by": "order-1",
    }
    assert history.state_at(2)["total"] == "0.20"
    assert reducer({"total": "1"}, events_of(events)[0])["total"] == "1.10"


def test_it_agrees_with_the_same_reducer_in_this_process(make: Make) -> None:
    reducer = make(MERGE)
    events = stream(*({"n": each, f"k{each % 5}": "x" * each} for each in range(700)))
    there, here = StateHistory(events, reducer=reducer), StateHistory(events)
    for version in (700, 1, 350, 351, 64, 65, 699):
        assert there.state_at(version) == here.state_at(version)
    assert [dumps(state) for _, state in there.walk(0, 600)] == [dumps(state) for _, state in here.walk(0, 600)]
    blamed = {path: origin.changed for path, _, origin in there.blame_at(700).leaves()}
    assert blamed == {path: origin.changed for path, _, origin in here.blame_at(700).leaves()}


def test_numbers_are_as_written(make: Make) -> None:
    history = StateHistory(
        [stored(1, '{"n":1.10,"big":123456789012345678901234567890,"zero":-0}'), stored(2, '{"m":1e2}')],
        reducer=make(MERGE),
    )
    assert dumps(history.state_at(2)) == b'{"n":1.10,"big":123456789012345678901234567890,"zero":-0,"m":1e2}'


def test_it_may_change_what_it_is_given(make: Make) -> None:
    reducer = make(
        """
        kept = []

        def apply(state, event):
            kept.append(state)
            for old in kept:
                old.clear()
            state["seen"] = event.version
            event.data.clear()
            return state
        """
    )
    history = StateHistory(stream({"a": 1}, {"a": 2}, {"a": 3}), reducer=reducer, stride=1)
    assert [history.state_at(version) for version in (1, 2, 3)] == [{"seen": 1}, {"seen": 2}, {"seen": 3}]


def test_sets_come_in_one_order(make: Make) -> None:
    source = """
        def apply(state, event):
            return {"order": list({f"name-{each}" for each in range(20)})}
    """
    states = []
    for _ in range(2):
        reducer = make(source)
        states.append(StateHistory(stream({}), reducer=reducer).state_at(1))
        reducer.close()
    assert states[0] == states[1]


def test_it_may_import_what_lies_beside_it(make: Make, tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("ANSWER = 42\n")
    reducer = make("import beside\ndef apply(state, event): return {'answer': beside.ANSWER}")
    assert StateHistory(stream({}), reducer=reducer).state_at(1) == {"answer": 42}


async def test_replay_from_a_store(make: Make) -> None:
    store = InMemoryEventStore()
    for version in (1, 2, 3):
        await store.save_event(make_event(version, data={"n": version}))
    replayed = await replay(store, "order-1", reducer=make(MERGE), from_snapshot=False)
    assert (replayed.state, replayed.version) == ({"n": 3}, 3)
    broken = make("def apply(state, event):\n    return state if event.version < 3 else 1 / 0")
    with pytest.raises(ReducerError, match=r"at version 3 \(sequence 3\): ZeroDivisionError"):
        await replay(store, "order-1", reducer=broken, from_snapshot=False)


def test_it_is_fast(make: Make) -> None:
    """Not a measurement: a round trip for each event, or a process, would take minutes."""
    events = stream(*({"n": each} for each in range(10_000)))
    history = StateHistory(events, reducer=make(MERGE))
    assert not history.fold()
    assert history.state_at(10_000) == {"n": 9_999}


# --- How it goes wrong ------------------------------------------------------------------------------------


def test_an_exception(make: Make) -> None:
    reducer = make(AT_3.format(what="return {'n': state['amount']}"))
    error = failure_at_3(five(reducer), reducer)
    assert type(error) is ReducerError
    assert error.reason == "KeyError: 'amount'"
    assert error.trace.startswith(f'  File "{reducer.path}", line 9, in apply\n    return {{')
    assert "    return {'n': state['amount']}\n" in error.trace


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("sys.exit('enough')", "it called sys.exit(enough)"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("raise Exception", "Exception"),
        ("(lambda f: f(f))(lambda f: f(f))", "RecursionError"),
        ("raise ValueError('\\ud800 \\x1b[2J')", "ValueError"),
    ],
)
def test_whatever_is_raised(make: Make, what: str, reason: str) -> None:
    reducer = make(AT_3.format(what=what))
    error = failure_at_3(five(reducer), reducer)
    assert error.reason.startswith(reason)
    assert len(error.trace) < 20_000


@pytest.mark.parametrize(
    "what",
    [
        "while True: pass",
        "time.sleep(1000)",
        "sum(itertools.repeat(0))",  # never gives the interpreter back
        "threading.Event().wait()",
        "exec('while True:\\n try:\\n  while True: pass\\n except BaseException: pass')",
    ],
)
def test_an_endless_loop(make: Make, what: str) -> None:
    reducer = make(AT_3.format(what=what), limits=SHORT)
    error = failure_at_3(five(reducer), reducer)
    assert isinstance(error, ReducerTimeoutError)
    assert (error.seconds, error.in_all) == (0.6, False)
    assert "line 9, in apply" in error.trace
    assert what.split("\\n")[0] in error.trace
    assert "took longer than 0.6 seconds for this event" in str(error)


def test_all_events_together_take_too_long(make: Make) -> None:
    limits = ReducerLimits(event_seconds=5, total_seconds=1.2)
    reducer = make(
        "import time\ndef apply(state, event):\n    time.sleep(0.1)\n    return event.data", limits=limits
    )
    history = StateHistory(stream(*({"n": each} for each in range(1, 200))), reducer=reducer)
    with pytest.raises(ReducerTimeoutError, match=r"longer than 1\.2 seconds for all events together") as caught:
        history.state_at(199)
    assert caught.value.in_all
    assert 2 <= caught.value.version < 20
    assert history.state_at(caught.value.version - 1) == {"n": caught.value.version - 1}
    assert "time.sleep(0.1)" in caught.value.trace


@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit for the address space")
@pytest.mark.parametrize("what", ["bytearray(1 << 40)", "[0] * (1 << 30)", "list(range(100_000_000))"])
def test_a_memory_bomb(make: Make, what: str) -> None:
    limits = ReducerLimits(event_seconds=20, memory_bytes=64 << 20)
    reducer = make(AT_3.format(what=f"bomb = {what}"), limits=limits)
    error = failure_at_3(five(reducer), reducer)
    assert isinstance(error, ReducerMemoryError)
    assert error.limit == 64 << 20
    assert "more memory than its 64 MiB" in str(error)
    assert "line 9, in apply" in error.trace


@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit for the address space")
def test_memory_that_is_never_given_back(make: Make) -> None:
    reducer = make(
        """
        hoard = []

        def apply(state, event):
            hoard.append(bytearray(10 << 20))
            return event.data
        """
    )
    history = StateHistory(stream(*({"n": each} for each in range(50))), reducer=reducer)
    with pytest.raises(ReducerMemoryError) as caught:
        history.state_at(50)
    assert 3 <= caught.value.version <= 8
    assert history.state_at(caught.value.version - 1) == {"n": caught.value.version - 2}


@pytest.mark.parametrize(
    ("what", "exit_code"),
    [
        ("os._exit(3)", 3),
        ("os._exit(0)", 0),
        ("os.kill(os.getpid(), signal.SIGKILL)", -9),
        ("os.abort()", -6),
        ("import ctypes; ctypes.string_at(0)", -11),
        ("os.closerange(3, 100)", 0),
    ],
)
def test_leaving(make: Make, what: str, exit_code: int) -> None:
    reducer = make(AT_3.format(what=what))
    error = failure_at_3(five(reducer), reducer)
    assert isinstance(error, ReducerExitError)
    assert error.exit_code == exit_code
    assert ("signal" if exit_code < 0 else "exit code") in str(error)


@pytest.mark.parametrize(
    ("what", "problem"),
    [
        ("return", "it returned nothing"),
        ("return {1, 2}", "it is not JSON"),
        ("return {'n': {1: 2}}", "it is not JSON"),
        ("return {'n': float('nan')}", "it is not JSON"),
        ("return {'n': float('inf')}", "it is not JSON"),
        ("return {'n': b'bytes'}", "it is not JSON"),
        ("return {'n': '\\ud800'}", "it is not JSON"),
        ("state['self'] = state; return state", "it is not JSON"),
        ("return event", "it is not JSON"),
        ("return eval('[' * 90 + ']' * 90 + '*0') or 'x' * (2 << 20)", "it takes 2.0 MiB, and 1.0 are allowed"),
    ],
)
def test_what_cannot_be_a_state(make: Make, what: str, problem: str) -> None:
    reducer = make(AT_3.format(what=what))
    error = failure_at_3(five(reducer), reducer)
    assert isinstance(error, ReducerStateError)
    assert error.problem.startswith(problem)
    assert "what it returned cannot be a state" in str(error)


@pytest.mark.parametrize(
    "what", ["return [1, 2]", "return 'text'", "return 5", "return ()", "return {'n': (1, 2)}"]
)
def test_any_json_is_a_state(make: Make, what: str) -> None:
    reducer = make(AT_3.format(what=what))
    history = five(reducer)
    assert (
        history.state_at(3)
        == {
            "return [1, 2]": [1, 2],
            "return 'text'": "text",
            "return 5": 5,
            "return ()": [],
            "return {'n': (1, 2)}": {"n": [1, 2]},
        }[what]
    )
    assert history.state_at(5) == {"n": 5}


# --- What it prints ---------------------------------------------------------------------------------------


def test_prints(make: Make) -> None:
    reducer = make(
        """
        import os, sys
        print("loading")

        def apply(state, event):
            print("version", event.version)
            print("to the other", file=sys.stderr)
            sys.__stdout__.write("past it")
            os.write(1, b"deeper")
            os.write(2, b"deepest")
            print("\\ud800", end="")
            sys.stdin.read()
            return event.data
        """
    )
    history = StateHistory(stream({"n": 1}, {"n": 2}), reducer=reducer, stride=1)
    assert history.state_at(2) == {"n": 2}
    expected = {0: "loading\n", 1: "version 1\nto the other\n\\ud800", 2: "version 2\nto the other\n\\ud800"}
    assert reducer.printed == expected
    history.without({99}).state_at(1)
    assert reducer.printed == expected


def test_a_flood_of_prints(make: Make) -> None:
    limits = ReducerLimits(output_bytes=1000)
    reducer = make("def apply(state, event):\n    print('x' * 10_000_000)\n    return event.data", limits=limits)
    assert StateHistory(stream({"n": 1}, {"n": 2}), reducer=reducer).state_at(2) == {"n": 2}
    assert sum(map(len, reducer.printed.values())) <= 2000
    assert reducer.printed[1] == "x" * 1000


def test_last_words(make: Make) -> None:
    reducer = make(AT_3.format(what="print('farewell'); os._exit(1)"))
    failure_at_3(five(reducer), reducer)
    assert reducer.printed == {3: "farewell\n"}


# --- Loading ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "reason", "trace"),
    [
        ("def apply(state, event)\n    return state", "SyntaxError: expected ':'", ""),
        ("x = 1", "it has no function apply(state, event)", ""),
        ("apply = 5", "it has no function apply(state, event)", ""),
        ("import no_such_module_anywhere", "ModuleNotFoundError: No module named", "line 1, in <module>"),
        ("x = 1\nraise ValueError('no')", "ValueError: no", "line 2, in <module>\n    raise ValueError('no')"),
        ("import sys; sys.exit(4)", "it called sys.exit(4)", "line 1"),
        ("import os; os._exit(4)", "loading it ended its own process (exit code 4)", ""),
        ("a\0b", "source code", ""),
    ],
)
def test_what_is_no_reducer(make: Make, source: str, reason: str, trace: str) -> None:
    reducer = make(source)
    for _ in range(2):
        with pytest.raises(ReducerFileError) as caught:
            StateHistory(stream({}), reducer=reducer).state_at(1)
        assert reason in caught.value.reason
        assert trace in caught.value.trace
        assert caught.value.path == reducer.path
        assert reducer.process_id is None


def test_loading_takes_too_long(make: Make) -> None:
    reducer = make("while True:\n    pass", limits=ReducerLimits(load_seconds=0.6))
    with pytest.raises(ReducerFileError, match=r"loading it took longer than 0\.6 seconds") as caught:
        reducer.load()
    assert "while True:" in caught.value.trace or "pass" in caught.value.trace


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ReducerFileError, match=r"gone.py is no reducer: it cannot be read \(No such file"):
        UserReducer(tmp_path / "gone.py", trusted=True)
    with pytest.raises(ReducerFileError, match="cannot be read"):
        UserReducer(tmp_path, trusted=True)
    with pytest.raises(ReducerFileError, match="cannot be read"):
        UserReducer("a\0b", trusted=True)
    (tmp_path / "big.py").write_bytes(b" " * ((4 << 20) + 1))
    with pytest.raises(ReducerFileError, match="more than 4 MiB"):
        UserReducer(tmp_path / "big.py", trusted=True)


# --- Trust ------------------------------------------------------------------------------------------------


def test_nothing_runs_untrusted(make: Make, tmp_path: Path) -> None:
    sign = tmp_path / "ran"
    source = f"open({str(sign)!r}, 'w')\n{textwrap.dedent(MERGE)}"
    with pytest.raises(ReducerTrustError) as caught:
        make(source, trusted=False)
    hashed = ReducerFile.read(tmp_path / "reducer.py").sha256
    assert (caught.value.sha256, caught.value.expected) == (hashed, None)
    assert hashed in str(caught.value)
    with pytest.raises(ReducerTrustError, match="is not the file that was trusted"):
        make(source, trusted="0" * 64)
    assert not sign.exists()
    reducer = make(source, trusted=hashed.upper())
    assert reducer.sha256 == hashed
    assert not sign.exists(), "opening runs nothing"
    reducer.load()
    assert sign.exists()


def test_a_changed_file(make: Make, tmp_path: Path) -> None:
    path = tmp_path / "reducer.py"
    reducer = make("def apply(state, event): return {'by': 1}")
    events = stream({})
    assert StateHistory(events, reducer=reducer).state_at(1) == {"by": 1}
    assert not reducer.refresh()
    path.write_text("def apply(state, event): return {'by': 2}")
    assert StateHistory(events, reducer=reducer).state_at(1) == {"by": 1}, "what was loaded counts"
    assert reducer.refresh()
    assert StateHistory(events, reducer=reducer).state_at(1) == {"by": 2}
    path.unlink()
    with pytest.raises(ReducerFileError):
        reducer.refresh()
    assert StateHistory(events, reducer=reducer).state_at(1) == {"by": 2}
    path.write_text("def apply(state, event): return {'by': 2}")
    pinned = UserReducer(path, trusted=reducer.sha256)
    path.write_text("import os; os._exit(1)")
    with pytest.raises(ReducerTrustError, match="is not the file that was trusted"):
        pinned.refresh()
    with pinned:
        assert StateHistory(events, reducer=pinned).state_at(1) == {"by": 2}


def test_a_traceback_shows_what_was_loaded(make: Make, tmp_path: Path) -> None:
    reducer = make("def apply(state, event):\n    return missing\n")
    reducer.load()
    (tmp_path / "reducer.py").write_text("# something\n# else\n")
    with pytest.raises(ReducerError) as caught:
        StateHistory(stream({}), reducer=reducer).state_at(1)
    assert "    return missing\n" in caught.value.trace
