import { EXPECTED, GrpcCall, methodOf } from "./grpc.ts";
import type { SimulatedLainlet } from "./lainlet.ts";
import { type Listener, Seen, Violation } from "./listeners.ts";
import { QUESTIONS } from "./questions.ts";
import type { Reference } from "./reference.ts";
import type { Sockets } from "./grpc_sockets.ts";

/** A gRPC client, of a unary or a streaming call. */
export class GrpcListener implements Listener {
  readonly name: string;
  readonly #call: GrpcCall;
  readonly #seen: Seen;
  #text?: string;
  #isEndNoted = false;

  constructor(
    sockets: Sockets,
    lainlet: SimulatedLainlet,
    question: number,
    private readonly method: "get" | "watch",
  ) {
    const { grpc, peer = "" } = QUESTIONS[question] ?? {};
    if (grpc === undefined) throw new Error(`no question ${question} of gRPC`);
    const { service, request } = grpc;
    this.name = `${service}/${method} from ${peer} on ${lainlet.name}`;
    this.#call = new GrpcCall(
      sockets,
      lainlet.name,
      methodOf(service, method),
      request,
      peer,
    );
    this.#seen = new Seen(lainlet, question, this.name);
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

  check(reference: Reference, note: (text: string) => void): void {
    for (const text of this.#call.take()) {
      note(`  ${this.name} gets ${text}`);
      this.#text = text;
      this.#seen.look(reference, text);
    }
    const { status } = this.#call;
    if (status === undefined || this.#isEndNoted) return;
    this.#isEndNoted = true;
    note(`  ${this.name} ends with ${status.code} ${status.message}`);
    if (!EXPECTED.has(status.code)) {
      throw new Violation("a call failed", `${this.name}: ${status.message}`);
    }
  }

  checkLatest(reference: Reference): void {
    if (!this.isOpen || this.isStalled || this.method === "get") return;
    this.#seen.checkLatest(reference, this.#text);
  }

  leave(): void {
    this.#call.leave();
  }
}
