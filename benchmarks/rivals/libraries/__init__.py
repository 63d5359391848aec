"""Everybody who takes part, each set up in the fastest way its documentation shows."""

from __future__ import annotations

__all__ = ("PYTHON", "RIVALS", "UPCALL")

from benchmarks.rivals.entry import Rival
from benchmarks.rivals.libraries.aiosignal import AIOSIGNAL
from benchmarks.rivals.libraries.blinker import BLINKER
from benchmarks.rivals.libraries.bubus import BUBUS
from benchmarks.rivals.libraries.django import DJANGO
from benchmarks.rivals.libraries.eventkit import EVENTKIT
from benchmarks.rivals.libraries.events import EVENTS
from benchmarks.rivals.libraries.promise import PROMISE
from benchmarks.rivals.libraries.psygnal import PSYGNAL
from benchmarks.rivals.libraries.pyee import PYEE
from benchmarks.rivals.libraries.pymitter import PYMITTER
from benchmarks.rivals.libraries.python import PYTHON
from benchmarks.rivals.libraries.reactivex import REACTIVEX
from benchmarks.rivals.libraries.twisted import TWISTED
from benchmarks.rivals.libraries.upcall import UPCALL

RIVALS: tuple[Rival, ...] = (
    PSYGNAL,
    EVENTKIT,
    PYEE,
    BLINKER,
    EVENTS,
    PYMITTER,
    DJANGO,
    REACTIVEX,
    AIOSIGNAL,
    BUBUS,
    TWISTED,
    PROMISE,
)
