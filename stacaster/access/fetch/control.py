"""What all transfers of a run share: limits, and the sign to stop."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True, kw_only=True)
class TransferRules:
    """Limits of a transfer."""

    attempts: int = 6
    """Failures in a row without a single new byte."""
    budget_s: float = 3600.0
    """Longest time for one file."""
    connect_s: float = 10.0
    """Longest time for a connection."""
    read_s: float = 60.0
    """Longest time between two packets."""
    slow_bytes_per_s: float = 1024.0
    """Slower than this over ``slow_s`` counts as a stall."""
    slow_s: float = 30.0
    """Time over which the speed is watched."""


class Cancelled(Exception):  # noqa: N818 - not an error of the transfer
    """The user stopped the run."""


@dataclass
class Control:
    """What all transfers of a run share: the stop sign, connections to cut, and limits for each host."""

    per_host: int = 4
    stopped: threading.Event = field(default_factory=threading.Event)
    _hosts: dict[str, threading.Semaphore] = field(default_factory=dict)
    _open: set[Any] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def slot(self, url: str) -> threading.Semaphore:
        """Return the limit of the host of an address."""
        with self._lock:
            return self._hosts.setdefault(urlsplit(url).netloc, threading.Semaphore(self.per_host))

    def track(self, answer: Any) -> None:
        """Remember an answer that is being read."""
        with self._lock:
            self._open.add(answer)

    def release(self, answer: Any) -> None:
        """Forget an answer and close it."""
        with self._lock:
            self._open.discard(answer)
        answer.close()

    def stop(self) -> None:
        """Stop all transfers at once: a thread that waits for a packet is woken by the end of its connection."""
        self.stopped.set()
        with self._lock:
            for answer in self._open:
                with suppress(OSError, AttributeError):
                    answer.raw._connection.sock.shutdown(socket.SHUT_RDWR)

    def wait(self, seconds: float) -> None:
        """Wait, or end at once when the run was stopped.

        Raises:
            Cancelled: It was.
        """
        if self.stopped.wait(seconds):
            raise Cancelled
