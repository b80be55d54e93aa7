// The four rules of the comparison as a Pepr capability; run by `tools/bench_peers.py`.
import { a, Capability, PeprModule, RegisterKind } from "pepr";
import cfg from "./package.json";

class ImageStreamTag extends a.GenericKind {
  declare tag?: {
    from?: { kind?: string; name?: string };
    importPolicy?: { insecure?: boolean };
    referencePolicy?: { type?: string };
  };
}
RegisterKind(ImageStreamTag, {
  group: "image.openshift.io",
  version: "v1",
  kind: "ImageStreamTag",
  plural: "imagestreamtags",
});

const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;
const ALLOWED = ["quay.io/acme/", "docker.io/library/"];

const tags = new Capability({ name: "tags", description: "Four rules", namespaces: [] });
tags
  .When(ImageStreamTag)
  .IsCreatedOrUpdated()
  .Validate(istag => {
    const tag = istag.Raw.tag ?? {};
    const wrong: string[] = [];
    const name = tag.from?.name ?? "";
    if (tag.from?.kind === "DockerImage" && !ALLOWED.some(prefix => name.startsWith(prefix)))
      wrong.push(`${name} is not an allowed repository`);
    if ((tag.referencePolicy?.type ?? "Source") !== "Local") wrong.push("the reference policy must be Local");
    if (tag.importPolicy?.insecure) wrong.push("an insecure import is not allowed");
    if (!TAG.test(istag.Raw.metadata?.name?.split(":").slice(1).join(":") || "latest"))
      wrong.push("no registry can serve this tag");
    return wrong.length ? istag.Deny(wrong.join("; "), 422) : istag.Approve();
  });

const served = new PeprModule(cfg as never, [tags], { deferStart: true });
if (process.env.PEPR_MODE !== "build") served.start(Number(process.env.PEER_PORT));
