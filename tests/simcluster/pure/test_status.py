from __future__ import annotations

import pytest

from mcs_controller.simcluster import status
from mcs_controller.simcluster.status import StatusError
from tests.simcluster.pure.builders import builtin, shipped

SERVICE, EXPORT = builtin("Service"), shipped("serviceexports")
MCS = "multicluster.x-k8s.io"


@pytest.mark.parametrize(
    ("error", "code", "reason", "message"),
    [
        (status.not_found(SERVICE, "web"), 404, "NotFound", 'services "web" not found'),
        (status.not_found(EXPORT, "web"), 404, "NotFound", f'serviceexports.{MCS} "web" not found'),
        (status.already_exists(SERVICE, "web"), 409, "AlreadyExists", 'services "web" already exists'),
        (status.expired(), 410, "Expired", "The resourceVersion for the provided list is too old."),
        (status.bad_request("no"), 400, "BadRequest", "no"),
        (status.forbidden(SERVICE, "", "no"), 403, "Forbidden", "services is forbidden: no"),
        (status.internal("oh"), 500, "InternalError", "Internal error occurred: oh"),
        (status.timeout("late"), 504, "Timeout", "Timeout: late"),
        (status.service_unavailable("away"), 503, "ServiceUnavailable", "away"),
    ],
)
def test_a_refusal_has_the_code_and_reason_that_clients_go_by(
    error: StatusError, code: int, reason: str, message: str
) -> None:
    body = error.body()
    assert (body["code"], body["reason"], body["message"]) == (code, reason, message)
    assert (body["kind"], body["apiVersion"], body["status"]) == ("Status", "v1", "Failure")


def test_a_conflict_says_to_try_again() -> None:
    body = status.conflict(EXPORT, "web").body()
    assert body["message"].startswith(
        f'Operation cannot be fulfilled on serviceexports.{MCS} "web": the object has'
    )
    assert body["details"] == {"name": "web", "group": MCS, "kind": "serviceexports"}


def test_an_invalid_object_names_every_field_once() -> None:
    errors = [status.required("spec.a"), status.duplicate("spec.b", "x"), status.required("spec.a")]
    body = status.invalid(EXPORT, "web", errors).body()
    text = 'spec.a: Required value, spec.b: Duplicate value: "x"'
    assert body["message"] == f'ServiceExport.{MCS} "web" is invalid: [{text}]'
    assert body["details"]["kind"] == "ServiceExport"
    assert body["details"]["causes"][0] == {
        "reason": "FieldValueRequired",
        "message": "Required value",
        "field": "spec.a",
    }
    one = status.invalid(SERVICE, "web", [status.too_many("spec.c", 3, 1)])
    assert one.message == 'Service "web" is invalid: spec.c: Too many: 3: must have at most 1 item'


def test_a_terminating_namespace_is_told_by_its_cause() -> None:
    body = status.namespace_terminating(SERVICE, "web", "shop").body()
    assert body["code"] == 403
    assert [cause["reason"] for cause in body["details"]["causes"]] == ["NamespaceTerminating"]


def test_waiting_is_told_in_seconds() -> None:
    assert status.too_many_requests("slow down", 3).body()["details"] == {"retryAfterSeconds": 3}
