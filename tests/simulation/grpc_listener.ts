import { EXPECTED, GrpcCall, methodOf } from "./grpc_call.ts";
import type { Sockets } from "./grpc_sockets.ts";
import type { SimulatedLainlet } from "./lainlet.ts";
import { type Listener, ReceivedStates, Violation } from "./listener.ts";
import type { Reference } from "./reference.ts";
import { requestAt } from "./requests.ts";

/** A gRPC client, of a unary or a streaming call. */
export class GrpcListener implements Listener {
  readonly name: string;
  readonly #call: GrpcCall;
  readonly #received: ReceivedStates;
  #text?: string;
  #isEndNoted = false;

  constructor(
    sockets: Sockets,
    lainlet: SimulatedLainlet,
    requestIndex: number,
    private readonly method: "get" | "watch",
  ) {
    const { grpc, peer } = requestAt(requestIndex);
    if (grpc === undefined) {
      throw new Error(`request ${requestIndex} is not sent by gRPC`);
    }
    const { service, message } = grpc;
    this.name = `${service}/${method} from ${peer} on ${lainlet.name}`;
    this.#call = new GrpcCall(
      sockets,
      lainlet.name,
      methodOf(service, method),
      message,
      peer,
    );
    this.#received = new ReceivedStates(lainlet, requestIndex, this.name);
  }

  get isOpen(): boolean {
    return this.#call.isOpen;
  }

  get isStalled(): boolean {
    return this.#call.isStalled;
  }

  set isStalled(isStalled: boolean) {
    this.#call.isStalled = isStalled;
  }

  check(reference: Reference, log: (text: string) => void): void {
    for (const text of this.#call.take()) {
      log(`  ${this.name} gets ${text}`);
      this.#text = text;
      this.#received.check(reference, text);
    }
    const { status } = this.#call;
    if (status === undefined || this.#isEndNoted) return;
    this.#isEndNoted = true;
    log(`  ${this.name} ends with ${status.code} ${status.message}`);
    if (!EXPECTED.has(status.code)) {
      throw new Violation("a call failed", `${this.name}: ${status.message}`);
    }
  }

  checkLatest(reference: Reference): void {
    if (!this.isOpen || this.isStalled || this.method === "get") return;
    this.#received.checkLatest(reference, this.#text);
  }

  disconnect(): void {
    this.#call.disconnect();
  }
}
