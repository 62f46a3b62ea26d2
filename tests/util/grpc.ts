import { Buffer } from "node:buffer";
import { connect, createServer, type Socket } from "node:net";
import {
  type DescMethod,
  type DescService,
  fromBinary,
  fromJson,
  type JsonObject,
  toBinary,
  toJson,
} from "@bufbuild/protobuf";
import {
  type ChannelCredentials,
  Client,
  type ClientReadableStream,
  credentials,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import "../../lib/store/etcd/sockets.ts";
import * as proto from "../../lib/grpc/proto/message_pb.ts";
import { within } from "./process.ts";

/** How a call ended. */
export interface Outcome {
  /** As the golden calls name it: `ok`, `not_found`. */
  readonly code: string;
  readonly message: string;
  readonly reply?: JsonObject;
}

/** A service of lainlet's, by its name without the package. */
export function serviceOf(name: string): DescService {
  const found = proto.file_message.services.find((one) => one.name === name);
  if (found === undefined) throw new Error(`there is no service ${name}`);
  return found;
}

/** A client by grpc-js, an implementation that lainlet does not use. */
export class RpcClient implements AsyncDisposable {
  private constructor(
    private readonly client: Client,
    private readonly relay: AsyncDisposable | undefined,
  ) {}

  /** @param from the address that the calls come from */
  static async open(
    port: number,
    from = "127.0.0.1",
    login: ChannelCredentials = credentials.createInsecure(),
  ): Promise<RpcClient> {
    const relay = from === "127.0.0.1" ? undefined : new Relay(port, from);
    const address = `127.0.0.1:${await relay?.port ?? port}`;
    const client = new Client(address, login, {
      "grpc.max_receive_message_length": -1,
      "grpc.use_local_subchannel_pool": 1,
      "grpc.enable_http_proxy": 0,
    });
    return new RpcClient(client, relay);
  }

  /** Makes a unary call. */
  get(service: string, request: JsonObject = {}): Promise<Outcome> {
    return this.call(methodOf(serviceOf(service), "Get"), request);
  }

  call(method: DescMethod, request: JsonObject = {}): Promise<Outcome> {
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    this.client.makeUnaryRequest(
      pathOf(method),
      encoder(method),
      decoder(method),
      request,
      (error, reply) => resolve(error ? outcomeOf(error) : good(reply)),
    );
    return promise;
  }

  /** Opens a stream. */
  watch(service: string, request: JsonObject = {}): RpcStream {
    return this.stream(methodOf(serviceOf(service), "Watch"), request);
  }

  stream(method: DescMethod, request: JsonObject = {}): RpcStream {
    return new RpcStream(this.client.makeServerStreamRequest(
      pathOf(method),
      encoder(method),
      decoder(method),
      request,
    ));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.close();
    await this.relay?.[Symbol.asyncDispose]();
  }
}

/** A stream of responses, which are kept until they are read. */
export class RpcStream implements Disposable {
  readonly #replies: JsonObject[] = [];
  readonly #waiting: (() => void)[] = [];
  #end?: Outcome;

  constructor(private readonly call: ClientReadableStream<JsonObject>) {
    call.on("data", (reply) => {
      this.#replies.push(reply);
      this.#waiting.shift()?.();
    });
    const end = (outcome: Outcome) => {
      this.#end ??= outcome;
      for (const wake of this.#waiting.splice(0)) wake();
    };
    call.on("error", (error: ServiceError) => end(outcomeOf(error)));
    call.on("end", () => end({ code: "ok", message: "" }));
  }

  /** How many responses have come and are unread. */
  get size(): number {
    return this.#replies.length;
  }

  /** The next response, or how the stream ended. @throws when neither comes */
  async next(timeout = 20_000): Promise<JsonObject | Outcome> {
    if (this.#replies.length === 0 && this.#end === undefined) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.push(resolve);
      await within("a reply", promise, timeout);
    }
    const reply = this.#replies.shift() ?? this.#end;
    if (reply === undefined) throw new Error("woken for nothing");
    return reply;
  }

  /** Stops reading until {@linkcode resume}. */
  pause(): void {
    this.call.pause();
  }

  resume(): void {
    this.call.resume();
  }

  [Symbol.dispose](): void {
    this.call.cancel();
  }
}

/** Forwards connections from another source address. */
class Relay implements AsyncDisposable {
  readonly port: Promise<number>;
  readonly #server = createServer();
  readonly #sockets = new Set<Socket>();

  constructor(port: number, from: string) {
    this.#server.on("connection", (caller) => {
      const called = connect({ host: "127.0.0.1", port, localAddress: from });
      for (const socket of [caller, called]) {
        this.#sockets.add(socket);
        socket.on("error", () => {});
        socket.on("close", () => {
          caller.destroy();
          called.destroy();
        });
      }
      caller.pipe(called).pipe(caller);
    });
    this.port = new Promise((resolve) => {
      this.#server.listen(0, "127.0.0.1", () => {
        const address = this.#server.address();
        if (typeof address === "object" && address) resolve(address.port);
      });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

export function methodOf(service: DescService, name: string): DescMethod {
  const found = service.methods.find((one) => one.name === name);
  if (found !== undefined) return found;
  throw new Error(`${service.typeName} has no ${name}`);
}

function pathOf({ parent, name }: DescMethod): string {
  return `/${parent.typeName}/${name}`;
}

function encoder({ input }: DescMethod) {
  return (request: JsonObject) =>
    Buffer.from(toBinary(input, fromJson(input, request)));
}

/** In proto3's JSON form, with the original names, and with what is not there. */
function decoder({ output }: DescMethod) {
  return (bytes: Buffer): JsonObject => {
    const reply = toJson(output, fromBinary(output, bytes), {
      alwaysEmitImplicit: true,
      useProtoFieldName: true,
    });
    if (typeof reply !== "object" || reply === null || Array.isArray(reply)) {
      throw new TypeError("a reply is an object");
    }
    return reply;
  };
}

function outcomeOf({ code, details }: ServiceError): Outcome {
  return { code: (status[code] ?? "").toLowerCase(), message: details };
}

function good(reply: JsonObject | undefined): Outcome {
  return { code: "ok", message: "", reply };
}
