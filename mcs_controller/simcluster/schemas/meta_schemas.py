"""Schemas of the API machinery's own types: metadata, conditions, and what requests are made with."""

from __future__ import annotations

from mcs_controller.simcluster.schemas.definitions import (
    DEFINITIONS,
    anything,
    boolean,
    define,
    full_name,
    integer,
    refs,
    text,
    text_map,
    texts,
    time,
)

DEFINITIONS[full_name("intstr.IntOrString")] = {
    "description": "A whole number or a text.",
    "x-kubernetes-int-or-string": True,
    "format": "int-or-string",
}
define(
    "meta.v1.OwnerReference",
    "Points from an object to the one that it belongs to, and that it is deleted with.",
    {
        "apiVersion": text("Group and version of the owner."),
        "kind": text("Kind of the owner."),
        "name": text("Name of the owner, in the same namespace or cluster-wide."),
        "uid": text("UID of the owner: another object of the same name is not the owner."),
        "controller": boolean("Whether the owner is the one that manages this object."),
        "blockOwnerDeletion": boolean("Whether a foreground deletion of the owner waits for this object."),
    },
    ["apiVersion", "kind", "name", "uid"],
    **{"x-kubernetes-map-type": "atomic"},
)
define(
    "meta.v1.ManagedFieldsEntry",
    "Which fields of an object one writer has set.",
    {
        "manager": text("Name of the writer."),
        "operation": text("Apply or Update."),
        "apiVersion": text("The version that the fields are written in."),
        "time": time("When the writer last changed one of them."),
        "fieldsType": text("Format of fieldsV1."),
        "fieldsV1": anything("The set of fields."),
        "subresource": text("The subresource that was written to, if any."),
    },
)
OBJECT_META = define(
    "meta.v1.ObjectMeta",
    "What every stored object carries besides its own fields.",
    {
        "name": text("Unique among the objects of this kind in the namespace. Cannot be changed."),
        "generateName": text("A prefix from which the server makes a unique name when `name` is empty."),
        "namespace": text("The namespace that the object lies in. Cannot be changed."),
        "selfLink": text("No longer set."),
        "uid": text("Set by the server; tells this object from earlier and later ones of the same name."),
        "resourceVersion": text("Changes with every write. To be compared for equality only."),
        "generation": integer("Counts the changes of the wanted state.", bits=64),
        "creationTimestamp": time("When the server stored the object first."),
        "deletionTimestamp": time("When its deletion was asked for; it goes once its finalizers are gone."),
        "deletionGracePeriodSeconds": integer("How long it may take to end by itself.", bits=64),
        "labels": text_map("Short texts to select objects by."),
        "annotations": text_map("Texts of any kind, which cannot be selected by."),
        "ownerReferences": refs(
            "meta.v1.OwnerReference",
            "The objects that this one belongs to. Once all of them are gone it is deleted.",
            map_keys=["uid"],
            merge_key="uid",
        ),
        "finalizers": texts(
            "What has to be done before the object may go. Each writer takes off its own entry.",
            list_type="set",
            **{"x-kubernetes-patch-strategy": "merge"},
        ),
        "managedFields": refs("meta.v1.ManagedFieldsEntry", "Who set which fields."),
    },
)
define(
    "meta.v1.ListMeta",
    "What a list carries besides its items.",
    {
        "selfLink": text("No longer set."),
        "resourceVersion": text("The state that the list shows; a watch can be started from it."),
        "continue": text("Given when there is more: the token that asks for the next page."),
        "remainingItemCount": integer("About how many items follow after this page.", bits=64),
    },
)
define(
    "meta.v1.Condition",
    "One aspect of the state of an object, as last seen by whoever reports it.",
    {
        "type": text("The aspect, in CamelCase."),
        "status": text("True, False or Unknown."),
        "observedGeneration": integer("The metadata.generation that this was said of.", bits=64),
        "lastTransitionTime": time("When the status last changed."),
        "reason": text("One word in CamelCase for programs: why it is so."),
        "message": text("Why it is so, for people."),
    },
    ["type", "status", "lastTransitionTime", "reason", "message"],
)
define(
    "meta.v1.Preconditions",
    "What must hold of an object for a deletion to be carried out.",
    {"uid": text("The UID it must have."), "resourceVersion": text("The version it must be at.")},
)
define(
    "meta.v1.DeleteOptions",
    "How a deletion is to be done.",
    {
        "apiVersion": text("Group and version of these options."),
        "kind": text("DeleteOptions."),
        "gracePeriodSeconds": integer("How long the object may take to end by itself.", bits=64),
        "preconditions": {"$ref": "io.k8s.apimachinery.pkg.apis.meta.v1.Preconditions"},
        "propagationPolicy": text("Orphan, Background or Foreground: what becomes of what it owns."),
        "dryRun": texts("`All`: check, and change nothing."),
    },
)
