from mcs_controller.observe.health import CheckResult, Health


def test_every_check_is_asked_anew_each_time() -> None:
    problem: list[str | None] = ["listing"]
    health = Health()
    health.add("zone", lambda: problem[0])
    assert health.readiness() == [CheckResult("zone", "listing")]
    problem[0] = None
    assert health.readiness() == [CheckResult("zone", None)]


def test_a_part_that_names_its_own_problems_is_listed_problem_by_problem() -> None:
    problems = {"broker": "connection refused", "local: serviceexports": "CRD not installed"}
    health = Health()
    health.add_problems("agent", lambda: problems)
    assert health.readiness() == [
        CheckResult("agent: broker", "connection refused"),
        CheckResult("agent: local: serviceexports", "CRD not installed"),
    ]
    problems.clear()
    assert health.readiness() == [CheckResult("agent", None)]


def test_what_makes_a_process_unready_does_not_make_it_dead() -> None:
    health = Health()
    health.add("api server", lambda: "connection refused")
    health.add_liveness("event loop", lambda: None)
    assert health.liveness() == [CheckResult("event loop", None)]
