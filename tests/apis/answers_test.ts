/**
 * What deployed clients rely on in the views, and the golden cluster does not
 * show: by HTTP and, where the code is another one, by gRPC.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import type { JsonObject } from "@bufbuild/protobuf";
import { MemoryStore } from "../../lib/store/memory.ts";
import { get, Stream } from "../util/client.ts";
import { RpcClient } from "../util/grpc.ts";
import { GOLDEN_HOST, TestLainlet } from "../util/lainlet.ts";

const LOST = "over half of the containers lost their IPs";

/** A pod group, by default of the app `shop`, under its own name. */
function group(
  name: string,
  { app = "shop", key = name, annotation = {}, specs = [{}], pods }: {
    app?: string;
    key?: string;
    annotation?: unknown;
    specs?: readonly object[];
    pods: readonly object[] | null;
  },
): [key: string, value: string] {
  const Annotation = JSON.stringify(annotation);
  const Pod = { Annotation, Containers: specs };
  return [
    `/lain/deployd/pod_groups/${app}/${key}`,
    JSON.stringify({
      Spec: { Name: name, Namespace: app, Pod },
      Pods: pods,
    }),
  ];
}

/** A container on this host. */
function container(ip: string, more: object = {}): object {
  const { hostname, ip: node } = GOLDEN_HOST;
  return { NodeName: hostname, NodeIp: node, ContainerIp: ip, ...more };
}

/** A pod with containers that have these addresses. */
function pod(InstanceNo: number, ...ips: string[]): object {
  return { InstanceNo, Containers: ips.map((ip) => container(ip)) };
}

/** A lainlet on some content, and how to ask it. */
class Asked implements AsyncDisposable {
  private constructor(
    readonly lainlet: TestLainlet,
    readonly client: RpcClient,
  ) {}

  static async of(
    content: Iterable<readonly [key: string, value: string]>,
    host = GOLDEN_HOST,
  ): Promise<Asked> {
    const store = new MemoryStore(content);
    const lainlet = await new TestLainlet(store, { host }).ready();
    return new Asked(lainlet, await RpcClient.open(lainlet.rpcPort));
  }

  /** The response to a GET, parsed if it is JSON. */
  async http(path: string): Promise<unknown> {
    const { status, body } = await get(`${this.lainlet.url}/v2/${path}`);
    return status === 200 ? JSON.parse(body) : [status, body];
  }

  /** The reply to a call. */
  async rpc(service: string, request?: JsonObject): Promise<unknown> {
    const { reply, code, message } = await this.client.get(service, request);
    return reply ?? [code, message];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client[Symbol.asyncDispose]();
    await this.lainlet[Symbol.asyncDispose]();
  }
}

Deno.test("answers: a container has the specification at its index; the first one stands for the pod", async () => {
  const procOf = (name: string) => ({
    Runtime: { Config: { Env: [`LAIN_PROCNAME=${name}`] } },
  });
  await using asked = await Asked.of([
    group("shop.web.web", {
      annotation: { ports: [{ srcport: 4000, dstport: 80 }] },
      specs: [
        { Expose: 80, Image: "main", Env: ["LAIN_APP_RELEASE_VERSION=1"] },
        { Expose: 81, Image: "side", Env: ["LAIN_APP_RELEASE_VERSION=2"] },
      ],
      pods: [{
        InstanceNo: 7,
        Containers: [
          container("127.8.0.1", { Id: "a", ContainerPort: 1, ...procOf("w") }),
          container("127.8.0.2", { Id: "b", ContainerPort: 2, ...procOf("s") }),
        ],
      }],
    }),
  ]);
  const [one, two] = [["127.8.0.1", 80], ["127.8.0.2", 81]];
  assertEquals(await asked.http("proxywatcher"), {
    "shop.web.web": {
      containers: [one, two].map(([container_ip, container_port]) => (
        { container_ip, container_port }
      )),
    },
  });
  assertEquals(await asked.rpc("Proxy"), {
    Data: {
      "shop.web.web": {
        Containers: [one, two].map(([ContainerIp, ContainerPort]) => (
          { ContainerIp, ContainerPort }
        )),
      },
    },
  });
  const Annotation = '{"ports":[{"srcport":4000,"dstport":80}]}';
  const ContainerInfos = [one, two].map(([ContainerIp, Expose]) => (
    { ContainerIp, Expose }
  ));
  assertEquals(await asked.http("webrouter/webprocs"), {
    "shop.web.web": { PodInfos: [{ Annotation, ContainerInfos }] },
  });
  const Containers = [one, two].map(([IP, Expose]) => ({ IP, Expose }));
  assertEquals(await asked.rpc("WebrouterWebprocs"), {
    Data: { "shop.web.web": { PodInfos: [{ Annotation, Containers }] } },
  });
  const images = JSON.stringify(await asked.http("coreinfowatcher"))
    .match(/"ContainerIp":"[^"]*"|"Image":"[^"]*"/g);
  assertEquals(images, [
    '"ContainerIp":"127.8.0.1"',
    '"Image":"main"',
    '"ContainerIp":"127.8.0.2"',
    '"Image":"side"',
  ]);
  assertEquals(await asked.http("procwatcher?appname=shop"), [
    { proc: [{ IP: "127.8.0.1", InstanceNo: 7, Port: 1, ProcName: "w" }] },
  ]);
  assertEquals(await asked.http("streamrouter/streamprocs"), {
    shop: [{
      Name: "shop.web.web",
      Services: [{ Expect: "", ListenPort: 4000, Send: "", UpstreamPort: 80 }],
      Upstreams: [{ Host: "127.8.0.1", InstanceNo: 7 }],
    }],
  });
  const common = { app: "shop", app_version: "1", instanceNo: 7 };
  const { ip: nodeip, hostname: nodename } = GOLDEN_HOST;
  const place = { nodeip, nodename, proc: "shop.web.web" };
  assertEquals(await asked.http("containers?nodename=node1"), {
    "node1/a": { ...common, ...place, ip: "127.8.0.1", port: 1 },
    "node1/b": { ...common, ...place, ip: "127.8.0.2", port: 2 },
  });
});

Deno.test("answers: a pod without containers is there, with nothing in it", async () => {
  const Annotation = '{"ports":[{"srcport":4000,"dstport":80}]}';
  await using asked = await Asked.of([
    group("shop.web.web", {
      annotation: JSON.parse(Annotation),
      pods: [{ InstanceNo: 1 }, pod(2, "127.8.0.2")],
    }),
    group("shop.worker.job", { pods: null }),
    ["/lain/deployd/depends/pods/a.portal.portal-a", '{"n":{"shop":{}}}'],
  ]);
  const none = { IP: "", InstanceNo: 1, Port: 0, ProcName: "" };
  assertEquals(await asked.http("procwatcher?appname=shop"), [
    { proc: [none, { ...none, IP: "127.8.0.2", InstanceNo: 2 }] },
    { proc: [] },
  ]);
  /** The first pod of the first group, and the second group. */
  const parts = async (view: string) => {
    const { "shop.web.web": web, "shop.worker.job": worker } = Object(
      await asked.http(view),
    );
    return [(web.PodInfos ?? web)[0], worker];
  };
  assertEquals(await parts("coreinfowatcher"), [
    { Annotation, ContainerInfos: [], Dependencies: [], InstanceNo: 1 },
    { PodInfos: [] },
  ]);
  assertEquals(await parts("backupspec"), [
    { Annotation, Containers: [], InstanceNo: 1 },
    [],
  ]);
  assertEquals(await parts("webrouter/webprocs"), [
    { Annotation, ContainerInfos: [] },
    undefined,
  ]);
  assertEquals(await asked.rpc("WebrouterWebprocs"), {
    Data: {
      "shop.web.web": {
        PodInfos: [
          { Annotation, Containers: [] },
          { Annotation, Containers: [{ IP: "127.8.0.2", Expose: 0 }] },
        ],
      },
    },
  });
  assertEquals(await asked.http("proxywatcher"), {
    "shop.web.web": {
      containers: [{ container_ip: "127.8.0.2", container_port: 0 }],
    },
    "shop.worker.job": { containers: [] },
  });
  const { shop: [proc] } = Object(
    await asked.http("streamrouter/streamprocs"),
  );
  assertEquals(proc.Upstreams, [
    { Host: "", InstanceNo: 1 },
    { Host: "127.8.0.2", InstanceNo: 2 },
  ]);
  assertEquals(await asked.http("depends"), {
    "a.portal.portal-a": { n: { shop: { Annotation: "", Containers: [] } } },
  });
});

Deno.test("answers: lists are in their order, whatever the order in the store", async () => {
  const ports = (...all: number[]) => ({
    ports: all.map((srcport) => ({ srcport, dstport: srcport + 1 })),
  });
  // Their names are in another order than their keys.
  await using asked = await Asked.of([
    group("shop.z.z", {
      key: "1",
      annotation: ports(9, 3),
      pods: [pod(2, "127.8.0.4"), pod(1, "127.8.0.3")],
    }),
    group("shop.a.a", {
      key: "2",
      annotation: ports(7, 5),
      pods: [pod(2, "127.8.0.2"), pod(1, "127.8.0.1")],
    }),
  ]);
  const upstreams = (...hosts: string[]) =>
    hosts.map((Host, i) => ({ Host, InstanceNo: i + 1 }));
  const services = (...all: number[]) =>
    all.map((port) => (
      { Expect: "", ListenPort: port, Send: "", UpstreamPort: port + 1 }
    ));
  const procs = [
    {
      Name: "shop.a.a",
      Services: services(5, 7),
      Upstreams: upstreams("127.8.0.1", "127.8.0.2"),
    },
    {
      Name: "shop.z.z",
      Services: services(3, 9),
      Upstreams: upstreams("127.8.0.3", "127.8.0.4"),
    },
  ];
  assertEquals(await asked.http("streamrouter/streamprocs"), { shop: procs });
  assertEquals(await asked.rpc("StreamrouterStreamprocs"), {
    Data: { shop: { procs } },
  });
  assertEquals(await asked.http("streamrouter/ports"), [3, 5, 7, 9]);
  assertEquals(await asked.rpc("StreamrouterPorts"), { Data: [3, 5, 7, 9] });
  for (const path of ["localspecquery", "localspecwatcher?nodeip=node1"]) {
    assertEquals(await asked.http(path), ["shop/shop.a.a", "shop/shop.z.z"]);
  }
  // In key order.
  const addresses = JSON.stringify(await asked.http("procwatcher?appname=*"))
    .match(/127\.8\.0\.\d/g);
  assertEquals(addresses, ["127.8.0.4", "127.8.0.3", "127.8.0.2", "127.8.0.1"]);
});

Deno.test("answers: a web proc has `web` as the last but one of three parts or more", async () => {
  const pods = [pod(1, "127.8.0.1")];
  const names = [
    "a.web.b",
    "a.b.web.c",
    "web.b",
    "a.b.web",
    "a.web.b.c",
    "a.web1.b",
  ];
  await using asked = await Asked.of(
    names.map((name) => group(name, { pods })),
  );
  const web = ["a.b.web.c", "a.web.b"];
  const routed = Object(await asked.http("webrouter/webprocs"));
  assertEquals(Object.keys(routed), web);
  const { Data } = Object(await asked.rpc("WebrouterWebprocs"));
  assertEquals(Object.keys(Data).sort(), web);
});

Deno.test("answers: a router's pods are protected by the addresses of their first containers alone", async () => {
  const annotation = { ports: [{ srcport: 4000, dstport: 80 }] };
  const specs = [{}, {}];
  const [lost, found] = [["", "127.8.0.1"], ["127.8.0.1", ""]];
  const pods = (ips: readonly string[]) => [1, 2, 3].map((i) => pod(i, ...ips));
  const other = { annotation: {}, specs };
  await using asked = await Asked.of([
    group("lost.web.web", { app: "lost", annotation, specs, pods: pods(lost) }),
    group("lost.job.job", { app: "lost", ...other, pods: pods(found) }),
    group("fine.web.web", {
      app: "fine",
      annotation,
      specs,
      pods: [pod(1, ...found)],
    }),
    group("fine.job.job", { app: "fine", ...other, pods: pods(lost) }),
    group("jobs.job.job", { app: "jobs", ...other, pods: pods(found) }),
  ]);
  for (
    const [path, service] of [
      ["webrouter/webprocs", "WebrouterWebprocs"],
      ["streamrouter/streamprocs", "StreamrouterStreamprocs"],
    ] as const
  ) {
    for (const Appname of ["lost", "jobs"]) {
      const answer = await asked.http(`${path}?appname=${Appname}`);
      assertEquals(answer, [503, LOST], `${path} ${Appname}`);
      assertEquals(await asked.rpc(service, { Appname }), [
        "unavailable",
        LOST,
      ]);
    }
    const answer = JSON.stringify(await asked.http(`${path}?appname=fine`));
    assertEquals(answer.match(/127\.8\.0\.\d/g), ["127.8.0.1"]);
    const reply = await asked.rpc(service, { Appname: "fine" });
    assertEquals(JSON.stringify(reply).match(/127\.8\.0\.\d/g), ["127.8.0.1"]);
  }
});

Deno.test("answers: localspec needs a node where lainlet does not know its own address", async () => {
  const pods = [pod(1, "127.8.0.1")];
  await using asked = await Asked.of(
    [group("shop.web.web", { pods })],
    { ...GOLDEN_HOST, ip: "" },
  );
  const required = "nodeip required";
  for (const path of ["localspecquery", "localspecwatcher"]) {
    assertEquals(await asked.http(path), [400, required]);
    assertEquals(await asked.http(`${path}?nodeip=node1`), [
      "shop/shop.web.web",
    ]);
    await using stream = await Stream.open(
      `${asked.lainlet.url}/v2/${path}?watch=1`,
    );
    assertEquals((await stream.next())?.data, required);
  }
  assertEquals(await asked.rpc("Localspec"), ["invalid_argument", required]);
});
