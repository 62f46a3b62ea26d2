import { assertEquals } from "@std/assert";
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
  type ToMain,
  type ToWorker,
  WorkerLink,
} from "../../../lib/http/link.ts";
import { RemoteHandler } from "../../../lib/http/remote.ts";
import { eventually } from "../../util/process.ts";
import { ListenedSignal } from "../../util/signal.ts";

const ASK = {
  method: "GET",
  url: "http://x/",
  peer: "127.0.0.1",
  isNamed: true,
  accept: null,
  acceptEncoding: null,
  ifNoneMatch: null,
  prefer: null,
  lastEventId: null,
};

/** An origin that feeds everybody from one topic. */
class TestOrigin implements RequestHandler {
  /** The store's, at which the topic's state is there. */
  revision = 1;
  readonly topic = new Topic(State.of("1"), () => this.revision);
  readonly fed: ViewStream[] = [];
  /** What a reader says that it has. */
  had?: State;
  stopped = 0;
  /** Called before a listener is fed. */
  onStart = () => {};

  handle({ url }: typeof ASK): Promise<HttpResponse | EventStream> {
    if (!url.endsWith("watch")) {
      const body = State.of(`"${url}"`).body;
      return Promise.resolve({ status: 200, headers: { a: "b" }, body });
    }
    return Promise.resolve({
      headers: { c: "d" },
      options: { heartbeat: 3, patch: true, tag: false },
      start: (listener) => {
        this.onStart();
        this.fed.push(listener);
        listener.attach(this.topic, this.had);
        return () => this.stopped++;
      },
    });
  }
}

/** A listener that notes what its topic says. */
class TestListener implements ViewStream {
  readonly heard: string[] = [];
  /** Of all that was heard. */
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

/** Both ends of a link, with a real channel between them. */
class Link implements Disposable {
  readonly origin = new TestOrigin();
  readonly remote: RemoteHandler;
  /** Types of the messages to the worker. */
  readonly sent: string[] = [];
  readonly #channel = new MessageChannel();

  constructor() {
    const { port1, port2 } = this.#channel;
    const link = new WorkerLink(this.origin, (message) => {
      this.sent.push(message.type);
      port1.postMessage(message);
    });
    this.remote = new RemoteHandler((message) => port2.postMessage(message));
    port1.onmessage = ({ data }: MessageEvent<ToMain>) => link.receive(data);
    port2.onmessage = ({ data }: MessageEvent<ToWorker>) =>
      this.remote.receive(data);
  }

  async watch(): Promise<{ listener: TestListener; stop: () => void }> {
    const feed = await this.remote.handle({ ...ASK, url: "http://x/watch" });
    if (!("start" in feed)) throw new Error("no feed");
    assertEquals(feed.headers, { c: "d" });
    assertEquals(feed.options, { heartbeat: 3, patch: true, tag: false });
    const listener = new TestListener();
    return { listener, stop: feed.start(listener) };
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

Deno.test("link: answers come to those who asked, with their bytes", async () => {
  using link = new Link();
  const answers = await Promise.all(
    ["a", "b"].map((url) => link.remote.handle({ ...ASK, url })),
  );
  for (const [i, answer] of answers.entries()) {
    if (!("body" in answer) || !(answer.body instanceof Uint8Array)) {
      throw new Error("no answer");
    }
    assertEquals(new TextDecoder().decode(answer.body), `"${"ab"[i]}"`);
    assertEquals(answer.headers, { a: "b" });
  }
});

Deno.test("link: a state is sent once for all listeners, and each of them hears it", async () => {
  using link = new Link();
  const one = await link.watch();
  const two = await link.watch();
  await heard(one.listener, "1 delete");
  await heard(two.listener, "1 delete");
  link.origin.topic.publish(State.of("2"), "update");
  await heard(one.listener, "2 update");
  await heard(two.listener, "2 update");
  link.origin.topic.publish(new Unavailable("lost"), "delete");
  await heard(two.listener, "lost delete");
  link.origin.fed[1]?.fail("no more", 403);
  await heard(two.listener, "failed: no more");
  await heard(one.listener, "lost delete");
  assertEquals(link.sent.filter((type) => type === "state").length, 3);
});

Deno.test("link: when a state's change was read goes with it", async () => {
  using link = new Link();
  const { listener } = await link.watch();
  await heard(listener, "1 delete");
  link.origin.topic.publish(State.of("2"), "update", 1_234.5);
  await heard(listener, "2 update");
  assertEquals(listener.topic?.readAt, 1_234.5);
  link.origin.topic.publish(State.of("3"), "update");
  await heard(listener, "3 update");
  assertEquals(listener.topic?.readAt, undefined);
});

Deno.test("link: what a reader has goes with it, as far as it is no part of the present state", async () => {
  using link = new Link();
  const { topic } = link.origin;
  const members = (value: string) =>
    Array.from({ length: 500 }, (_, i): [string, string] => [
      `m${i}`,
      i === 7 ? value : "1",
    ]);
  const states = ["1", "2", "3"].map((value) => State.of(members(value)));
  for (const state of states) topic.publish(state, "update");
  const listeners = [];
  for (const had of [states[0], states[0], states[2]]) {
    link.origin.had = had;
    const { listener } = await link.watch();
    await eventually("it is attached", () => listener.topic && true);
    assertEquals(listener.had?.etag, had?.etag);
    listeners.push(listener);
  }
  const [one, two, three] = listeners;
  // One for both, so that a patch from it is made once.
  assertEquals(one?.had === two?.had, true);
  assertEquals(three?.had === three?.topic?.latest, true);
  const latest = one?.topic?.latest;
  if (!(latest instanceof State && one?.had)) throw new Error("no state");
  const patch = latest.patchFrom(one.had);
  assertEquals(patch && new TextDecoder().decode(patch.body), '{"m7":3}');
});

Deno.test("link: what comes while the worker is busy is one state, and what happened meanwhile", async () => {
  using link = new Link();
  const { listener } = await link.watch();
  await heard(listener, "1 delete");
  for (let i = 2; i <= 100; i++) {
    link.origin.topic.publish(State.of(`${i}`), i === 50 ? "update" : "delete");
  }
  await heard(listener, "100 update");
  // The first was on its way when the others came.
  assertEquals(listener.heard, ["1 delete", "2 delete", "100 update"]);
});

Deno.test("link: whoever comes while the worker is behind begins with the state that the origin has", async () => {
  using link = new Link();
  const { origin } = link;
  const { listener } = await link.watch();
  await heard(listener, "1 delete");
  origin.onStart = () => {
    for (const number of [2, 3]) {
      origin.revision = number;
      origin.topic.publish(State.of(`${number}`), "update");
    }
  };
  const late = (await link.watch()).listener;
  await heard(late, "3 update");
  assertEquals(late.heard, ["3 update"]);
  assertEquals(late.revisions, [3]);
  assertEquals(listener.revisions, [1, 2, 3]);
});

Deno.test("link: whoever resumes on a worker that is behind is not taken back", async () => {
  using link = new Link();
  const { origin } = link;
  const { topic } = origin;
  const numbered = (n: number) => State.of([["n", `${n}`]]);
  const { listener } = await link.watch();
  await eventually("it is attached", () => listener.topic && true);
  for (const [begin, back] of [[2, 1], [5, 2], [9, 0]] as const) {
    origin.onStart = () => {
      // The first goes to the worker, the others wait until it is taken.
      for (const n of [begin, begin + 1, begin + 2]) {
        topic.publish(numbered(n), "update");
        if (n === begin + 2 - back) origin.had = numbered(n);
      }
    };
    const { listener } = await link.watch();
    const newest = `{"n":${begin + 2}} update`;
    await heard(listener, newest);
    assertEquals(listener.heard, [newest]);
    assertEquals(listener.had?.etag, origin.had?.etag);
  }
  // Who leaves before it begins is not begun with.
  origin.onStart = () => {
    for (const n of [20, 21]) topic.publish(numbered(n), "update");
  };
  const gone = await link.watch();
  gone.stop();
  await heard(listener, '{"n":21} update');
  assertEquals(gone.listener.heard, []);
  assertEquals(topic.subscribers, 1);
});

Deno.test("link: a topic is dropped with its last listener, and can be had again", async () => {
  using link = new Link();
  for (let round = 1; round <= 3; round++) {
    const one = await link.watch();
    const two = await link.watch();
    await heard(two.listener, `${round} delete`);
    assertEquals(link.origin.topic.subscribers, 1);
    one.stop();
    two.stop();
    // Asked for while the others are on their way out.
    const three = await link.watch();
    await heard(three.listener, `${round} delete`);
    three.stop();
    await eventually(
      "all are gone",
      () => link.origin.stopped === 3 * round || undefined,
    );
    assertEquals(link.origin.topic.subscribers, 0);
    link.origin.topic.publish(State.of(`${round + 1}`), "delete");
  }
});

Deno.test("link: who has gone, or had before, is told of, and the signal is left alone after an answer", async () => {
  const told: string[] = [];
  const remote = new RemoteHandler(({ type }) => told.push(type));
  const listened = new ListenedSignal();
  const answer = remote.handle(ASK, listened.signal);
  remote.handle(ASK, listened.signal);
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
  remote.handle(ASK, listened.signal);
  assertEquals(told, ["request", "request", "cancel", "request", "cancel"]);
});
