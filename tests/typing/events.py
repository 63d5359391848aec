"""Right and wrong uses of the bus; checked by mypy and pyright, never run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, assert_type

from upcall import Bus, Envelope, Promise, Signal, Stream, Subscription, event
from upcall.testing import Record, record


@event("typing.paid")
class Paid:
    order_id: int
    note: str = ""


class Other:
    pass


def take_paid(paid: Paid) -> str:
    raise AssertionError


async def take_paid_later(paid: Paid) -> int:
    raise AssertionError


def take_int(x: int) -> bool:
    raise AssertionError


def take_envelope(envelope: Envelope[Paid]) -> None: ...


# Events

assert_type(Paid(1), Paid)
assert_type(Paid(order_id=1, note="x").order_id, int)
Paid("1")  # type: ignore[arg-type]
Paid(1).order_id = 2  # type: ignore[misc]

# Signals

ints = Signal[int]("ints")
nones = Signal[None]("nones")

assert_type(ints.on(take_int), Subscription[[int], bool])
assert_type(ints.once(take_int), Subscription[[int], bool])
assert_type(ints.on(take_int)(3), bool)
ints.on(take_paid)  # type: ignore[arg-type]
ints.on(take_int, priority="high")  # type: ignore[call-overload]
ints.on(take_int, overlap="sometimes")  # type: ignore[call-overload]
ints.on(take_int, when=lambda x: x > 1)


@ints.on(priority=1)
def listener(x: int) -> str:
    raise AssertionError


assert_type(listener, Callable[[int], str])

assert_type(ints.emit(1), int)
assert_type(nones.emit(), int)
ints.emit("1")  # type: ignore[arg-type]
ints.emit()  # type: ignore[call-arg]
assert_type(ints.next(), Promise[int])
assert_type(ints.stream(), Stream[int])
assert_type(ints.emit_soon(1), Promise[list[Any]])


class Player:
    moved = Signal[int]("moved")


assert_type(Player().moved, Signal[int])
Player().moved.emit("x")  # type: ignore[arg-type]

# The bus

bus = Bus()

assert_type(bus.on(Paid, take_paid), Subscription[[Paid], str])
assert_type(bus.once(Paid, take_paid), Subscription[[Paid], str])
assert_type(
    bus.on(Paid, take_envelope, envelope=True), Subscription[[Envelope[Paid]], None]
)
assert_type(bus.on("any.name", take_int), Subscription[[Any], bool])
bus.on(Paid, take_paid_later, overlap="queue", concurrency=2)
bus.on(Paid, take_int)  # type: ignore[arg-type]
bus.on(Paid, take_envelope)  # type: ignore[arg-type]
bus.on(Paid, take_paid, envelope=True)  # type: ignore[call-overload]
bus.on(3, take_int)  # type: ignore[call-overload]


@bus.on(Paid)
def on_paid(paid: Paid) -> int:
    raise AssertionError


assert_type(on_paid, Callable[[Paid], int])


@bus.on(Paid)  # type: ignore[arg-type]
def on_wrong(paid: Other) -> int:
    raise AssertionError


assert_type(bus.emit(Paid(1)), int)
assert_type(bus.emit("any.name", 3), int)
assert_type(bus.emit("any.name"), int)
assert_type(bus.next(Paid), Promise[Paid])
assert_type(bus.next("any.name"), Promise[Any])
assert_type(bus.stream(Paid), Stream[Paid])
assert_type(bus.signal(Paid), Signal[Paid])
bus.signal(Paid).emit(Other())  # type: ignore[arg-type]


async def work(x: int, y: str) -> bytes:
    raise AssertionError


async def main() -> None:
    assert_type(await bus.aemit(Paid(1)), list[Any])
    assert_type(await bus.wait_for(Paid, timeout=1), Paid)
    assert_type(await bus.next(Paid), Paid)
    assert_type(bus.run(work, 1, "x"), Promise[bytes])
    bus.run(work, "x", 1)  # type: ignore[arg-type]

    async with bus.stream(Paid) as events:
        async for paid in events:
            assert_type(paid, Paid)

    async with Bus() as opened:
        assert_type(opened, Bus)

    with record(bus) as heard:
        assert_type(heard, Record)
        assert_type(heard[0], Envelope[Any])


# Blocks: they let exceptions out, so what is returned in them is returned


async def returned_in_a_bus() -> int:
    async with Bus() as opened:
        return opened.emit("any.name")


async def returned_in_a_stream() -> Paid:
    async with bus.stream(Paid) as events:
        return await anext(events)


def returned_in_a_subscription() -> int:
    with ints.on(take_int):
        return ints.emit(1)


# What else may go wrong


@ints.on
def bare(x: int) -> str:
    raise AssertionError


assert_type(bare, Subscription[[int], str])
assert_type(bare(1), str)
assert_type(bare.callback, Callable[[int], str] | None)
assert_type(Player.moved, Signal[int])
assert_type(ints.next(lambda x: x > 1), Promise[int])


@nones.on()
def on_nothing(_: None) -> None: ...


async def wrong() -> None:
    assert_type(await nones.aemit(), list[Any])
    await ints.aemit("1")  # type: ignore[arg-type]
    await ints.aemit()  # type: ignore[call-arg]
    ints.emit_soon("1")  # type: ignore[arg-type]
    ints.next(lambda x: x.upper())  # type: ignore[attr-defined]
    bus.next(Paid, when=lambda paid: paid.nothing)  # type: ignore[attr-defined]
    ints.stream(overflow="wait")  # type: ignore[arg-type]
    bus.stream(Paid, capacity="1")  # type: ignore[call-overload]
    bus.wait_for(Paid, timeout="1")  # type: ignore[call-overload]
    bus.intercept(Paid, take_paid_later)  # type: ignore[arg-type]
    Bus(on_error="print")  # type: ignore[arg-type]
    number: int = await bus.wait_for(Paid)  # type: ignore[arg-type]


# The blame: on the callback, not on the key


bus.on(
    Paid,
    take_int,  # type: ignore[arg-type]
)
bus.once(
    Paid,
    take_int,  # type: ignore[arg-type]
    priority=1,
)


# Envelopes by name and by pattern


@bus.on("any.*", envelope=True)
def on_envelope(envelope: Envelope[Any]) -> int:
    raise AssertionError


@bus.on("any.*", envelope=True)
def on_envelope_of_paid(envelope: Envelope[Paid]) -> int:
    raise AssertionError


@bus.on("any.*", envelope=True)  # type: ignore[arg-type]
def on_no_envelope(x: int) -> int:
    raise AssertionError


@bus.once("any.name", envelope=True)  # type: ignore[arg-type]
def once_no_envelope(x: int) -> int:
    raise AssertionError


assert_type(on_envelope, Callable[[Envelope[Any]], int])
assert_type(
    bus.on("any.*", take_envelope, envelope=True),
    Subscription[[Envelope[Any]], None],
)
bus.on("any.*", take_int, envelope=True)  # type: ignore[call-overload]


# Predicates: they take the payload, and say nothing of its type


def take_anything(x: object) -> bool:
    raise AssertionError


async def predicates() -> None:
    assert_type(bus.next(Paid, when=lambda paid: paid.order_id > 1), Promise[Paid])
    assert_type(bus.next(Paid, when=take_anything), Promise[Paid])
    assert_type(await bus.wait_for(Paid, when=lambda paid: paid.order_id > 1), Paid)
    assert_type(await bus.wait_for(Paid, when=take_anything, timeout=1), Paid)
    bus.wait_for(Paid, when=lambda paid: paid.nothing)  # type: ignore[attr-defined]
    bus.on(Paid, take_paid, when=lambda paid: paid.order_id > 1)
    bus.on(Paid, take_paid, when=lambda p: p.nothing)  # type: ignore[attr-defined]
    bus.on(Paid, take_envelope, envelope=True, when=lambda paid: paid.order_id > 1)
    bus.on(Paid, take_paid, when=3)  # type: ignore[call-overload]


# What a checker tells before we do

bus.on("any.name", None)  # type: ignore[call-overload]
ints.on(None)  # type: ignore[call-overload]
bus.off("any.name", 3)  # type: ignore[arg-type]
bus.emit(Paid(1), 3)  # type: ignore[call-overload]
bus.forward(3)  # type: ignore[arg-type]
Signal("any.name", bus=3)  # type: ignore[arg-type]
assert_type(bus.grace, float | None)
bus.grace = 3  # type: ignore[misc]
bus.report(ValueError(), None, None)  # type: ignore[attr-defined]
ints.on(take_int).options  # type: ignore[attr-defined]
