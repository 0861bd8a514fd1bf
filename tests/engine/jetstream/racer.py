"""One process of a race: tries to append the next version of one actor, again and again.

Arguments: URL, name of the racer, how many versions there are to be won in all. Says "ready", is given the moment
to start at in seconds since 1970, and prints the versions it won.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from random import random

from aether_engine.engine import open_engine
from aether_engine.errors import OutcomeUnknownError, StoreUnavailableError, VersionConflictError
from aether_engine.event import Event


async def race(url: str, name: str, goal: int) -> None:
    won: list[int] = []
    counts = {"conflicts": 0, "unknown": 0, "unavailable": 0}
    async with open_engine(url, connect_timeout=20.0) as engine:
        store = await engine.store("race")
        print("ready", flush=True)
        start = float(await asyncio.to_thread(sys.stdin.readline))
        await asyncio.sleep(start - time.time())
        version = await store.get_latest_version("prize-1") + 1
        while version <= goal:
            event = Event(f"{name}-{version}", "Won", "prize-1", version, {"by": name})
            while True:
                try:
                    await store.save_event(event)
                    won.append(version)
                    # Whoever has won knows best where the actor stands: the others are let come up to it.
                    await asyncio.sleep(random() * 0.02)
                except VersionConflictError as conflict:
                    if conflict.is_duplicate:
                        won.append(version)
                    counts["conflicts"] += 1
                    version = conflict.current_version
                except OutcomeUnknownError:
                    counts["unknown"] += 1
                    continue
                except StoreUnavailableError:
                    counts["unavailable"] += 1
                    continue
                break
            version += 1
    print(json.dumps({"won": won, **counts}))


if __name__ == "__main__":
    asyncio.run(race(sys.argv[1], sys.argv[2], int(sys.argv[3])))
