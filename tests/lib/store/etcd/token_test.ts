import { assertEquals, assertRejects } from "@std/assert";
import { SharedToken, Token } from "../../../../lib/store/etcd/token.ts";
import { CapturedLog } from "../../../util/captured_log.ts";

const REFUSED = new Error("etcd: invalid auth token");
const DENIED = new Error("7 PERMISSION_DENIED: etcdserver: permission denied");
const OFF = new Error(
  "9 FAILED_PRECONDITION: etcdserver: authentication is not enabled",
);

/** An etcd that accepts one token at a time. */
class Issuer {
  accepted?: string;
  isOff = false;
  logins = 0;
  /** What a call without a token fails with while authentication is on. */
  anonymous = new Error("etcdserver: user name is empty");
  readonly shared = new SharedToken();
  readonly token = this.connect();

  /** The token for another connection. */
  connect(): Token {
    return new Token(async () => {
      this.logins++;
      await undefined;
      if (this.isOff) throw OFF;
      return this.accepted = `token ${this.logins}`;
    }, this.shared);
  }

  /** Makes a call. @returns the token that was accepted */
  call(token = this.token): Promise<string | undefined> {
    return token.use(async (token) => {
      await undefined;
      if (!this.isOff && token === undefined) throw this.anonymous;
      if (!this.isOff && token !== this.accepted) throw REFUSED;
      return token;
    });
  }
}

Deno.test("token: one login serves all calls, also simultaneous first ones", async () => {
  const etcd = new Issuer();
  const calls = await Promise.all([etcd.call(), etcd.call()]);
  assertEquals([...calls, await etcd.call()], Array(3).fill("token 1"));
  assertEquals(etcd.logins, 1);
});

Deno.test("token: a refused token is replaced once, by whichever call", async () => {
  const etcd = new Issuer();
  await etcd.call();
  for (
    const text of [
      "rpc error: code = Unauthenticated desc = etcdserver: invalid auth token",
      "3 INVALID_ARGUMENT: etcdserver: revision of auth store is old",
    ]
  ) {
    const before = await etcd.token.current();
    assertEquals(etcd.token.dropIfRefused(before, new Error(text)), true);
    assertEquals(etcd.token.dropIfRefused(before, new Error(text)), true);
    const after = await etcd.token.current();
    assertEquals(etcd.token.dropIfRefused(before, new Error(text)), true);
    assertEquals(await etcd.token.current(), after);
  }
  assertEquals(etcd.logins, 3);
  etcd.accepted = undefined;
  assertEquals(
    await Promise.all([etcd.call(), etcd.call()]),
    ["token 4", "token 4"],
  );
});

Deno.test("token: while authentication is off there is none, and no login is tried again", async () => {
  const etcd = new Issuer();
  etcd.isOff = true;
  assertEquals([await etcd.call(), await etcd.call()], [undefined, undefined]);
  assertEquals(etcd.logins, 1);
  etcd.isOff = false;
  assertEquals(await etcd.call(), "token 2");
  etcd.isOff = true;
  // etcd pays no heed to it.
  assertEquals(await etcd.call(), "token 2");
});

Deno.test("token: a call with a certificate and without a token is refused by the certificate's name", async () => {
  const etcd = new Issuer();
  etcd.isOff = true;
  await etcd.call();
  etcd.isOff = false;
  etcd.anonymous = DENIED;
  assertEquals(await etcd.call(), "token 2");
  // With a token that is about rights, and no reason for another one.
  await assertRejects(
    () => etcd.token.use(() => Promise.reject(DENIED)),
    Error,
    DENIED.message,
  );
  assertEquals(etcd.logins, 2);
});

Deno.test("token: repeated refusals, and other errors, end a call", async () => {
  const etcd = new Issuer();
  let calls = 0;
  const refuse = (error: Error) => () => {
    calls++;
    return Promise.reject(error);
  };
  await assertRejects(() => etcd.token.use(refuse(REFUSED)), Error, "invalid");
  assertEquals([calls, etcd.logins], [3, 3]);
  const other = new Error("14 UNAVAILABLE: no leader");
  await assertRejects(() => etcd.token.use(refuse(other)), Error, "no leader");
  assertEquals([calls, etcd.logins], [4, 4]);
  const anonymous = new Token();
  await assertRejects(() => anonymous.use(refuse(REFUSED)), Error, "invalid");
  assertEquals(calls, 5);
});

Deno.test("token: a refused login is tried again at the next call", async () => {
  let isRight = false;
  const token = new Token(() =>
    isRight ? Promise.resolve("x") : Promise.reject(new Error("not you"))
  );
  const call = () => token.use((token) => Promise.resolve(token));
  await assertRejects(call, Error, "not you");
  isRight = true;
  assertEquals(await call(), "x");
});

Deno.test("token: connections share it, and do not wait for each other's login", async () => {
  using logged = new CapturedLog();
  const etcd = new Issuer();
  const shared = etcd.shared;
  const hanging = new Token(() => new Promise(() => {}), shared);
  const never = etcd.call(hanging);
  assertEquals(await etcd.call(etcd.connect()), "token 1");
  assertEquals(await etcd.call(etcd.connect()), "token 1");
  assertEquals(etcd.logins, 1);
  // What one is refused for, another one has replaced already.
  const old = await etcd.token.current();
  etcd.accepted = undefined;
  assertEquals(await etcd.call(etcd.connect()), "token 2");
  assertEquals(hanging.dropIfRefused(old, REFUSED), true);
  assertEquals((await etcd.token.current()).value, "token 2");
  for (const isOff of [true, true, false, false]) {
    etcd.isOff = isOff;
    shared.drop(await etcd.token.current());
    await etcd.call(etcd.connect());
  }
  assertEquals(logged.lines, [
    "warning etcd's authentication is off, --etcd.user is not used",
    "info etcd's authentication is on, --etcd.user is used",
  ]);
  assertEquals(await Promise.race([never, "waits"]), "waits");
});
