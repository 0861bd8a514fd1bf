"""The stream of a namespace as it is now: found, created, and looked at anew when it may have changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from aether_engine.errors import StoreUnavailableError
from aether_engine.event import StoreWarning
from aether_engine.store.jetstream.actors import ActorIndex
from aether_engine.store.jetstream.api import Api, StreamInfo
from aether_engine.store.jetstream.heads import Heads
from aether_engine.store.jetstream.reader import StreamReader
from aether_engine.store.jetstream.stream import check_owner, create, drift
from aether_engine.store.jetstream.writer import StreamWriter


class OpenedStream:
    """A stream that exists, and what works on it. Replaced as a whole when the stream is another one."""

    def __init__(self, api: Api, info: StreamInfo) -> None:
        layout = api.link.options.layout
        self.reader = StreamReader(api, layout, info)
        self.index = ActorIndex(api, layout, self.reader)
        self.heads = Heads(self.reader)
        self.writer: StreamWriter | None = None

    @property
    def is_atomic(self) -> bool:
        """Whether it takes several events as one: an old server would store them one by one without a word."""
        return bool(self.reader.info.config.get("allow_atomic"))


class NamespaceStream:
    """Knows the stream of one namespace. Raises `NamespaceCollisionError` where it is another's."""

    def __init__(self, namespace: str, api: Api, warn: Callable[[Sequence[StoreWarning]], None]) -> None:
        self._namespace = namespace
        self._api = api
        self._layout = api.link.options.layout
        self.name = self._layout.stream(namespace)
        self._warn = warn
        #: As it was last found, None where there was none.
        self.opened: OpenedStream | None = None
        # Somebody may have changed the stream since it was looked at.
        self._stale = False
        self._looking = asyncio.Lock()

    def look_again(self) -> None:
        """The stream was created, changed or deleted, or may have been: the next who needs it looks at it."""
        self._stale = True

    def gone(self, opened: OpenedStream) -> None:
        """This is not the stream any more."""
        if self.opened is opened:
            self.opened = None

    async def open(self) -> OpenedStream | None:
        """The stream as it was found, None while there is none."""
        if self._api.link.closed:
            raise StoreUnavailableError(self._api.url, "the engine was closed")
        if self.opened is None or self._stale:
            async with self._looking:
                if self.opened is None or self._stale:
                    await self._look()
        return self.opened

    async def open_anew(self) -> OpenedStream | None:
        """The stream as it is now."""
        async with self._looking:
            return await self._look()

    async def create(self) -> tuple[OpenedStream, bool]:
        """The stream, created if it is not there; and whether it was."""
        async with self._looking:
            if self.opened is not None:
                return self.opened, False
            self._warn(await create(self._api, self._layout, self._namespace, self._api.link.options.replicas))
            opened = await self._look()
            if opened is None:
                raise StoreUnavailableError(self._api.url, f"stream {self.name} was deleted at once")
            return opened, True

    async def _look(self) -> OpenedStream | None:
        # What changes from here on has to be looked at again.
        self._stale = False
        try:
            self._take(await self._api.stream_info(self.name))
        except BaseException:
            self._stale = True
            raise
        return self.opened

    def _take(self, info: StreamInfo | None) -> None:
        if info is None:
            self.opened = None
            return
        check_owner(self._layout, self._namespace, info, self._api.url)
        self._warn(drift(self._namespace, info))
        opened = self.opened
        if opened is None or opened.reader.info.created != info.created:
            self.opened = OpenedStream(self._api, info)
            return
        opened.reader.info = info
        if info.last_sequence < opened.heads.highest:
            # A server came back without its last events: what is known may be of them.
            opened.heads.clear()
