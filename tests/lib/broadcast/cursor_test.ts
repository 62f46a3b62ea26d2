import { assert, assertEquals } from "@std/assert";
import { Cursor, type Delivery } from "../../../lib/broadcast/cursor.ts";
import { State } from "../../../lib/broadcast/state.ts";
import { Topic } from "../../../lib/broadcast/topic.ts";
import { Unavailable } from "../../../lib/errors.ts";

const [a, b, c] = [State.of("1"), State.of("2"), State.of("3")];
const lost = new Unavailable("lost");
const subscriber = { wake() {} };

/** A cursor of a topic, whose first state it was given. */
function cursorOf(topic: Topic, deliversErrors = true): Cursor {
  const cursor = new Cursor(subscriber, deliversErrors);
  cursor.attach(topic);
  assertEquals(next(cursor).event, "init");
  return cursor;
}

function next(cursor: Cursor): Delivery {
  const delivery = cursor.next();
  assert(delivery !== undefined && !(delivery instanceof Unavailable));
  return delivery;
}

Deno.test("cursor: delivers the latest state, and counts those that it skips", () => {
  const topic = new Topic(a);
  const cursor = cursorOf(topic);
  assertEquals([cursor.next(), cursor.isBehind], [undefined, false]);
  topic.publish(b, "update", 1);
  topic.publish(c, "delete", 2);
  assertEquals(cursor.isBehind, true);
  const { state, previous, event, readAt } = next(cursor);
  assertEquals([state, previous, event, readAt], [c, a, "update", 2]);
  assertEquals([cursor.conflated, cursor.isBehind], [1, false]);
});

Deno.test("cursor: a state that is the same again is not delivered", () => {
  const topic = new Topic(a);
  const cursor = cursorOf(topic);
  topic.publish(b, "update");
  topic.publish(a, "update");
  assertEquals(cursor.next(), undefined);
  topic.publish(b, "update");
  assertEquals(next(cursor).previous, a);
});

Deno.test("cursor: after an error a listener that got the error gets the state again, another does not", () => {
  const topic = new Topic(a);
  const withErrors = cursorOf(topic);
  const withoutErrors = cursorOf(topic, false);
  topic.publish(lost, "update");
  assertEquals([withErrors.next(), withoutErrors.next()], [lost, undefined]);
  topic.publish(a, "delete");
  const { state, previous, event } = next(withErrors);
  assertEquals([state, previous, event], [a, undefined, "update"]);
  assertEquals(withoutErrors.next(), undefined);
  topic.publish(b, "update");
  assertEquals(next(withoutErrors).previous, a);
});

Deno.test("cursor: resumes from a state that the listener has", () => {
  const topic = new Topic(b);
  const [behind, current] = [a, State.of("2")].map((resumeState) => {
    const cursor = new Cursor(subscriber, true);
    cursor.attach(topic, resumeState);
    return next(cursor);
  });
  assertEquals([behind?.previous, behind?.isUnchanged], [a, false]);
  assertEquals(current?.isUnchanged, true);
});

Deno.test("cursor: a detached cursor delivers nothing, and is not subscribed", () => {
  const topic = new Topic(a);
  const cursor = cursorOf(topic);
  topic.publish(b, "update");
  cursor.detach();
  assertEquals([cursor.next(), cursor.isBehind], [undefined, false]);
  assertEquals(topic.subscribers, 0);
});
