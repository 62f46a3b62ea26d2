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
import { encode } from "../view/rpc.ts";
import { messageFrame } from "./message.ts";
import { decode, type Method } from "./methods.ts";
import {
  file_reflection_v1,
  ServerReflection,
  type ServerReflectionRequest,
  ServerReflectionRequestSchema,
  ServerReflectionResponseSchema,
} from "./proto/reflection_v1_pb.ts";
import { CODE } from "./status.ts";

/** The longest symbol that is looked up, in characters. All declared symbols are far shorter. */
const MAX_SYMBOL_LENGTH = 256;

type Response = MessageInitShape<
  typeof ServerReflectionResponseSchema
>["messageResponse"];

/** Returns the file of `v1alpha`, which older tools use. Only names differ. */
function alphaFile(file: FileDescriptorProto): FileDescriptorProto {
  const text = toJsonString(FileDescriptorProtoSchema, file);
  return fromJsonString(FileDescriptorProtoSchema, alphaName(text));
}

function alphaName(name: string): string {
  return name.replaceAll(/\breflection([._])v1\b/g, "reflection$1v1alpha");
}

/**
 * Returns the methods of the reflection service, by which tools like grpcurl
 * learn what services there are.
 *
 * @param files to describe, besides the service's own
 * @see https://github.com/grpc/grpc/blob/master/doc/server-reflection.md
 */
export function reflectionMethods(
  files: readonly DescFile[],
): [path: string, method: Method][] {
  const protos = [...files, file_reflection_v1].map(({ proto }) => proto);
  const responses = new Responses(createFileRegistry(
    ...[...protos, alphaFile(file_reflection_v1.proto)]
      .map((proto) => createFileRegistry(proto, () => undefined)),
  ));
  const { typeName } = ServerReflection;
  return [typeName, alphaName(typeName)].map((service) => [
    `/${service}/ServerReflectionInfo`,
    {
      kind: "bidi_streaming",
      reply(bytes) {
        const request = decode(ServerReflectionRequestSchema, bytes);
        const head = encode(ServerReflectionResponseSchema, {
          validHost: request.host,
          originalRequest: request,
        });
        // An encoded message is the concatenation of its encoded fields.
        return messageFrame([head, responses.to(request)]);
      },
    },
  ]);
}

/** All possible responses, each encoded once: a request costs its own bytes and a copy. */
class Responses {
  readonly #services: Uint8Array;
  readonly #files = new Map<DescFile, Uint8Array>();
  readonly #notFound = encodeResponse({
    case: "errorResponse",
    value: { errorCode: CODE.notFound, errorMessage: "not found" },
  });

  constructor(private readonly registry: FileRegistry) {
    const service = [...registry].filter(({ kind }) => kind === "service")
      .map(({ typeName }) => ({ name: typeName }));
    this.#services = encodeResponse({
      case: "listServicesResponse",
      value: { service },
    });
    for (const file of registry.files) {
      const bytes = toBinary(FileDescriptorProtoSchema, file.proto);
      this.#files.set(
        file,
        encodeResponse({
          case: "fileDescriptorResponse",
          value: { fileDescriptorProto: [bytes] },
        }),
      );
    }
  }

  /** Returns the response to a request, as encoded fields. */
  to(
    { messageRequest: { case: kind, value } }: ServerReflectionRequest,
  ): Uint8Array {
    switch (kind) {
      case "listServices":
        return this.#services;
      case "fileByFilename":
        return this.#file(this.registry.getFile(value));
      case "fileContainingSymbol":
        return this.#file(this.#fileOf(value));
      case "allExtensionNumbersOfType":
        if (this.registry.getMessage(value) === undefined) {
          return this.#notFound;
        }
        return encodeResponse({
          case: "allExtensionNumbersResponse",
          value: { baseTypeName: value },
        });
      default:
        return this.#notFound;
    }
  }

  #file(file: DescFile | undefined): Uint8Array {
    return file && this.#files.get(file) || this.#notFound;
  }

  /** Returns the file that declares a service, a message, an enum, or a member of one. */
  #fileOf(symbol: string): DescFile | undefined {
    // Each dot in the symbol costs one more lookup.
    if (symbol.length > MAX_SYMBOL_LENGTH) return undefined;
    const found = this.registry.get(symbol);
    if (found !== undefined) return found.file;
    const dot = symbol.lastIndexOf(".");
    return dot === -1 ? undefined : this.#fileOf(symbol.slice(0, dot));
  }
}

function encodeResponse(messageResponse: Response): Uint8Array {
  return encode(ServerReflectionResponseSchema, { messageResponse });
}
