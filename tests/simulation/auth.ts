import { InterceptingCall, type Interceptor, Metadata } from "@grpc/grpc-js";
import { Buffer } from "node:buffer";
import type { Random } from "../util/model.ts";
import type { KeyRange } from "./keyspace.ts";
import type { Action, Story } from "./story.ts";

/** The login of lainlets. */
export const LOGIN = { username: "lainlet", password: "secret" };

/** How long a token is valid, in ms. */
const TOKEN_LIFETIME = 15_000;

/** Subtrees that etcd may refuse. */
const SUBTREES = [
  "/lain/config/",
  "/lain/deployd/pod_groups/",
  "/lain/deployd/depends/pods/",
  "/lain/nodes/nodes/",
] as const;

/** Options of a call to etcd. */
export interface CallOptions {
  readonly interceptors?: readonly Interceptor[];
}

/**
 * etcd's authentication, with one user, whose tokens expire, or end earlier
 * when etcd restarts or its users change.
 *
 * @see https://etcd.io/docs/v3.4/learning/design-auth-v3/
 */
export class Auth {
  isEnabled: boolean;
  password = LOGIN.password;
  /** The subtree that the user may not read. */
  deniedSubtree?: string;
  /** By token: when it expires, in ms. */
  readonly #tokens = new Map<string, number>();
  #issued = 0;
  /** Whether a watch with an invalid token gets "permission denied", as before etcd 3.4.22. */
  readonly #hidesInvalidTokens = Math.random() < 0.5;

  /** @param isUsed whether lainlets have a login */
  constructor(readonly isUsed: boolean) {
    this.isEnabled = isUsed;
  }

  /** Logs in. @throws {Error} as etcd does */
  authenticate({ name, password }: { name: string; password: string }): string {
    if (!this.isEnabled) {
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
    this.#tokens.set(token, performance.now() + TOKEN_LIFETIME);
    return token;
  }

  /** Checks that a token permits to read a range. @throws {Error} as etcd does */
  authorize(token: string | undefined, range: KeyRange): void {
    if (!this.isEnabled) return;
    if (token === undefined) {
      throw new Error("3 INVALID_ARGUMENT: etcdserver: user name is empty");
    }
    if ((this.#tokens.get(token) ?? 0) < performance.now()) {
      throw new Error("16 UNAUTHENTICATED: etcdserver: invalid auth token");
    }
    const { deniedSubtree } = this;
    if (deniedSubtree !== undefined && overlaps(range, deniedSubtree)) {
      throw new Error("7 PERMISSION_DENIED: etcdserver: permission denied");
    }
  }

  /** The error message when a watch is refused; undefined: it is not. */
  watchRefusal(
    token: string | undefined,
    range: KeyRange,
  ): string | undefined {
    try {
      this.authorize(token, range);
    } catch (error) {
      return this.#hidesInvalidTokens
        ? "etcdserver: permission denied"
        : error instanceof Error
        ? error.message
        : String(error);
    }
  }

  /** Ends all tokens, as a restart does. */
  revokeTokens(): void {
    this.#tokens.clear();
  }

  /** Ends all faults. */
  heal(): void {
    this.password = LOGIN.password;
    this.deniedSubtree = undefined;
  }
}

/** Whether a range contains some key of a subtree. */
function overlaps({ from, to }: KeyRange, subtree: string): boolean {
  if (to.length === 0) return from.toString().startsWith(subtree);
  const end = Buffer.from(subtree.replace(/\/$/, "0"));
  return Buffer.compare(from, end) < 0 &&
    Buffer.compare(to, Buffer.from(subtree)) > 0;
}

/** The token that a call's interceptor adds to its metadata. */
export function tokenOf(
  { interceptors: [interceptor] = [] }: CallOptions = {},
): string | undefined {
  let token: string | undefined;
  const nextCall: ConstructorParameters<typeof InterceptingCall>[0] = {
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
    () => new InterceptingCall(nextCall),
  );
  call?.start(new Metadata());
  return token;
}

/** A definition that interceptors get; lainlet's does not use it. */
const METHOD = {
  path: "",
  requestStream: false,
  responseStream: false,
  requestSerialize: () => Buffer.alloc(0),
  responseDeserialize: () => ({}),
};

/** A fault of etcd's authentication, or a change of its settings. */
export function authFault(random: Random): Action {
  const time = 500 + random.below(20_000);
  const auth = ({ world }: Story) => world.auth;
  switch (random.below(4)) {
    case 0:
      return {
        text: "etcd's authentication is enabled, or disabled if it was enabled",
        perform(story) {
          const one = auth(story);
          one.isEnabled = !one.isEnabled;
          one.revokeTokens();
        },
      };
    case 1:
      return {
        text: "etcd forgets all tokens",
        perform: (story) => auth(story).revokeTokens(),
      };
    case 2:
      return {
        text: `lainlet's password is wrong for ${time} ms`,
        perform(story) {
          const one = auth(story);
          one.password = "another one";
          one.revokeTokens();
          setTimeout(() => one.password = LOGIN.password, time);
        },
      };
    default: {
      const subtree = random.pick(SUBTREES);
      return {
        text: `etcd refuses ${subtree} for ${time} ms`,
        perform(story) {
          const one = auth(story);
          one.deniedSubtree = subtree;
          setTimeout(() => one.deniedSubtree = undefined, time);
        },
      };
    }
  }
}
