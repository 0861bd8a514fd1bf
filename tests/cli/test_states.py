"""state: any version, any reducer, what changed, who set it, and since when."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from aether_desktop.commands.parser import REDUCER_NAMES
from aether_engine.codec import loads_exactly
from aether_engine.engine import open_engine
from aether_engine.event import ActorSnapshot
from aether_engine.replay import REDUCERS, apply_patch
from tests.cli.conftest import Aether, damage, event, start, write
from tests.waiting import until_sync

CHANGES = (
    b'{"status":"open","total":19.90,"lines":[1,2],"customer":{"name":"Ann"}}',
    b'{"total":20.00,"lines":[1,2]}',
    b'{"status":"paid","customer":{"city":"Rome"}}',
    b'{"status":"open","total":null}',
    b'{"status":"paid","a/b":1e2}',
)
ORDER = ("--actor", "order-1")


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """A file with five events of an order; the versions have a gap."""
    path = tmp_path / "history.aether"
    versions = (1, 2, 4, 5, 6)
    write(
        path,
        {"shop": [event("order-1", v, data, f"T{v}") for v, data in zip(versions, CHANGES, strict=True)]},
    )
    return path


def save_snapshots(path: Path, states: dict[int, bytes]) -> None:
    async def save() -> None:
        async with open_engine(str(path)) as engine:
            store = await engine.store("shop")
            for version, state in states.items():
                raw = b'{"actorId":"order-1","version":%d,"state":%b,"timestamp":"2024-01-01T00:00:00Z"}'
                await store.save_snapshot(ActorSnapshot.from_json(raw % (version, state)))

    asyncio.run(save())


def test_reducers_by_name(aether: Aether, history: Path) -> None:
    assert tuple(REDUCERS) == REDUCER_NAMES
    expected = {
        "json-merge": b'{"status":"paid","lines":[1,2],"customer":{"name":"Ann","city":"Rome"},"a/b":1e2}',
        "shallow-merge": b'{"status":"paid","total":null,"lines":[1,2],"customer":{"city":"Rome"},"a/b":1e2}',
        "last-event": CHANGES[-1],
    }
    for name, state in expected.items():
        ran = aether("state", history, *ORDER, "--reducer", name)
        assert (ran.code, ran.err) == (0, "")
        assert ran.out == b'{"actorId":"order-1","version":6,"state":' + state + b"}\n"
    by_type = aether("state", history, *ORDER, "--reducer", "by-event-type").objects[0]["state"]
    assert by_type["T5"] == {"status": "open", "total": None}
    assert aether("state", history, *ORDER, "--reducer", "other").code == 2


def test_differences(aether: Aether, history: Path) -> None:
    ran = aether("state", history, *ORDER, "--version", 4, "--diff", 1)
    assert ran.code == 0
    assert ran.out == (
        b'{"actorId":"order-1","version":4,"from":1,"changes":['
        b'{"path":"/status","kind":"changed","old":"open","new":"paid"},'
        b'{"path":"/total","kind":"changed","old":19.90,"new":20.00},'
        b'{"path":"/customer/city","kind":"added","new":"Rome"}]}\n'
    )
    previous = aether("state", history, *ORDER, "--version", 4, "--diff").objects[0]
    assert (previous["from"], len(previous["changes"])) == (2, 2)
    assert aether("state", history, *ORDER, "--diff", 0).objects[0]["changes"][0]["kind"] == "added"
    first = aether("state", history, *ORDER, "--version", 1, "--diff").objects[0]
    assert (first["from"], len(first["changes"])) == (0, 4)


def test_differences_as_json_patch(aether: Aether, history: Path) -> None:
    ran = aether("state", history, *ORDER, "--diff", 2, "--patch")
    document = loads_exactly(ran.out)
    old = loads_exactly(aether("state", history, *ORDER, "--version", 2).out)["state"]
    new = loads_exactly(aether("state", history, *ORDER).out)["state"]
    assert apply_patch(old, document["patch"]) == new
    assert {"op": "remove", "path": "/total"} in document["patch"]
    assert b'{"op":"add","path":"/a~1b","value":1e2}' in ran.out


def test_differences_as_text(aether: Aether, history: Path) -> None:
    ran = aether("state", history, *ORDER, "--version", 2, "--diff", 1, "--text")
    assert (ran.code, ran.out) == (0, b"- /total: 19.90\n+ /total: 20.00\n")


def test_blame(aether: Aether, history: Path) -> None:
    ran = aether("state", history, *ORDER, "--blame")
    assert ran.code == 0
    assert b'{"path":"/a~1b","value":1e2,"changedAt":6,"writtenAt":6,"sequence":5,"eventType":"T6"}' in ran.lines
    found = {each["path"]: (each["changedAt"], each["writtenAt"]) for each in ran.objects}
    assert found == {
        "/status": (6, 6),
        "/lines/0": (1, 2),
        "/lines/1": (1, 2),
        "/customer/name": (1, 1),
        "/customer/city": (4, 4),
        "/a~1b": (6, 6),
    }


def test_bisect(aether: Aether, history: Path) -> None:
    ran = aether("state", history, *ORDER, "--bisect", "exists(customer.city)")
    assert ran.code == 0
    (found,) = ran.objects
    assert (found["version"], found["before"], found["lastVersion"]) == (4, 2, 6)
    assert (found["sequence"], found["eventType"], found["alsoAt"]) == (3, "T4", None)
    assert "It holds at version 4 and does not at version 2. That is the first time" in ran.err
    again = aether("state", history, *ORDER, "--bisect", "total == 19.9 or exists(/a~1b)")
    assert (again.objects[0]["version"], again.objects[0]["alsoAt"]) == (6, 1)
    assert "it held at version 1 before" in again.err
    assert "With --linear a search of all versions tells them all." in again.err
    earlier = aether("state", history, *ORDER, "--bisect", "status == 'paid'", "--version", 5)
    assert (earlier.code, earlier.objects[0]["version"]) == (1, None)
    assert "does not hold at version 5, the last one. If it can hold for a while and stop, --linear" in earlier.err


def test_every_turn(aether: Aether, history: Path) -> None:
    ran = aether("state", history, *ORDER, "--bisect", "status == 'paid'", "--linear")
    assert ran.code == 0
    assert [(each["version"], each["holds"]) for each in ran.objects] == [(4, True), (5, False), (6, True)]
    never = aether("state", history, *ORDER, "--bisect", "total > 100", "--linear")
    assert (never.code, never.out) == (1, b"")
    assert "It holds at none of the versions up to 6." in never.err
    always = aether("state", history, *ORDER, "--bisect", "total != 100", "--linear")
    assert always.objects == [{"version": 0, "holds": True}]


def test_without_some_events(aether: Aether, history: Path) -> None:
    ran = aether("state", history, *ORDER, "--without", "5,4")
    assert ran.code == 0
    assert ran.objects[0]["without"] == [4, 5]
    assert b'"total":20.00' in ran.out
    assert ran.objects[0]["state"]["customer"] == {"name": "Ann"}
    bisected = aether("state", history, *ORDER, "--without", "4", "--bisect", "status == 'paid'").objects[0]
    assert (bisected["version"], bisected["alsoAt"]) == (6, None)
    missing = aether("state", history, *ORDER, "--without", "2,3,9")
    assert (missing.code, missing.out) == (1, b"")
    assert "There is no event at version 3, 9 to be left out." in missing.err


def test_from_a_snapshot(aether: Aether, history: Path) -> None:
    save_snapshots(history, {2: b'{"from":2}', 5: b'{"from":5}'})
    assert "from" not in aether("state", history, *ORDER).objects[0]["state"]
    ran = aether("state", history, *ORDER, "--from-snapshot").objects[0]
    assert (ran["fromSnapshot"], ran["state"]) == (5, {"from": 5, "status": "paid", "a/b": 100.0})
    exact = aether("state", history, *ORDER, "--from-snapshot", "--version", 2)
    assert (exact.code, exact.objects[0]["state"]) == (0, {"from": 2})
    blamed = aether("state", history, *ORDER, "--from-snapshot", "--blame").objects
    assert blamed[0] == {"path": "/from", "value": 5, "changedAt": 5, "writtenAt": 5}
    before = aether("state", history, *ORDER, "--from-snapshot", "--diff", 4)
    assert before.code == 1
    assert "The state at version 4 is not known: replay began with the snapshot at version 5" in before.err


def test_damaged_events_are_told_everywhere(aether: Aether, history: Path) -> None:
    damage(history, 3, lambda raw: raw.replace(b"Rome", b"Room"))
    for options in ((), ("--blame",), ("--diff",), ("--bisect", "exists(total)", "--version", "2")):
        ran = aether("state", history, *ORDER, *options)
        assert ("Sequence 3 is damaged: Checksum mismatch" in ran.err) == ("--version" not in options)
        assert ran.code == ("--version" not in options)
    ran = aether("state", history, *ORDER, "--bisect", "exists(customer.city)", "--linear")
    assert ran.code == 1


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--patch",), "--patch and --text say how --diff is written"),
        (("--linear",), "--linear goes with --bisect"),
        (("--diff", "5", "--version", "4"), "--diff wants a version up to --version"),
        (("--diff", "x"), "'x' is not a whole number"),
        (("--diff", "1", "--blame"), "not allowed with"),
        (("--without", "1,x"), "'x' is not a whole number"),
        (("--without", "0"), "0 is not between 1 and"),
        (("--bisect", "total = 5"), "The expression 'total = 5' is not understood at character 7"),
        (("--trust",), "go with --reducer-file"),
        (("--reducer-file", "x.py", "--reducer", "json-merge"), "by name or by file"),
        (("--reducer-file", "no-such.py", "--trust"), "no-such.py is no reducer: it cannot be read"),
        (("--reducer-file", "x", "--reducer-seconds", "0"), "0 is not a time"),
        (("--reducer-file", "x", "--reducer-seconds", "soon"), "'soon' is not a number of seconds"),
    ],
)
def test_what_cannot_be_meant(aether: Aether, history: Path, options: tuple[str, ...], problem: str) -> None:
    ran = aether("state", history, *ORDER, *options)
    assert (ran.code, ran.out) == (2, b"")
    assert problem in ran.err


# --- A reducer of the user's ------------------------------------------------------------------------------


def reducer(tmp_path: Path, source: str) -> Path:
    path = tmp_path / "reducer.py"
    path.write_text(source)
    return path


COUNT = "def apply(state, event):\n    return {'count': state.get('count', 0) + 1, 'last': event.event_type}\n"


def test_a_file(aether: Aether, history: Path, tmp_path: Path) -> None:
    path = reducer(tmp_path, COUNT)
    ran = aether("state", history, *ORDER, "--reducer-file", path, "--trust")
    assert (ran.code, ran.err) == (0, "")
    assert ran.objects[0] == {"actorId": "order-1", "version": 6, "state": {"count": 5, "last": "T6"}}
    blamed = aether("state", history, *ORDER, "--reducer-file", path, "--trust", "--blame").objects
    assert [(each["path"], each["changedAt"]) for each in blamed] == [("/count", 6), ("/last", 6)]
    bisected = aether("state", history, *ORDER, "--reducer-file", path, "--trust", "--bisect", "count > 3")
    assert bisected.objects[0]["version"] == 5


def test_it_runs_only_if_trusted(aether: Aether, history: Path, tmp_path: Path) -> None:
    path = reducer(tmp_path, f"open({str(tmp_path / 'ran')!r}, 'w')\n{COUNT}")
    content = hashlib.sha256(path.read_bytes()).hexdigest()
    for options in ((), ("--trust", "0" * 64)):
        ran = aether("state", history, *ORDER, "--reducer-file", path, *options)
        assert (ran.code, ran.out) == (2, b"")
        assert content in ran.err
        assert "Say --trust" in ran.err
    assert not (tmp_path / "ran").exists()
    assert aether("state", history, *ORDER, "--reducer-file", path, "--trust", content).code == 0
    assert (tmp_path / "ran").exists()


def test_it_fails_at_an_event(aether: Aether, history: Path, tmp_path: Path) -> None:
    source = "def apply(state, event):\n    print('at', event.version)\n    return {'x': event.data['total']}\n"
    path = reducer(tmp_path, source)
    ran = aether("state", history, *ORDER, "--reducer-file", path, "--trust")
    assert (ran.code, ran.out) == (1, b"")
    assert "aether: The reducer failed at version 4 (sequence 3): KeyError: 'total'." in ran.err
    assert "line 3, in apply" in ran.err
    assert "return {'x': event.data['total']}" in ran.err
    assert "aether: The reducer printed at version 2: at 2" in ran.err
    before = aether("state", history, *ORDER, "--reducer-file", path, "--trust", "--version", "2")
    assert before.objects[0]["state"] == {"x": 20.0}
    around = aether("state", history, *ORDER, "--reducer-file", path, "--trust", "--without", "4,6")
    assert around.objects[0]["state"] == {"x": None}


def test_it_never_comes_back(aether: Aether, history: Path, tmp_path: Path) -> None:
    path = reducer(tmp_path, "def apply(state, event):\n    while True:\n        pass\n")
    ran = aether("state", history, *ORDER, "--reducer-file", path, "--trust", "--reducer-seconds", "0.4")
    assert ran.code == 1
    assert "failed at version 1 (sequence 1): it took longer than 0.4 seconds for this event" in ran.err


def test_what_is_no_reducer(aether: Aether, history: Path, tmp_path: Path) -> None:
    path = reducer(tmp_path, "import\n")
    ran = aether("state", history, *ORDER, "--reducer-file", path, "--trust")
    assert (ran.code, ran.out) == (2, b"")
    assert "is no reducer: SyntaxError" in ran.err


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("options", [(), ("--blame",)])
def test_ctrl_c_ends_it_too(history: Path, tmp_path: Path, options: tuple[str, ...]) -> None:
    sign = tmp_path / "pid"
    source = (
        "import os\ndef apply(state, event):\n    open({!r}, 'w').write(str(os.getpid()))\n    while True: pass\n"
    )
    path = reducer(tmp_path, source.format(str(sign)))
    arguments = (*ORDER, "--reducer-file", path, "--trust", "--reducer-seconds", "1000", *options)
    with start("state", history, *arguments) as process:
        until_sync(lambda: sign.exists() and sign.read_text(), timeout=20)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, b"")
    assert b"Stopped before it was done." in err
    with pytest.raises(ProcessLookupError):
        os.kill(int(sign.read_text()), 0)


def test_the_one_wrong_event_of_many(aether: Aether, tmp_path: Path) -> None:
    """What somebody does who finds a stock that is wrong and does not know since when."""
    path = tmp_path / "stock.aether"
    events, stock = [], 1000
    for version in range(1, 5001):
        moved = -1 if version % 2 else 1
        stock += moved
        if version == 3333:
            stock -= 5000  # a picking of five thousand instead of none
        data = b'{"stock":%d,"moved":%d,"by":"user-%d","place":{"shelf":%d}}' % (
            stock,
            moved,
            version % 7,
            version % 40,
        )
        events.append(event("order-1", version, data, "StockMoved"))
    for start_at in range(0, 5000, 1000):
        write(path, {"shop": events[start_at : start_at + 1000]})
    (found,) = aether("state", path, *ORDER, "--bisect", "stock < 0").objects
    assert (found["version"], found["before"], found["sequence"]) == (3333, 3332, 3333)
    assert found["evaluations"] <= 25
    blamed = {each["path"]: each for each in aether("state", path, *ORDER, "--version", 3333, "--blame").objects}
    assert (blamed["/stock"]["changedAt"], blamed["/stock"]["value"]) == (3333, -4001)
    (changed,) = aether("state", path, *ORDER, "--version", 3333, "--diff").objects
    old, new = next((one["old"], one["new"]) for one in changed["changes"] if one["path"] == "/stock")
    assert old - new == 5001
    (without,) = aether("state", path, *ORDER, "--version", 3333, "--without", 3333).objects
    assert without["state"]["stock"] == 1000


def test_json_on_every_line(aether: Aether, history: Path) -> None:
    for options in (
        (),
        ("--diff",),
        ("--diff", "1", "--patch"),
        ("--blame",),
        ("--bisect", "exists(total)", "--linear"),
    ):
        for line in aether("state", history, *ORDER, *options).lines:
            assert isinstance(json.loads(line), dict)
