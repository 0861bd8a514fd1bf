"""Events that are moved between stores and files, each time as a job that shows how far it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from aether_desktop.jobs import Job

if TYPE_CHECKING:
    from aether_desktop.workspace import Place, Workspace
    from aether_engine.query import EventFilter


class Transfers:
    """Imports, exports and copies; how each went is told by the workspace."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def import_file(self, place: Place, path: Path) -> Job:
        """Import NDJSON into a namespace, all of it or nothing."""
        from aether_engine.transfer import import_ndjson

        workspace = self._workspace

        async def work(job: Job) -> None:
            store = await workspace.store(place)
            async with workspace.write_guard.writing(place.connection, place.namespace, f"Import {path.name}"):
                result = await import_ndjson(store, path, progress=job.report_transfer)
            if result.events:
                workspace.told.emit(f"Imported {result.events:,} events of {path.name} into {place.namespace}.")
            else:
                workspace.told.emit(f"Nothing was imported: there is no event in {path.name}.")

        return workspace.jobs.start(f"Import {path.name}", work)

    def export_file(
        self, place: Place, path: Path, actor_id: str | None = None, event_filter: EventFilter | None = None
    ) -> Job:
        """Export a namespace or one actor, or what of it passes a filter: as CSV if so called, else as NDJSON."""
        from aether_engine.transfer import export_csv, export_ndjson, is_csv

        workspace = self._workspace
        export = export_csv if is_csv(path.name) else export_ndjson

        async def work(job: Job) -> None:
            store = await workspace.store(place)
            result = await export(
                store,
                path,
                actor_id=actor_id,
                event_filter=event_filter,
                overwrite=True,
                progress=job.report_transfer,
            )
            left_out = f"; {len(result.skipped):,} damaged events were left out" if result.skipped else ""
            damaged = f"; {len(result.damaged):,} of them are damaged" if result.damaged else ""
            workspace.told.emit(f"Exported {result.events:,} events to {path.name}{left_out}{damaged}.")

        return workspace.jobs.start(f"Export {path.name}", work)

    async def copy(self, place: Place, target: Place, actor_id: str | None = None, *, snapshots: bool) -> bool:
        """Copy a namespace or one actor into another namespace, of this or another connection, byte for byte.

        Returns whether it went well; how it went is told.
        """
        from aether_engine.transfer import copy_events

        workspace = self._workspace

        async def work(job: Job) -> None:
            name, connection = target.namespace, target.connection
            source, into = await workspace.store(place), await workspace.store(target)
            async with workspace.write_guard.writing(connection, name, f"Copy into {name}"):
                result = await copy_events(
                    source, into, actor_id=actor_id, snapshots=snapshots, progress=job.report_transfer
                )
            lost = len(result.skipped) + len(result.skipped_snapshots)
            left_out = f"; {lost:,} damaged ones were left out" if lost else ""
            also = f" and {result.snapshots:,} snapshots" if result.snapshots else ""
            workspace.told.emit(f"Copied {result.events:,} events{also} into {name}{left_out}.")
            await connection.refresh()

        return await workspace.jobs.run(f"Copy {actor_id or place.namespace} into {target.namespace}", work)
