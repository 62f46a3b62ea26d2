import { assertEquals } from "@std/assert";
import { portsOf } from "../../../lib/view/routers.ts";
import { podgroup } from "../../../lib/watcher/podgroup.ts";
import { nested } from "../../util/example.ts";

/** The ports of a group with this annotation. */
function ports(annotation: string) {
  const group = { Spec: { Pod: { Annotation: annotation } } };
  return portsOf(podgroup.parse("a/a.web.web", JSON.stringify(group)));
}

Deno.test("ports: an annotation that is nested too deep, or is not JSON, has none", () => {
  const list = '[{"srcport":2,"dstport":3},{"srcport":1}]';
  const found = [{ srcport: 1, dstport: 0 }, { srcport: 2, dstport: 3 }];
  const annotation = (depth: number) =>
    `{"ports":${list},"else":${nested(depth - 1)}}`;
  assertEquals(ports(annotation(200)), found);
  assertEquals(ports(annotation(201)), []);
  assertEquals(ports(annotation(100_000)), []);
  assertEquals(ports("not JSON"), []);
});
