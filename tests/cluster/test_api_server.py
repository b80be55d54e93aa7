"""The API server of the tests is what they take it for."""

from tests.support.apiserver import ApiServer, path_of

from webhook.resources import catalog


def test_every_resource_is_served(api: ApiServer) -> None:
    """Each resource that the webhook knows can be listed and created, and a subresource replaced."""
    listed = api.request("GET", "/apis/image.openshift.io/v1").document["resources"]
    served = {each["name"]: each["verbs"] for each in listed}
    for resource in catalog.RESOURCES:
        assert ("update" if "/" in resource else "create") in served[resource]


def test_users(api: ApiServer) -> None:
    """A user with a certificate, and one whom the administrator impersonates, may write tags and nothing else."""
    alice = api.kubeconfig_of("alice", "dev")
    for said in (api.kubectl("auth", "can-i", "create", "imagestreams.image.openshift.io", kubeconfig=alice),
                 api.kubectl("auth", "can-i", "create", "imagestreams.image.openshift.io", "--as=alice")):  # fmt: skip
        assert (said.code, said.out) == (0, "yes\n"), said.err
    assert api.kubectl("auth", "can-i", "create", "namespaces", kubeconfig=alice).code == 1


def test_the_audit_log(api: ApiServer) -> None:
    """A request in a namespace is in the audit log when its answer arrives."""
    namespace = api.namespace()
    stream = {"apiVersion": "image.openshift.io/v1", "kind": "ImageStream", "metadata": {"name": "app"}}
    assert api.request("POST", path_of("imagestreams", namespace), stream, Impersonate_User="alice").status == 201
    (event,) = api.audited(namespace)
    assert event["impersonatedUser"]["username"] == "alice"
    assert event["responseObject"]["metadata"]["name"] == "app"
