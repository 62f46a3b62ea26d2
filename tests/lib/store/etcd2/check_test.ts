import { assertEquals, assertRejects } from "@std/assert";
import { check, isSameHistory } from "../../../../lib/store/etcd2/check.ts";
import { Etcd2Connection } from "../../../../lib/store/etcd2/connection.ts";
import { HttpRequest, Poll } from "../../../../lib/store/etcd2/request.ts";
import { Etcd2Watch } from "../../../../lib/store/etcd2/watch.ts";
import type { WatchEvent } from "../../../../lib/store/store.ts";

/** A member at index 6, as far as a check asks it. */
class Member extends Etcd2Connection {
  pings = 0;

  constructor(private readonly isPaused: boolean) {
    super("http://127.0.0.1:1", {});
  }

  override read(): ReturnType<Etcd2Connection["read"]> {
    return Promise.resolve({ header: { revision: 6 } });
  }

  override ping(): Promise<void> {
    this.pings++;
    return this.isPaused
      ? Promise.reject(new Error("etcd did not respond"))
      : Promise.resolve();
  }
}

/** A watch that has everything up to 5, with a poll whose headers were sent at 6, and no event. */
function polledWatch(member: Member): Etcd2Watch {
  const made: Etcd2Watch[] = [];
  new ReadableStream<WatchEvent>({
    start: (controller) => void made.push(new Etcd2Watch("/a/", controller)),
  });
  const [watch] = made;
  if (watch === undefined) throw new Error("a stream starts at once");
  watch.deliverSnapshot({ header: { revision: 5 }, entries: [] }, 0);
  watch.isLive = true;
  watch.poll = new Poll(6, new HttpRequest(member.signal));
  return watch;
}

Deno.test("etcd2 check: a member that is paused after the headers of a poll confirms nothing", async () => {
  const member = new Member(true);
  const watch = polledWatch(member);
  await assertRejects(
    () => check(member, [watch], 100),
    Error,
    "did not respond",
  );
  assertEquals([watch.completeRevision, member.pings], [5, 1]);
  member.close();
});

Deno.test("etcd2 check: a member that responds afterwards has no event up to the headers of the poll", async () => {
  const member = new Member(false);
  const watch = polledWatch(member);
  assertEquals(await check(member, [watch], 100), [watch]);
  assertEquals([watch.completeRevision, member.pings], [6, 1]);
  member.close();
});

/** A request whose response is no event. */
class OtherRequest extends HttpRequest {
  readonly #chunks = [new TextEncoder().encode("{}")];

  override read(): Promise<Uint8Array | undefined> {
    return Promise.resolve(this.#chunks.shift());
  }
}

Deno.test("etcd2 check: a response that is no event leaves no timer", {
  sanitizeOps: true,
}, async () => {
  class OtherMember extends Member {
    override poll(): Promise<Poll> {
      return Promise.resolve(new Poll(6, new OtherRequest(this.signal)));
    }
  }
  const member = new OtherMember(false);
  const watch = polledWatch(member);
  const entry = { key: "/a/b", value: new Uint8Array(), revision: 5 };
  watch.deliverSnapshot({ header: { revision: 5 }, entries: [entry] }, 0);
  await assertRejects(
    () => isSameHistory(watch, member, { revision: 6 }, 60_000),
    Error,
    "etcd's response is no event",
  );
  member.close();
});
