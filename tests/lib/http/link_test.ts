import { assert, assertEquals } from "@std/assert";
import type { RequestHandler } from "../../../lib/http/response.ts";
import type { ViewStream } from "../../../lib/view/views.ts";
import type {
  EventStream,
  HttpResponse,
} from "../../../lib/view/custom_endpoint.ts";
import { State } from "../../../lib/broadcast/state.ts";
import { Topic } from "../../../lib/broadcast/topic.ts";
import { Unavailable } from "../../../lib/errors.ts";
import {
  RemoteHandler,
  type ToMain,
  type ToWorker,
  WorkerLink,
} from "../../../lib/http/link.ts";
import { eventually } from "../../util/process.ts";
import { ListenedSignal } from "../../util/leaks.ts";

const REQUEST = {
  method: "GET",
  url: "http://x/",
  peer: "127.0.0.1",
  isKnownHost: true,
  accept: null,
  acceptEncoding: null,
  ifNoneMatch: null,
  prefer: null,
  lastEventId: null,
};

/** A handler whose event streams all carry one topic. */
class TestHandler implements RequestHandler {
  /** Revision of the topic's state. */
  revision = 1;
  readonly topic = new Topic(State.of("1"), () => this.revision);
  readonly streams: ViewStream[] = [];
  /** The state that the client has. */
  had?: State;
  stopped = 0;
  /** Called before a stream is attached. */
  onStart = () => {};

  handle({ url }: typeof REQUEST): Promise<HttpResponse | EventStream> {
    if (!url.endsWith("watch")) {
      const { body, etag } = State.of(`"${url}"`);
      const headers = { a: "b", ETag: etag };
      return Promise.resolve({ status: 200, headers, body });
    }
    return Promise.resolve({
      headers: { c: "d" },
      options: { heartbeat: 3, patch: true, tag: false },
      start: (listener) => {
        this.onStart();
        this.streams.push(listener);
        listener.attach(this.topic, this.had);
        return () => this.stopped++;
      },
    });
  }
}

/** A handler whose topic is the output of a barrier. */
class BarrierHandler extends TestHandler {
  pass = 1;
  override readonly topic = new Topic(
    State.of("1"),
    () => this.revision,
    undefined,
    () => this.pass,
  );
}

/** A stream that records what it gets. */
class TestListener implements ViewStream {
  readonly heard: string[] = [];
  /** Of all states. */
  readonly revisions: number[] = [];
  topic?: Topic;
  had?: State;
  #seen = 0;

  attach(topic: Topic, had?: State): void {
    this.topic = topic;
    this.had = had;
    topic.subscribe(this);
    this.wake();
  }

  wake(): void {
    const { topic } = this;
    if (topic === undefined) return;
    const { latest, sequence: number } = topic;
    const text = latest instanceof Unavailable
      ? latest.message
      : new TextDecoder().decode(latest.body);
    this.heard.push(`${text} ${topic.kindSince(this.#seen)}`);
    this.revisions.push(topic.revision);
    this.#seen = number;
  }

  fail(message: string): void {
    this.heard.push(`failed: ${message}`);
  }
}

/** Both ends of a link, connected by a real message channel. */
class Link implements Disposable {
  readonly remote: RemoteHandler;
  /** Types of all messages to the worker. */
  readonly sent: string[] = [];
  readonly #channel = new MessageChannel();

  constructor(readonly handler = new TestHandler()) {
    const { port1, port2 } = this.#channel;
    const link = new WorkerLink(this.handler, (message) => {
      this.sent.push(message.type);
      port1.postMessage(message);
    });
    this.remote = new RemoteHandler((message) => port2.postMessage(message));
    port1.onmessage = ({ data }: MessageEvent<ToMain>) => link.receive(data);
    port2.onmessage = ({ data }: MessageEvent<ToWorker>) =>
      this.remote.receive(data);
  }

  async watch(): Promise<{ listener: TestListener; stop: () => void }> {
    const result = await this.remote.handle({
      ...REQUEST,
      url: "http://x/watch",
    });
    if (!("start" in result)) throw new Error("no event stream");
    assertEquals(result.headers, { c: "d" });
    assertEquals(result.options, { heartbeat: 3, patch: true, tag: false });
    const listener = new TestListener();
    return { listener, stop: result.start(listener) };
  }

  [Symbol.dispose](): void {
    this.#channel.port1.close();
    this.#channel.port2.close();
  }
}

const heard = (listener: TestListener, last: string) =>
  eventually(
    `it hears ${last}`,
    () => listener.heard.at(-1) === last || undefined,
  );

Deno.test("link: responses and their bytes arrive at the right requests", async () => {
  using link = new Link();
  const answers = await Promise.all(
    ["a", "b"].map((url) => link.remote.handle({ ...REQUEST, url })),
  );
  for (const [i, answer] of answers.entries()) {
    if (!("body" in answer) || !(answer.body instanceof Uint8Array)) {
      throw new Error("no answer");
    }
    assertEquals(new TextDecoder().decode(answer.body), `"${"ab"[i]}"`);
    assertEquals(answer.headers.a, "b");
  }
});

Deno.test("link: equal large responses share their bytes while one of them is in use", async () => {
  using link = new Link();
  const [a, b] = ["a".repeat(100_000), "b".repeat(100_000)];
  const get = async (url: string) => {
    const response = await link.remote.handle({ ...REQUEST, url });
    if (!("body" in response)) throw new Error("no response");
    return response.body;
  };
  const [first, other, again] = [
    await get(a),
    await get(b),
    await get(a),
  ];
  assert(again === first);
  assertEquals(first, State.of(`"${a}"`).body);
  assertEquals(other, State.of(`"${b}"`).body);
});

Deno.test("link: a state is sent once for all streams of a worker", async () => {
  using link = new Link();
  const one = await link.watch();
  const two = await link.watch();
  await heard(one.listener, "1 delete");
  await heard(two.listener, "1 delete");
  link.handler.topic.publish(State.of("2"), "update");
  await heard(one.listener, "2 update");
  await heard(two.listener, "2 update");
  link.handler.topic.publish(new Unavailable("lost"), "delete");
  await heard(two.listener, "lost delete");
  link.handler.streams[1]?.fail("no more", 403);
  await heard(two.listener, "failed: no more");
  await heard(one.listener, "lost delete");
  assertEquals(link.sent.filter((type) => type === "state").length, 3);
});

Deno.test("link: a worker gets a pass of the same revision that is of another history", async () => {
  const handler = new BarrierHandler();
  using link = new Link(handler);
  const { listener } = await link.watch();
  await heard(listener, "1 delete");
  handler.pass++;
  handler.topic.notify();
  await eventually(
    "the pass is another one",
    () => listener.topic?.pass === 2 || undefined,
  );
  assertEquals(listener.topic?.revision, 1);
});

Deno.test("link: a state keeps the time when its change was read", async () => {
  using link = new Link();
  const { listener } = await link.watch();
  await heard(listener, "1 delete");
  link.handler.topic.publish(State.of("2"), "update", 1_234.5);
  await heard(listener, "2 update");
  assertEquals(listener.topic?.readAt, 1_234.5);
  link.handler.topic.publish(State.of("3"), "update");
  await heard(listener, "3 update");
  assertEquals(listener.topic?.readAt, undefined);
});

Deno.test("link: the state that a client has is sent as the difference from the current one", async () => {
  using link = new Link();
  const { topic } = link.handler;
  const members = (value: string) =>
    Array.from({ length: 500 }, (_, i): [string, string] => [
      `m${i}`,
      i === 7 ? value : "1",
    ]);
  const states = ["1", "2", "3"].map((value) => State.of(members(value)));
  for (const state of states) topic.publish(state, "update");
  const listeners = [];
  for (const had of [states[0], states[0], states[2]]) {
    link.handler.had = had;
    const { listener } = await link.watch();
    await eventually("it is attached", () => listener.topic && true);
    assertEquals(listener.had?.etag, had?.etag);
    listeners.push(listener);
  }
  const [one, two, three] = listeners;
  // The same object for both, so that they share the patch from it.
  assertEquals(one?.had === two?.had, true);
  assertEquals(three?.had === three?.topic?.latest, true);
  const latest = one?.topic?.latest;
  if (!(latest instanceof State && one?.had)) throw new Error("no state");
  const patch = latest.patchFrom(one.had);
  assertEquals(patch && new TextDecoder().decode(patch.body), '{"m7":3}');
});

Deno.test("link: changes while the worker is busy arrive as one state", async () => {
  using link = new Link();
  const { listener } = await link.watch();
  await heard(listener, "1 delete");
  for (let i = 2; i <= 100; i++) {
    link.handler.topic.publish(
      State.of(`${i}`),
      i === 50 ? "update" : "delete",
    );
  }
  await heard(listener, "100 update");
  // The first had been sent when the others came.
  assertEquals(listener.heard, ["1 delete", "2 delete", "100 update"]);
});

Deno.test("link: a stream that opens while the worker is behind begins with the latest state", async () => {
  using link = new Link();
  const { handler } = link;
  const { listener } = await link.watch();
  await heard(listener, "1 delete");
  handler.onStart = () => {
    for (const number of [2, 3]) {
      handler.revision = number;
      handler.topic.publish(State.of(`${number}`), "update");
    }
  };
  const late = (await link.watch()).listener;
  await heard(late, "3 update");
  assertEquals(late.heard, ["3 update"]);
  assertEquals(late.revisions, [3]);
  assertEquals(listener.revisions, [1, 2, 3]);
});

Deno.test("link: a stream that resumes on a worker that is behind gets no older state", async () => {
  using link = new Link();
  const { handler } = link;
  const { topic } = handler;
  const numbered = (n: number) => State.of([["n", `${n}`]]);
  const { listener } = await link.watch();
  await eventually("it is attached", () => listener.topic && true);
  for (const [begin, back] of [[2, 1], [5, 2], [9, 0]] as const) {
    handler.onStart = () => {
      // The first is sent, the others wait for its acknowledgment.
      for (const n of [begin, begin + 1, begin + 2]) {
        topic.publish(numbered(n), "update");
        if (n === begin + 2 - back) handler.had = numbered(n);
      }
    };
    const { listener } = await link.watch();
    const newest = `{"n":${begin + 2}} update`;
    await heard(listener, newest);
    assertEquals(listener.heard, [newest]);
    assertEquals(listener.had?.etag, handler.had?.etag);
  }
  // A stream that ends before it is attached is not attached.
  handler.onStart = () => {
    for (const n of [20, 21]) topic.publish(numbered(n), "update");
  };
  const gone = await link.watch();
  gone.stop();
  await heard(listener, '{"n":21} update');
  assertEquals(gone.listener.heard, []);
  assertEquals(topic.subscribers, 1);
});

Deno.test("link: a topic is dropped with its last stream, and linked again for another", async () => {
  using link = new Link();
  for (let round = 1; round <= 3; round++) {
    const one = await link.watch();
    const two = await link.watch();
    await heard(two.listener, `${round} delete`);
    assertEquals(link.handler.topic.subscribers, 1);
    one.stop();
    two.stop();
    // Opened while the others end.
    const three = await link.watch();
    await heard(three.listener, `${round} delete`);
    three.stop();
    await eventually(
      "all are gone",
      () => link.handler.stopped === 3 * round || undefined,
    );
    assertEquals(link.handler.topic.subscribers, 0);
    link.handler.topic.publish(State.of(`${round + 1}`), "delete");
  }
});

Deno.test("link: a request whose client leaves, or has left, is canceled; a response removes the listener of the signal", async () => {
  const told: string[] = [];
  const remote = new RemoteHandler(({ type }) => told.push(type));
  const listened = new ListenedSignal();
  const answer = remote.handle(REQUEST, listened.signal);
  remote.handle(REQUEST, listened.signal);
  assertEquals([told, listened.listeners], [["request", "request"], 2]);
  const body = State.of("1").body;
  remote.receive({
    type: "response",
    id: 0,
    response: { status: 200, headers: {}, body },
  });
  await answer;
  assertEquals(listened.listeners, 1);
  listened.abort();
  remote.handle(REQUEST, listened.signal);
  assertEquals(told, ["request", "request", "cancel", "request", "cancel"]);
});
