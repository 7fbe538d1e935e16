"""Deletes once an hour what has been kept long enough, beside the calls and never in their way."""

from __future__ import annotations

import logging
import random
import threading

from cds_service.errors import StoreUnavailable
from cds_service.memory import milliseconds_now
from cds_service.store import retention
from cds_service.store.database import Store

HOUR = 3600.0
log = logging.getLogger("cds_service.housekeeping")


def start(store: Store, days: int) -> None:
    """Begins in a thread that ends with the process. Workers start at different moments, so as not to meet."""
    threading.Thread(target=_every_hour, args=(store, days), name="housekeeping", daemon=True).start()


def _every_hour(store: Store, days: int) -> None:
    wait, pause = threading.Event(), random.uniform(1, 60)  # noqa: S311 - spreads load, keeps no secret
    while not wait.wait(pause):
        pause = HOUR
        try:
            deleted = retention.purge(store, days, milliseconds_now())
        except StoreUnavailable:  # said in the log by the store itself; the next hour tries again
            continue
        if deleted:
            log.info("deleted %d rows older than %d days, or ended", deleted, days)
