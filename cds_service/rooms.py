"""Threads of one kind, and how many requests may wait for one: the next one is told to come again."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from cds_service.errors import Overloaded

TOO_LATE = "The call could not be answered in time. Try again."
Result = TypeVar("Result")


class Room:
    """Belongs to one event loop, which alone touches its counts. `inside` have a thread or wait for one.

    They wait in the event loop, not in the pool's own queue: who has waited too long goes, and takes its body along.
    """

    def __init__(self, name: str, threads: int, waiting: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._free = asyncio.Semaphore(threads)
        self._places = threads + waiting
        self.inside = 0

    def is_full(self) -> bool:
        return self.inside >= self._places

    async def run(self, deadline: float, work: Callable[..., Result], *arguments: Any) -> Result:
        """What `work` returns, however long it takes once it has begun.

        Raises Overloaded when there is no place to wait, or no thread by the deadline (time.monotonic()).
        """
        if self.is_full():
            raise Overloaded
        self.inside += 1
        try:
            await self._thread(deadline)
            try:
                return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)
            finally:
                self._free.release()
        finally:
            self.inside -= 1

    async def _thread(self, deadline: float) -> None:
        if not self._free.locked():
            await self._free.acquire()  # at once: no clock is needed
            return
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                await self._free.acquire()
        except TimeoutError:
            raise Overloaded(TOO_LATE) from None

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


class Turn:
    """Who answers a request, agreed between its thread and the event loop, which answers when the time is up.

    Python cannot end a thread at its work. But what comes too late must not be written down as shown to anybody.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._given_up = self._claimed = False
        self.begun = False  # a thread has it, and will write its audit line

    def begin(self) -> bool:
        """The thread asks whether to begin at all."""
        with self._lock:
            self.begun = not self._given_up
            return self.begun

    def claim(self) -> bool:
        """The thread asks, as often as it likes, whether it still answers. Once it has, nobody else does."""
        with self._lock:
            self._claimed = not self._given_up
            return self._claimed

    def give_up(self) -> bool:
        """The event loop asks whether it answers."""
        with self._lock:
            self._given_up = not self._claimed
            return self._given_up
