import { InterceptingCall, type Interceptor, Metadata } from "@grpc/grpc-js";
import { Buffer } from "node:buffer";
import type { Random } from "../util/model.ts";
import type { KeyRange } from "./keyspace.ts";
import type { Operation, Story } from "./story.ts";

/** The login of lainlets. */
export const LOGIN = { username: "lainlet", password: "secret" };

/** How long a token is good, in ms. */
const LIFETIME = 15_000;

/** Subtrees that a role may not have. */
const SUBTREES = [
  "/lain/config/",
  "/lain/deployd/pod_groups/",
  "/lain/deployd/depends/pods/",
  "/lain/nodes/nodes/",
] as const;

/** How a call is made. */
export interface CallOptions {
  readonly interceptors?: readonly Interceptor[];
}

/**
 * etcd's authentication: one user, whose tokens expire, are forgotten, and are
 * of one revision of all rights.
 *
 * @see https://etcd.io/docs/v3.4/learning/design-auth-v3/
 */
export class Auth {
  isOn: boolean;
  password = LOGIN.password;
  /** The subtree that the user may not read. */
  refused?: string;
  /** Tokens, and until when they are good. */
  readonly #tokens = new Map<string, number>();
  #issued = 0;
  /** Whether a watch is refused with no word on the token, as before 3.4.22. */
  readonly #isOld = Math.random() < 0.5;

  /** @param isUsed whether lainlets have a login */
  constructor(readonly isUsed: boolean) {
    this.isOn = isUsed;
  }

  /** Logs in. @throws {Error} as etcd does */
  authenticate({ name, password }: { name: string; password: string }): string {
    if (!this.isOn) {
      throw new Error(
        "9 FAILED_PRECONDITION: etcdserver: authentication is not enabled",
      );
    }
    if (name !== LOGIN.username || password !== this.password) {
      throw new Error(
        "3 INVALID_ARGUMENT: etcdserver: authentication failed, invalid user ID or password",
      );
    }
    const token = `token.${++this.#issued}`;
    this.#tokens.set(token, performance.now() + LIFETIME);
    return token;
  }

  /** Looks whether who has a token may read a range. @throws {Error} as etcd does */
  check(token: string | undefined, range: KeyRange): void {
    if (!this.isOn) return;
    if (token === undefined) {
      throw new Error("3 INVALID_ARGUMENT: etcdserver: user name is empty");
    }
    if ((this.#tokens.get(token) ?? 0) < performance.now()) {
      throw new Error("16 UNAUTHENTICATED: etcdserver: invalid auth token");
    }
    if (this.refused !== undefined && touches(range, this.refused)) {
      throw new Error("7 PERMISSION_DENIED: etcdserver: permission denied");
    }
  }

  /** Why a watch is refused; undefined: it is not. */
  whyNoWatch(token: string | undefined, range: KeyRange): string | undefined {
    try {
      this.check(token, range);
    } catch (error) {
      return this.#isOld
        ? "etcdserver: permission denied"
        : error instanceof Error
        ? error.message
        : String(error);
    }
  }

  /** Forgets all tokens, as a restart does. */
  forget(): void {
    this.#tokens.clear();
  }

  /** Makes an end to all faults. */
  heal(): void {
    this.password = LOGIN.password;
    this.refused = undefined;
  }
}

/** Whether some key of a range is in a subtree. */
function touches({ from, to }: KeyRange, subtree: string): boolean {
  if (to.length === 0) return from.toString().startsWith(subtree);
  const end = Buffer.from(subtree.replace(/\/$/, "0"));
  return Buffer.compare(from, end) < 0 &&
    Buffer.compare(to, Buffer.from(subtree)) > 0;
}

/** The token that a call sends along. */
export function tokenOf(
  { interceptors: [interceptor] = [] }: CallOptions = {},
): string | undefined {
  let token: string | undefined;
  const last: ConstructorParameters<typeof InterceptingCall>[0] = {
    start: (metadata) => token = metadata.get("token")[0]?.toString(),
    cancelWithStatus() {},
    getPeer: () => "",
    sendMessageWithContext() {},
    sendMessage() {},
    startRead() {},
    halfClose() {},
    getAuthContext: () => null,
  };
  const call = interceptor?.(
    { method_definition: METHOD },
    () => new InterceptingCall(last),
  );
  call?.start(new Metadata());
  return token;
}

/** Interceptors are told of a method; lainlet's ask for none. */
const METHOD = {
  path: "",
  requestStream: false,
  responseStream: false,
  requestSerialize: () => Buffer.alloc(0),
  responseDeserialize: () => ({}),
};

/** Something that happens to logins. */
export function authFault(random: Random): Omit<Operation, "after"> {
  const time = 500 + random.below(20_000);
  const auth = ({ world }: Story) => world.auth;
  switch (random.below(4)) {
    case 0:
      return {
        text: "etcd's authentication is switched on, or off",
        perform(story) {
          const one = auth(story);
          one.isOn = !one.isOn;
          one.forget();
        },
      };
    case 1:
      return {
        text: "etcd forgets all tokens",
        perform: (story) => auth(story).forget(),
      };
    case 2:
      return {
        text: `the password is another one for ${time} ms`,
        perform(story) {
          const one = auth(story);
          one.password = "another one";
          one.forget();
          setTimeout(() => one.password = LOGIN.password, time);
        },
      };
    default: {
      const subtree = random.pick(SUBTREES);
      return {
        text: `etcd refuses ${subtree} for ${time} ms`,
        perform(story) {
          const one = auth(story);
          one.refused = subtree;
          setTimeout(() => one.refused = undefined, time);
        },
      };
    }
  }
}
