"""Keys that wait in lanes: in which lanes a key stands, since when, and what is kept of them."""

import time

from mcs_controller.kube.queue.ready import Lanes


def test_a_key_stands_in_the_lane_of_each_who_wants_it_once() -> None:
    ready = Lanes[str](workers_max=4)

    assert [ready.add("web", 1.0, lane) for lane in ("east", "west", "east", "west")] == [
        True, True, False, False,
    ]  # fmt: skip
    assert ready.pop() == ("web", 1.0, "east")
    assert not ready.has_next()


def test_a_key_that_is_added_again_in_another_lane_has_waited_since_it_first_came() -> None:
    ready = Lanes[str](workers_max=4)
    ready.add("web", 1.0, "east")
    ready.add("db", 2.0, "east")
    ready.add("web", 3.0, "west")

    assert ready.oldest_seconds() == 1.0
    assert ready.pop() == ("web", 1.0, "east")
    assert ready.oldest_seconds() == 2.0


def test_of_lanes_that_are_empty_and_worked_off_nothing_is_kept() -> None:
    ready = Lanes[int](workers_max=4)
    for number in range(100):
        ready.add(number, 0.0, f"member-{number}")
    while ready.has_next():
        _, _, lane = ready.pop()
        ready.done(lane)

    assert (len(ready), len(ready._lanes), len(ready._working)) == (0, 0, 0)


def test_to_take_a_key_costs_the_same_however_many_lanes_there_are() -> None:
    def seconds_per_key(lanes: int, keys: int) -> float:
        ready = Lanes[int](workers_max=4)
        for number in range(keys):
            ready.add(number, 0.0, f"member-{number % lanes}")
        began = time.process_time()
        while ready.has_next():
            _, _, lane = ready.pop()
            ready.done(lane)
        return (time.process_time() - began) / keys

    few = min(seconds_per_key(2, 4000) for _ in range(3))
    many = min(seconds_per_key(2000, 4000) for _ in range(3))
    assert many < 5 * few
