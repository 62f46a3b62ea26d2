import {
  createFileRegistry,
  type DescFile,
  type FileRegistry,
  fromJsonString,
  type MessageInitShape,
  toBinary,
  toJsonString,
} from "@bufbuild/protobuf";
import {
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
} from "@bufbuild/protobuf/wkt";
import { messageFrame } from "../broadcast/message.ts";
import { encode } from "../view/rpc.ts";
import { decode, type Method } from "./methods.ts";
import {
  file_reflection_v1,
  ServerReflection,
  type ServerReflectionRequest,
  ServerReflectionRequestSchema,
  ServerReflectionResponseSchema,
} from "./proto/reflection_v1_pb.ts";
import { CODE } from "./status.ts";

type Response = MessageInitShape<
  typeof ServerReflectionResponseSchema
>["messageResponse"];

/** The first version of a file, which older tools know: it differs in names only. */
function alphaOf(file: FileDescriptorProto): FileDescriptorProto {
  const text = toJsonString(FileDescriptorProtoSchema, file);
  return fromJsonString(FileDescriptorProtoSchema, alphaName(text));
}

function alphaName(name: string): string {
  return name.replaceAll(/\breflection([._])v1\b/g, "reflection$1v1alpha");
}

/**
 * The reflection service, by which tools like grpcurl learn what can be asked.
 *
 * @param files that are told, besides its own
 * @see https://github.com/grpc/grpc/blob/master/doc/server-reflection.md
 */
export function reflectionMethods(
  files: readonly DescFile[],
): [path: string, method: Method][] {
  const protos = [...files, file_reflection_v1].map(({ proto }) => proto);
  const registry = createFileRegistry(
    ...[...protos, alphaOf(file_reflection_v1.proto)]
      .map((proto) => createFileRegistry(proto, () => undefined)),
  );
  const { typeName } = ServerReflection;
  return [typeName, alphaName(typeName)].map((service) => [
    `/${service}/ServerReflectionInfo`,
    {
      kind: "dialogue",
      reply(bytes) {
        const request = decode(ServerReflectionRequestSchema, bytes);
        const response = encode(ServerReflectionResponseSchema, {
          validHost: request.host,
          originalRequest: request,
          messageResponse: respond(registry, request),
        });
        return messageFrame([response]);
      },
    },
  ]);
}

function respond(
  registry: FileRegistry,
  { messageRequest: { case: kind, value } }: ServerReflectionRequest,
): Response {
  switch (kind) {
    case "listServices": {
      const service = [...registry]
        .filter((one) => one.kind === "service")
        .map(({ typeName }) => ({ name: typeName }));
      return { case: "listServicesResponse", value: { service } };
    }
    case "fileByFilename":
      return fileResponse(registry.getFile(value));
    case "fileContainingSymbol":
      return fileResponse(fileOf(registry, value));
    case "allExtensionNumbersOfType":
      if (registry.getMessage(value) === undefined) return notFound();
      return {
        case: "allExtensionNumbersResponse",
        value: { baseTypeName: value },
      };
    default:
      return notFound();
  }
}

/** The file that declares a service, a message, an enum, or a part of one. */
function fileOf(registry: FileRegistry, symbol: string): DescFile | undefined {
  const found = registry.get(symbol);
  if (found !== undefined) return found.file;
  const dot = symbol.lastIndexOf(".");
  return dot === -1 ? undefined : fileOf(registry, symbol.slice(0, dot));
}

function fileResponse(file: DescFile | undefined): Response {
  if (file === undefined) return notFound();
  return {
    case: "fileDescriptorResponse",
    value: {
      fileDescriptorProto: [toBinary(FileDescriptorProtoSchema, file.proto)],
    },
  };
}

function notFound(): Response {
  return {
    case: "errorResponse",
    value: { errorCode: CODE.notFound, errorMessage: "there is no such thing" },
  };
}
