import { assertEquals } from "@std/assert";
import {
  create,
  createFileRegistry,
  fromBinary,
  type MessageInitShape,
  toBinary,
} from "@bufbuild/protobuf";
import {
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt";
import { MESSAGE_HEAD, messageFrame } from "../../../lib/grpc/message.ts";
import {
  ServerReflectionRequestSchema,
  type ServerReflectionResponse,
  ServerReflectionResponseSchema,
} from "../../../lib/grpc/proto/reflection_v1_pb.ts";
import { encodeFrame, FLAG, TYPE } from "../../../lib/http2/frame.ts";
import { MemoryStore } from "../../../lib/store/memory.ts";
import { callHeaders, Http2Peer } from "../../util/http2_peer.ts";
import { TestLainlet } from "../../util/lainlet.ts";

type Request = NonNullable<
  MessageInitShape<typeof ServerReflectionRequestSchema>["messageRequest"]
>;

Deno.test("reflection: services and files, in both versions", async (t) => {
  await using lainlet = new TestLainlet(new MemoryStore());
  for (const version of ["v1", "v1alpha"]) {
    await using peer = await Http2Peer.connect(lainlet.rpcPort);
    const service = `grpc.reflection.${version}.ServerReflection`;
    await peer.open(1, callHeaders(`/${service}/ServerReflectionInfo`));
    const ask = async (
      messageRequest: Request,
    ): Promise<ServerReflectionResponse["messageResponse"]> => {
      const request = create(ServerReflectionRequestSchema, { messageRequest });
      const bytes = toBinary(ServerReflectionRequestSchema, request);
      await peer.send(encodeFrame(TYPE.data, 0, 1, messageFrame([bytes])));
      const { payload } = await peer.nextOf(TYPE.data, 1);
      const reply = payload.subarray(MESSAGE_HEAD);
      return fromBinary(ServerReflectionResponseSchema, reply).messageResponse;
    };
    await t.step(`${version}: the services`, async () => {
      const { case: kind, value } = await ask({
        case: "listServices",
        value: "",
      });
      if (kind !== "listServicesResponse") throw new Error(kind);
      const names = value.service.map(({ name }) => name);
      assertEquals(names.length, 16 + 1 + 2, `${names}`);
      for (
        const one of [
          "message.Proxy",
          "message.Lainlet",
          "grpc.health.v1.Health",
          service,
        ]
      ) {
        assertEquals(names.includes(one), true, one);
      }
    });
    for (
      const question of [
        { case: "fileContainingSymbol", value: "message.Proxy" },
        { case: "fileContainingSymbol", value: "message.Proxy.Get" },
        { case: "fileContainingSymbol", value: "message.NodeInfo.Value.Type" },
        { case: "fileByFilename", value: "message.proto" },
      ] as const
    ) {
      await t.step(
        `${version}: ${question.case} ${question.value}`,
        async () => {
          const { case: kind, value } = await ask(question);
          if (kind !== "fileDescriptorResponse") throw new Error(kind);
          const file = value.fileDescriptorProto
            .map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
          const files = create(FileDescriptorSetSchema, { file });
          const registry = createFileRegistry(files);
          assertEquals(registry.getService("message.Proxy")?.methods.length, 2);
        },
      );
    }
    await t.step(`${version}: the service itself`, async () => {
      const { case: kind, value } = await ask({
        case: "fileContainingSymbol",
        value: service,
      });
      if (kind !== "fileDescriptorResponse") throw new Error(kind);
      const [bytes = new Uint8Array()] = value.fileDescriptorProto;
      const file = fromBinary(FileDescriptorProtoSchema, bytes);
      assertEquals(file.name, `reflection_${version}.proto`);
      // All messages are found, so each name in the file is of this version.
      const registry = createFileRegistry(file, () => undefined);
      const [method] = registry.getService(service)?.methods ?? [];
      assertEquals(
        [method?.input.typeName, method?.output.typeName],
        ["Request", "Response"].map((name) => `${service}${name}`),
      );
    });
    await t.step(`${version}: unknown names`, async () => {
      for (const value of ["message.None", "None", ""]) {
        const { case: kind } = await ask({
          case: "fileContainingSymbol",
          value,
        });
        assertEquals(kind, "errorResponse");
      }
      const { case: none } = await ask({
        case: "fileContainingExtension",
        value: { containingType: "message.Pod", extensionNumber: 1 },
      });
      assertEquals(none, "errorResponse");
      const { case: kind, value } = await ask({
        case: "allExtensionNumbersOfType",
        value: "message.Pod",
      });
      if (kind !== "allExtensionNumbersResponse") throw new Error(kind);
      assertEquals(value.extensionNumber, []);
    });
    await peer.send(encodeFrame(TYPE.data, FLAG.endStream, 1));
    await peer.nextOf(TYPE.headers, 1);
    assertEquals(peer.header("grpc-status"), "0");
  }
});
