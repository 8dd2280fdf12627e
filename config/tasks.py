"""Work on PostgreSQL: it lies as jobs in Procrastinate's queues, and workers on any host take it from there.

The rows say what is due, a job is a hint: one may be lost, come twice or be done by two at once.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from importlib.metadata import version
from typing import Any

from procrastinate import App, PsycopgConnector, SyncPsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException, ProcrastinateException
from procrastinate.jobs import Job as Laid
from procrastinate.jobs import Status
from procrastinate.manager import JobManager
from procrastinate.schema import SchemaManager
from psycopg_pool import PoolTimeout
from sqlalchemy import text
from sqlalchemy.orm import Session

from config.schedule import Job, Queue
from repository.catalogue import PATIENCE, Catalogue, turns
from repository.catalogue import queues as queue_rows
from repository.catalogue.hints import Hint, Unheard, Work
from repository.errors import Doubt

log = logging.getLogger(__name__)


_QUEUE_OF = {Work.DELIVERY: Queue.INGEST, Work.COPIES: Queue.MEND}
_SILENT_SECONDS = 30.0
"""A worker that gave no sign for so long has fallen: what it was doing is given to another."""
_SIGN_SECONDS = 10.0
_AGAIN_SECONDS = 2.0
_TOLD_AGAIN_SECONDS = (0.2, 1.0, 5.0, 20.0)
"""When it is tried again to write down that a job is done."""
_KEPT_HOURS = 72
"""How long a job that failed through a fault of the program is kept to be looked at."""

Act = Callable[..., object]
"""Does the work of one job; ``identifier`` is that of the thing it is about."""


def prepare(catalogue: Catalogue) -> None:
    """The queues of this version of Procrastinate are there. Another version's go, with what lay in them: hints.

    Raises DatabaseUnavailable.
    """
    mark = f"mahfuz: procrastinate {version('procrastinate')}"
    with catalogue.reading() as session:
        if _mark(session) == mark:
            return
    with catalogue.writing() as session:
        turns.take_schema(session)
        if _mark(session) == mark:
            return
        connection = session.connection().connection.driver_connection
        assert connection is not None
        connection.execute(_WITHOUT)
        connection.execute(SchemaManager.get_schema())
        connection.execute(f"COMMENT ON TABLE procrastinate_jobs IS '{mark}'")


def hinting(session: Session, hint: Hint) -> None:
    """Lay a job for this hint into its queue, with the transaction of ``session``. Raises Unheard."""
    queue = str(_QUEUE_OF[hint.work])
    _defer(session, hint.work, at(queue, hint.home), identifier=hint.identifier, lock=f"{hint.work}:{hint.identifier}")


def at(queue: str, home: str | None) -> str:
    """The queue of what can only be done where a home is."""
    return queue if home is None else f"{queue}@{home}"


def handed_over(catalogue: Catalogue, job: Job) -> Job:
    """The same job, which a worker does: at each tick a hint lies in its queue, unless one lies there already."""
    assert job.queue is not None
    return Job(job.name, job.seconds, partial(defer, catalogue, job.name, job.queue))


def defer(
    catalogue: Catalogue,
    name: str,
    queue: str,
    *,
    identifier: str | None = None,
    lock: str | None = None,
    seconds: int = 0,
) -> None:
    """Lay a job into its queue, to be done in so many seconds, unless one of the same name and thing waits there.

    Raises DatabaseUnavailable.
    """
    once = name if identifier is None else f"{name}:{identifier}"
    with suppress(Unheard), catalogue.writing() as session:
        _defer(session, name, queue, identifier=identifier, lock=lock, once=once, seconds=seconds)


def _defer(
    session: Session,
    name: str,
    queue: str,
    *,
    identifier: str | None,
    lock: str | None,
    once: str | None = None,
    seconds: int = 0,
) -> None:
    # Only the transaction's own connection is used: the connector is never opened.
    job = App(connector=SyncPsycopgConnector()).configure_task(
        name,
        queue=queue,
        lock=lock,
        queueing_lock=once,
        schedule_in={"seconds": seconds} if seconds else None,
        connection=session.connection().connection.driver_connection,
    )
    try:
        job.defer(**({} if identifier is None else {"identifier": identifier}))
    except AlreadyEnqueued as error:
        raise Unheard("it waits there already") from error
    except ConnectorException as error:
        raise Unheard(f"its queue did not answer: {error.__cause__}") from error


def queues(catalogue: Catalogue) -> list[queue_rows.Queue]:
    """Every queue in which something lies, that of one home under its own name. Nothing on SQLite, where the clock does
    the work itself.

    ``oldest``: since when the one that waits longest could have been begun; ``stalled``: its worker gives no sign.
    Finished jobs are not kept, so this costs as much as what waits. Raises DatabaseUnavailable.
    """
    if not catalogue.is_shared:
        return []
    with catalogue.reading() as session:
        if _mark(session) is None:
            return []
        rows = session.execute(text(_STANDING), {"silent": _SILENT_SECONDS})
        return [
            queue_rows.Queue(
                row.name, row.waiting, row.oldest, running=row.running, stalled=row.stalled, failed=row.failed
            )
            for row in rows
        ]


class Lanes:
    """Takes jobs from ``queues`` and does them by ``acts``, in so many lanes for each queue, until told to end."""

    def __init__(
        self, catalogue: Catalogue, acts: Mapping[str, Act], queues: Mapping[Queue, Sequence[str]], at_once: int
    ) -> None:
        self._catalogue, self._acts, self._at_once = catalogue, acts, at_once
        self._queues = queues
        self._loop: asyncio.AbstractEventLoop | None = None
        self._all: asyncio.Task[None] | None = None
        self._ending = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._lanes()), name="lanes")

    def start(self) -> None:
        """Begin, in a thread of its own."""
        self._thread.start()

    def end(self) -> None:
        """Take nothing more, and return when what is being done is done."""
        self._ending.set()
        loop, running = self._loop, self._all
        if loop is not None and running is not None:
            with suppress(RuntimeError):  # it has ended by itself
                loop.call_soon_threadsafe(running.cancel)
        self._thread.join()

    async def _lanes(self) -> None:
        self._loop = asyncio.get_running_loop()
        number = self._at_once * len(self._queues)
        self._loop.set_default_executor(ThreadPoolExecutor(number + 2, "lane"))
        self._all = asyncio.create_task(self._all_of_them(number))
        if self._ending.is_set():
            self._all.cancel()
        with suppress(asyncio.CancelledError):
            await self._all

    async def _all_of_them(self, number: int) -> None:
        while not self._ending.is_set():
            app = self._app(number)
            try:
                async with app.open_async(), asyncio.TaskGroup() as lanes:
                    lanes.create_task(_look_after(app))
                    for queue, names in self._queues.items():
                        for lane in range(self._at_once):
                            lanes.create_task(_lane(app, f"{queue}-{lane}", names))
            except* (ProcrastinateException, PoolTimeout, OSError) as errors:
                log.warning("the queues did not answer: %s", errors.exceptions[0])
            await asyncio.sleep(_AGAIN_SECONDS)

    def _app(self, number: int) -> App:
        _, parameters = self._catalogue.engine.dialect.create_connect_args(self._catalogue.url)
        # Each lane listens on a connection of its own.
        connector = PsycopgConnector(kwargs={**PATIENCE, **parameters}, min_size=1, max_size=2 * number + 3, timeout=30)
        app = App(connector=connector)
        app.job_manager = _Lasting(connector)
        for name, act in self._acts.items():
            app.task(name=name)(partial(_done, name, act))
        return app


class _Lasting(JobManager):
    """That a job is done is written down though a connection falls meanwhile.

    Else a worker that lives would be doing it for ever, and whatever is about the same thing would wait for it.
    Where it cannot be written at all the worker gives no sign either, and has fallen.
    """

    async def finish_job(self, job: Laid, status: Status, delete_job: bool) -> None:
        """As the library's own. Raises ConnectorException in the end."""
        for seconds in _TOLD_AGAIN_SECONDS:
            try:
                await super().finish_job(job, status, delete_job)
            except ConnectorException as error:
                log.warning("that %s is done could not be written down: %s", job.call_string, error.__cause__ or error)
                await asyncio.sleep(seconds)
            else:
                return
        await super().finish_job(job, status, delete_job)


async def _lane(app: App, name: str, queues: Sequence[str]) -> None:
    while True:
        try:
            await app.run_worker_async(
                queues=queues,
                name=name,
                concurrency=1,
                delete_jobs="successful",
                install_signal_handlers=False,
                update_heartbeat_interval=_SIGN_SECONDS,
                stalled_worker_timeout=_SILENT_SECONDS,
            )
        except ProcrastinateException as error:
            log.warning("the lane %s lost its queue: %s", name, error.__cause__ or error)
        await asyncio.sleep(_AGAIN_SECONDS)


async def _look_after(app: App) -> None:
    """What a fallen worker was doing is laid into its queue anew; what failed long ago goes."""
    manager = app.job_manager
    while True:
        try:
            for job in await manager.get_stalled_jobs(seconds_since_heartbeat=_SILENT_SECONDS):
                log.warning("a worker fell while it did %s; another takes it up", job.call_string)
                try:
                    await manager.retry_job(job)
                except ConnectorException:  # one of the same waits already
                    await manager.finish_job(job, Status.FAILED, delete_job=True)
            await manager.prune_stalled_workers(_SILENT_SECONDS)
            await manager.delete_old_jobs(
                _KEPT_HOURS, include_failed=True, include_cancelled=True, include_aborted=True
            )
        except ProcrastinateException as error:
            log.warning("the queues did not answer: %s", error.__cause__ or error)
        await asyncio.sleep(_SIGN_SECONDS)


def _done(name: str, act: Act, **given: Any) -> None:
    """Do it. What the rows still call due afterwards comes again: only a fault of the program is a failure."""
    try:
        act(**given)
    except (Doubt, OSError) as error:
        log.warning("%s: %s; it stays due", name, error)


def _mark(session: Session) -> str | None:
    """With which version's queues this database was prepared; None: with none."""
    found = session.execute(text("SELECT obj_description(to_regclass('procrastinate_jobs'), 'pg_class')"))
    mark: str | None = found.scalar_one()
    return mark


_WITHOUT = """
DO $$
DECLARE one record;
BEGIN
    FOR one IN SELECT oid::regclass AS name FROM pg_class
        WHERE relkind = 'r' AND relname LIKE 'procrastinate%' AND pg_table_is_visible(oid)
    LOOP EXECUTE format('DROP TABLE IF EXISTS %s CASCADE', one.name); END LOOP;
    FOR one IN SELECT oid::regprocedure AS name FROM pg_proc
        WHERE proname LIKE 'procrastinate%' AND pg_function_is_visible(oid)
    LOOP EXECUTE format('DROP FUNCTION IF EXISTS %s CASCADE', one.name); END LOOP;
    FOR one IN SELECT oid::regtype AS name FROM pg_type
        WHERE typtype IN ('e', 'c') AND typname LIKE 'procrastinate%' AND pg_type_is_visible(oid)
    LOOP EXECUTE format('DROP TYPE IF EXISTS %s CASCADE', one.name); END LOOP;
END $$
"""

_STANDING = """
SELECT job.queue_name AS name,
       count(*) FILTER (WHERE job.status = 'todo') AS waiting,
       min(coalesce(job.scheduled_at, event.at)) FILTER (WHERE job.status = 'todo') AS oldest,
       count(*) FILTER (WHERE job.status = 'doing') AS running,
       count(*) FILTER (WHERE job.status = 'doing'
           AND (worker.id IS NULL OR worker.last_heartbeat < now() - make_interval(secs => :silent))) AS stalled,
       count(*) FILTER (WHERE job.status = 'failed') AS failed
FROM procrastinate_jobs AS job
LEFT JOIN procrastinate_events AS event ON event.job_id = job.id AND event.type = 'deferred'
LEFT JOIN procrastinate_workers AS worker ON worker.id = job.worker_id
WHERE job.status IN ('todo', 'doing', 'failed')
GROUP BY job.queue_name
ORDER BY job.queue_name
"""
