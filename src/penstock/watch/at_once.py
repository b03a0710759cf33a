"""Several questions to a service under way at once, that nobody has to wait for who does not want to any more."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Final, TypeVar

MOST: Final = 8
"""How many questions are under way at once."""

Asked = TypeVar("Asked")
Told = TypeVar("Told")


def ask_at_once(ask: Callable[[Asked], Told], each: Iterable[Asked]) -> list[Told]:
    """Ask about each, and give the answers in order. The first error is raised, and what is not asked then is not asked.

    A thread of the library's pools is waited for when the process ends, and a service that does not answer is tried for minutes:
    Ctrl-C would seem to do nothing. These threads end with the process.
    """
    todo: SimpleQueue[tuple[int, Asked]] = SimpleQueue()
    for pair in enumerate(each):
        todo.put(pair)
    number = todo.qsize()
    answers: SimpleQueue[tuple[int, Told] | BaseException] = SimpleQueue()
    for _ in range(min(MOST, number)):
        Thread(target=_work, args=(ask, todo, answers), daemon=True).start()
    told: dict[int, Told] = {}
    for _ in range(number):
        answer = answers.get()
        if isinstance(answer, BaseException):
            raise answer
        told[answer[0]] = answer[1]
    return [told[index] for index in range(number)]


def _work(
    ask: Callable[[Asked], Told],
    todo: SimpleQueue[tuple[int, Asked]],
    answers: SimpleQueue[tuple[int, Told] | BaseException],
) -> None:
    while (next_one := _take(todo)) is not None:
        index, one = next_one
        try:
            answers.put((index, ask(one)))
        except BaseException as error:  # noqa: BLE001 -- it is raised where the answers are awaited
            answers.put(error)
            while _take(todo) is not None:
                pass


def _take(todo: SimpleQueue[tuple[int, Asked]]) -> tuple[int, Asked] | None:
    try:
        return todo.get_nowait()
    except Empty:
        return None
