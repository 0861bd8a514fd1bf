"""The frozen application is its own Python: it is started again to be the process of a reducer, scan or audit."""

from __future__ import annotations

import os
import sys

#: What the start of a frozen program leaves in the environment for itself.
_LEFT_BY_START = ("_PYI_", "_MEIPASS")
#: Where the library for TLS that is bundled looks for certificates, and where they are on other kinds of Linux.
_CERTIFICATES = "/usr/lib/ssl/certs"
_CERTIFICATES_ELSEWHERE = ("/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem")


def serve_as_child_if_asked() -> None:
    """Be what this process was started to be, if it was started as a child; then it does not come back."""
    if not getattr(sys, "frozen", False):
        return
    _restore_environment()
    _find_certificates()
    if not "".join(sys.argv[1:2]).startswith("--aether-"):
        return
    from aether_engine.replay.reducer_protocol import CHILD_ARGUMENT
    from aether_engine.worker_process import WORKER_ARGUMENT

    if sys.argv[1] == CHILD_ARGUMENT:
        from aether_engine.replay.reducer_child import main

        main()
    elif sys.argv[1] == WORKER_ARGUMENT:
        if sys.argv[2:] == ["audit"]:
            from aether_engine.audit.file.worker import main as work
        else:
            from aether_engine.store.sqlite.scan_worker import main as work
        work()
        sys.exit()


def _restore_environment() -> None:
    """Leave the environment as whoever started us made it, for the programs that we start.

    The loader has read its variable and needs it no more; a browser that is shown a report must not find our
    libraries.
    """
    for name in [name for name in os.environ if name.startswith(_LEFT_BY_START)]:
        del os.environ[name]
    if sys.platform.startswith("linux"):
        original = os.environ.pop("LD_LIBRARY_PATH_ORIG", None)
        if original is None:
            os.environ.pop("LD_LIBRARY_PATH", None)
        else:
            os.environ["LD_LIBRARY_PATH"] = original


def _find_certificates() -> None:
    """Trust what the system trusts, also where its certificates are elsewhere than on the system of the build."""
    if not sys.platform.startswith("linux") or os.path.exists(_CERTIFICATES):  # noqa: PTH110 (pathlib takes its time)
        return
    for path in _CERTIFICATES_ELSEWHERE:
        if os.path.exists(path):  # noqa: PTH110 (as above)
            os.environ.setdefault("SSL_CERT_FILE", path)
            return
