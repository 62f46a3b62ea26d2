import {
  type DescField,
  type DescMessage,
  ScalarType,
} from "@bufbuild/protobuf";
import { assertEquals } from "@std/assert";
import { file_message } from "../../../lib/grpc/proto/message_pb.ts";

const FOLDER = new URL("../../../lib/grpc/proto/", import.meta.url);
const ROOT = new URL("../../../", import.meta.url);

Deno.test("the generated code is up to date", async () => {
  const folder = await Deno.makeTempDir({ prefix: "lainlet-proto-" });
  const { success, stderr } = await new Deno.Command("deno", {
    args: ["task", "proto", folder],
    cwd: ROOT,
  }).output();
  assertEquals(success, true, new TextDecoder().decode(stderr));
  const made = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
  const kept = [...Deno.readDirSync(FOLDER)].map(({ name }) => name)
    .filter((name) => name.endsWith(".ts")).sort();
  assertEquals(made, kept);
  for (const name of made) {
    assertEquals(
      await Deno.readTextFile(new URL(name, FOLDER)),
      await Deno.readTextFile(`${folder}/${name}`),
      `${name}: run deno task proto`,
    );
  }
  await Deno.remove(folder, { recursive: true });
});

/** The messages by name: the fields in the order of their numbers, 1, 2, 3 and so on. */
const MESSAGES: Readonly<Record<string, string>> = {
  AppnameRequest: "ip string",
  AppnameReply: "Data {string}",
  AppsRequest: "",
  AppsReply: "Data {AppInfo}",
  AppInfo: "Appname string",
  BackupctlRequest: "Appname string",
  BackupctlReply: "Data {BackupctlReply.PodInfoList}",
  "BackupctlReply.PodInfoList": "pods [PodInfoForBackupctl]",
  PodInfoForBackupctl:
    "Annotation string, Containers [ContainerForBackupctl], InstanceNo int32",
  ContainerForBackupctl: "Id string, Ip string, NodeIp string, NodeName string",
  ConfigRequest: "Target string",
  ConfigReply: "Data {string}",
  ContainersRequest: "Nodename string",
  ContainersReply: "Data {Info}",
  Info:
    "AppName string, AppVersion string, ProcName string, NodeName string, " +
    "NodeIP string, IP string, Port int32, InstanceNo int32",
  CoreinfoRequest: "Appname string",
  CoreinfoReply: "Data {CoreInfo}",
  CoreInfo: "PodInfos [PodInfo]",
  PodInfo: "Annotation string, Containers [Container], " +
    "Dependencies [Dependency], InstanceNo int32",
  Container: "Command [string], Id string, Ip string, Cpu int32, " +
    "Env [string], Expose int32, Image string, Memory int64, " +
    "NodeIp string, NodeName string, Volumes [string]",
  Dependency: "PodName string, Policy int32",
  DependsRequest: "Target string",
  DependsReply: "Data {DependsNodeMap}",
  DependsNodeMap: "nodes {DependsAppMap}",
  DependsAppMap: "apps {DependsItem}",
  DependsItem: "Annotation string, Containers [ContainerInfo]",
  ContainerInfo: "ContainerID string, NodeIP string, IP string, Port int32",
  LocalspecRequest: "Nodeip string",
  LocalspecReply: "Data [string], LocalIP string, ip string",
  NodesRequest: "Name string",
  NodesReply: "Data {NodeInfo}",
  NodeInfo: "v {NodeInfo.Value}",
  "NodeInfo.Value": "Vtype (STRING MAP), sval string, mval {string}",
  PodgroupRequest: "Appname string",
  PodgroupReply: "Data [PodGroup]",
  PodGroup: "Pods [Pod]",
  Pod: "InstanceNo int32, IP string, Port int32, ProcName string",
  ProxyRequest: "Appname string",
  ProxyReply: "Data {ProcInfo}",
  ProcInfo: "Containers [ContainerForProxy]",
  ContainerForProxy: "ContainerIp string, ContainerPort int32",
  RebellionLocalprocsRequest: "Appname string",
  RebellionLocalprocsReply: "Data {CoreInfoForRebellion}",
  CoreInfoForRebellion: "PodInfos [PodInfoForRebellion]",
  PodInfoForRebellion: "Annotation string, AppVersion string, InstanceNo int32",
  StreamrouterPortsRequest: "Appname string",
  StreamrouterPortsReply: "Data [int32]",
  StreamrouterStreamprocsRequest: "Appname string",
  StreamrouterStreamprocsReply: "Data {StreamProcList}",
  StreamProcList: "procs [StreamProc]",
  StreamProc:
    "Name string, Upstreams [StreamUpstream], Services [StreamService]",
  StreamUpstream: "Host string, InstanceNo int32",
  StreamService:
    "UpstreamPort int32, ListenPort int32, Send string, Expect string",
  WebrouterWebprocsRequest: "Appname string",
  WebrouterWebprocsReply: "Data {CoreInfoForWebrouter}",
  CoreInfoForWebrouter: "PodInfos [PodInfoForWebrouter]",
  PodInfoForWebrouter: "Annotation string, Containers [ContainerForWebrouter]",
  ContainerForWebrouter: "IP string, Expose int32",
  EmptyRequest: "",
  VersionReply: "Version string, APIVersion string",
  StatusReply: "Goroutines int32, Status {WatcherStatus}",
  WatcherStatus:
    "NumReceivers int32, UpdateTime int64, LastEvent bytes, TotalKeys int32",
};

/** The services with `Get` of `<service>Request` to `<service>Reply`; `*`: also `Watch`. */
const VIEWS = "Appname Apps* Backupctl* Config* Containers* Coreinfo* " +
  "Depends* Localspec Nodes* Podgroup* Proxy* RebellionLocalprocs* " +
  "StreamrouterPorts* StreamrouterStreamprocs* WebrouterWebprocs*";

/** The type of a field: `[…]` a list, `{…}` a map by strings, `(…)` an enum. */
function typeOf(field: DescField): string {
  const element = field.message !== undefined
    ? field.message.typeName.replace("message.", "")
    : field.enum !== undefined
    ? `(${field.enum.values.map(({ name }) => name).join(" ")})`
    : ScalarType[field.scalar].toLowerCase();
  if (field.fieldKind === "list") return `[${element}]`;
  if (field.fieldKind !== "map") return element;
  assertEquals(field.mapKey, ScalarType.STRING);
  return `{${element}}`;
}

function withNested(message: DescMessage): DescMessage[] {
  return [message, ...message.nestedMessages.flatMap(withNested)];
}

Deno.test("the wire format is that of deployed clients", () => {
  const { messages, services, proto } = file_message;
  assertEquals([proto.package, proto.syntax], ["message", "proto3"]);
  const fields = messages.flatMap(withNested).map((message) => {
    assertEquals(
      message.fields.map(({ number }) => number),
      message.fields.map((_, i) => i + 1),
      message.typeName,
    );
    for (const { values } of message.nestedEnums) {
      assertEquals(values.map(({ number }) => number), [0, 1]);
    }
    return [
      message.typeName.replace("message.", ""),
      message.fields.map((field) => `${field.name} ${typeOf(field)}`)
        .join(", "),
    ];
  });
  assertEquals(Object.fromEntries(fields), MESSAGES);
  const methods = services.flatMap((service) =>
    service.methods.map(({ name, methodKind, input, output }) => [
      `${service.typeName}/${name} ${methodKind}`,
      `${input.typeName} ${output.typeName}`,
    ])
  );
  const views = VIEWS.split(" ").flatMap((text) => {
    const path = `message.${text.replace("*", "")}`;
    const types = `${path}Request ${path}Reply`;
    const one = [[`${path}/Get unary`, types]];
    return text.endsWith("*")
      ? [...one, [`${path}/Watch server_streaming`, types]]
      : one;
  });
  const lainlet = ["Version", "Status"].map((name) => [
    `message.Lainlet/${name} unary`,
    `message.EmptyRequest message.${name}Reply`,
  ]);
  assertEquals(
    Object.fromEntries(methods),
    Object.fromEntries([...views, ...lainlet]),
  );
});
