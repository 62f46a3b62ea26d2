/**
 * The interface of API files: what lainlet passes to the function that a file
 * of `--apis` exports, and what that function returns. Files written for it
 * stay valid: names are added, and not changed. The types need no others, so
 * that editors have them from the npm package, as `@laincloud/lainlet/api`.
 *
 * @module
 */

/** The default export of an API file. */
export type ApiFile = (lainlet: Api) => View | Promise<View>;

/** What an API file declares its view with. */
export interface Api {
  /** Makes the schemas of answers: TypeBox's builder. */
  readonly Type: SchemaBuilder;
  /** Declares the view. */
  readonly view: DeclareView;
  /** `members` of views whose pieces are members already. */
  readonly flat: Flat;
  /** Joins JSON texts to the text of an array. */
  readonly array: (items: readonly string[]) => string;
  /** The parameter `appname`, for {@linkcode byApp}. */
  readonly BY_APP: { readonly appname: Param };
  /** Selects the app that `appname` names; without it all apps for a super caller, its own app for another. */
  readonly byApp: (query: Query) => Selection;
  /** As {@linkcode byApp}, but `appname` is required. */
  readonly byNamedApp: (query: Query) => Selection;
  /** Selects a prefix, for super callers only. */
  readonly superOnly: (query: Query, prefix: string) => Selection;
  /** The value of a parameter; "" when it is missing. */
  readonly param: (query: Query, name: string) => string;
  /** The key prefix that a parameter names; "", which selects all keys, for `*` and when it is missing. A separator is added where it is missing. */
  readonly prefixParam: (
    query: Query,
    name: string,
    separator?: string,
  ) => string;
  /** The right of every caller. */
  readonly ANYONE: Right;
  /** The right of super callers. */
  readonly SUPER: Right;
  /** Makes the error for a malformed request, 400, to be thrown by `select`. */
  readonly badRequest: (message: string) => Error;
  /** Makes the error for a request that its caller may not make, 403, to be thrown by `select`. */
  readonly forbidden: (reason: string) => Error;
  /** The error while there is no answer, 503, to be thrown by `guard.check` and `text`. */
  readonly Unavailable: new (message: string) => Error;
  /** The guard of views that routers follow: no answer while no routed pod, or fewer than half of them, have an address. */
  readonly routersGuard: (
    isRouted: (group: PodGroup) => boolean,
  ) => Guard<PodGroup>;
}

/** A view that {@linkcode Api.view} has made. */
export interface View {
  readonly paths: readonly string[];
  readonly summary: string;
}

/** Declares a view, whose answer is an object with members of one value each, an object with members of several values, or any other JSON. */
export interface DeclareView {
  <T extends object>(declaration: MembersDeclaration<T>): View;
  <T extends object, P, C>(declaration: ReduceDeclaration<T, P, C>): View;
  <T extends object, P>(declaration: TextDeclaration<T, P>): View;
}

/** What each declaration has. */
export interface Declaration<T extends object> {
  /** Under `/v2/`, and not taken by another view. */
  readonly paths: readonly [string, ...string[]];
  /** One line. */
  readonly summary: string;
  /** The query parameters, besides those of all views. */
  readonly params: Readonly<Record<string, Param>>;
  /** Who may ask: every caller; an app for its own data; super callers. */
  readonly mayAsk: "all" | "app" | "super";
  /** The schema of the answer. */
  readonly answer: Schema;
  /** An answer, for `/openapi.json`. */
  readonly example?: unknown;
  /** The watcher whose values the view shows: `(cluster) => cluster.podgroup`. */
  readonly watcher: (cluster: Cluster) => Watcher<T>;
  /** Selects the keys of a request, and the right to them. May throw what `badRequest` and `forbidden` make. */
  readonly select: (query: Query) => Selection;
}

/** An answer that is an object, with members of one value each. */
export interface MembersDeclaration<T extends object> extends Declaration<T> {
  /** The members of one value. Called once per value. */
  readonly piece: (value: T, host: Host, key: string) => readonly Member[];
  readonly members: Flat;
  /** When there is no answer. */
  readonly guard?: Guard<T>;
}

/** An answer that is an object, with members of several values each. */
export interface ReduceDeclaration<T extends object, P, C>
  extends Declaration<T> {
  readonly piece: (value: T, host: Host, key: string) => P;
  /** What a piece contributes to members, by their names. */
  readonly contributions: (
    piece: P,
  ) => readonly (readonly [name: string, contribution: C])[];
  /** Makes the JSON text of a member from its contributions, in key order. */
  readonly reduce: (contributions: readonly C[]) => string;
  readonly guard?: Guard<T>;
}

/** Any other answer. */
export interface TextDeclaration<T extends object, P> extends Declaration<T> {
  readonly piece: (value: T, host: Host, key: string) => P;
  /** Makes the JSON text of the answer from all pieces, in key order, at each change. */
  readonly text: (
    pieces: readonly (readonly [key: string, piece: P])[],
  ) => string;
}

/** A member of a JSON object: its name, and its value as JSON text. */
export type Member = readonly [name: string, json: string];
export type Flat = (members: readonly Member[]) => readonly Member[];

/** A query parameter. */
export interface Param {
  /** One line. */
  readonly description: string;
  readonly required?: boolean;
  readonly example?: string;
}

/** Decides by totals over all selected values whether there is an answer. */
export interface Guard<T> {
  /** What one value adds to each total. Called once per value. */
  readonly counts: (value: T) => readonly number[];
  /** Throws `Unavailable` when there is no answer with these totals; there are none while no value is selected. */
  readonly check: (totals: readonly number[]) => void;
}

/** A request. */
export interface Query {
  readonly params: URLSearchParams;
  readonly caller: Caller;
  readonly host: Host;
}

export interface Caller {
  readonly address: string;
  /** The app that the address belongs to. */
  readonly app: string | undefined;
  readonly isSuper: boolean;
  may(right: Right): boolean;
}

/** The keys of a request, and the right that its caller needs for as long as it watches. */
export interface Selection {
  /** What the keys start with. */
  readonly prefix: string;
  readonly right: Right;
}

export type Right =
  | { readonly kind: "anyone" }
  | { readonly kind: "super" }
  | { readonly kind: "app"; readonly app: string };

/** The node that lainlet runs on. */
export interface Host {
  /** "" when it is not known. */
  readonly ip: string;
  readonly hostname: string;
}

/** The watchers, one for each kind of value. */
export interface Cluster {
  /** By name. Names that are secret reach super callers only. */
  readonly config: Watcher<Config>;
  /** By `<node>/…`, under the node's name and under its address. */
  readonly container: Watcher<PlacedContainer>;
  /** By the name of the portal pod. */
  readonly depends: Watcher<Depends>;
  /** By `<name>:<ip>:<ssh port>`. */
  readonly nodes: Watcher<Node>;
  /** By `<app>/<group>`. */
  readonly podgroup: Watcher<PodGroup>;
}

/** Stands for the values of one kind; to be returned by `watcher`. */
export interface Watcher<T> {
  readonly name: string;
  /** Not called: says of which type the values are. */
  readonly get: (key: string) => T | undefined;
}

/** A setting of the cluster. */
export interface Config {
  readonly value: string;
}

/** A node: the JSON object that the scheduler wrote. */
export interface Node {
  /** As text. */
  readonly json: string;
}

/** A group of equal pods of an app. */
export interface PodGroup {
  readonly name: string;
  readonly app: string;
  readonly annotation: string;
  /** The release that it runs; "" when it is not known. */
  readonly appVersion: string;
  readonly dependencies: readonly {
    readonly podName: string;
    readonly policy: number;
  }[];
  readonly pods: readonly Pod[];
  /** The desired number of pods; undefined when it is not known. */
  readonly instances: number | undefined;
  readonly condition: Condition;
  /** In RFC 3339. */
  readonly updated: string | undefined;
}

export interface Pod {
  readonly instanceNo: number;
  readonly containers: readonly Container[];
  readonly condition: Condition;
  /** In RFC 3339. */
  readonly updated: string | undefined;
}

/** A running container with its specification. */
export interface Container {
  readonly id: string;
  readonly nodeName: string;
  readonly nodeIp: string;
  /** "" while it has none. */
  readonly ip: string;
  readonly port: number;
  /** `LAIN_PROCNAME` of its environment. */
  readonly procName: string;
  /** The release that it runs; "" when it is not known. */
  readonly version: string;
  readonly spec: ContainerSpec;
}

export interface ContainerSpec {
  readonly command: readonly string[] | null;
  readonly env: readonly string[] | null;
  readonly image: string;
  readonly cpu: number | RawNumber;
  /** In bytes. */
  readonly memory: number | RawNumber;
  /** The port that it serves on. */
  readonly expose: number;
  readonly volumes: readonly string[] | null;
}

/** A number that a double cannot hold exactly; `JSON.stringify` writes it as it is in the store. */
export interface RawNumber {
  readonly rawJSON: string;
}

/** The condition of a group or a pod, as the scheduler wrote it; undefined where it did not. */
export interface Condition {
  readonly state:
    | "pending"
    | "drift"
    | "success"
    | "exit"
    | "fail"
    | "inconsistent"
    | "missing"
    | "removed"
    | "paused"
    | "error"
    | undefined;
  readonly health: "none" | "starting" | "healthy" | "unhealthy" | undefined;
  readonly target: "run" | "stop" | undefined;
  readonly oom: boolean | undefined;
  readonly error: string | undefined;
  readonly restarts: number | undefined;
  /** In RFC 3339. */
  readonly restarted: string | undefined;
  readonly drifts: number | undefined;
}

/** A container with its pod and its pod group. */
export interface PlacedContainer {
  readonly group: PodGroup;
  readonly pod: Pod;
  readonly container: Container;
}

/** The portals of a service: on each node, one for each app that uses it. */
export interface Depends {
  /** The app that offers the service. */
  readonly service: string;
  readonly nodes: readonly {
    readonly name: string;
    readonly portals: readonly {
      readonly app: string;
      readonly annotation: string;
      readonly containers: readonly {
        readonly id: string;
        readonly nodeIp: string;
        /** "" while it has none. */
        readonly ip: string;
        readonly port: number;
      }[];
    }[];
  }[];
}

/** A schema of {@linkcode Api.Type}. */
export type Schema = object;

/** Options of a schema. */
export interface SchemaOptions {
  readonly description?: string;
  /** The schema's name in `/openapi.json`. */
  readonly $id?: string;
}

/** The part of TypeBox's builder that API files may rely on. */
export interface SchemaBuilder {
  Array(items: Schema, options?: SchemaOptions): Schema;
  Boolean(options?: SchemaOptions): Schema;
  Integer(options?: SchemaOptions): Schema;
  Literal(value: boolean | number | string, options?: SchemaOptions): Schema;
  Null(options?: SchemaOptions): Schema;
  Number(options?: SchemaOptions): Schema;
  Object(
    members: Readonly<Record<string, Schema>>,
    options?: SchemaOptions,
  ): Schema;
  Optional(schema: Schema): Schema;
  Record(names: Schema, members: Schema, options?: SchemaOptions): Schema;
  String(options?: SchemaOptions): Schema;
  Union(schemas: Schema[], options?: SchemaOptions): Schema;
  Unknown(options?: SchemaOptions): Schema;
}
