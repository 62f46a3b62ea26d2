import type { StoreName } from "./processes.ts";

/** A fault that is put into the code, to check that the simulation finds it. */
export interface Fault {
  /** The behaviour of the faulty code. */
  readonly name: string;
  /** The store to find it on; default: etcd. */
  readonly store?: StoreName;
  readonly file: string;
  /** The file contains `text` once; `faulty` replaces it. */
  readonly text: string;
  readonly faulty: string;
}

/** Faults that lainlet had, or could have. */
export const FAULTS: readonly Fault[] = [
  {
    name: "topics change before rights do",
    file: "lib/watcher/effects.ts",
    text: '["derived", "rights", "topics"]',
    faulty: '["derived", "topics", "rights"]',
  },
  {
    name: "progress is less than before",
    file: "lib/watcher/progress.ts",
    text: "this.#revision = Math.max(this.#revision, revision);",
    faulty: "this.#revision = revision - 1;",
  },
  {
    name: "progress is more than what is held",
    file: "lib/watcher/progress.ts",
    text: "this.#revision = Math.max(this.#revision, revision);",
    faulty: "this.#revision = Math.max(this.#revision, revision) + 1;",
  },
  {
    name: "a change sometimes does not wake the listeners of a topic",
    file: "lib/broadcast/topic.ts",
    text: 'if (kind === "update") this.#lastUpdate = this.#sequence;',
    faulty:
      'if (kind === "update") this.#lastUpdate = this.#sequence; if (this.#sequence % 5 === 0) return;',
  },
  {
    name: "a watch resumes one revision too late",
    file: "lib/store/etcd/watch.ts",
    text: "(this.#confirmedRevision ?? 0) + 1,",
    faulty: "(this.#confirmedRevision ?? 0) + 2,",
  },
  {
    name: "a batch that is repeated after a resume is applied again",
    file: "lib/store/etcd/watch.ts",
    text: "if (revision <= this.revision) {",
    faulty: "if (revision <= 0) {",
  },
  {
    name: "an inventory is compared with a later state",
    file: "lib/store/etcd/watch.ts",
    text: "for (const { key } of batch.changes) this.noteChanged(key);",
    faulty: "",
  },
  {
    name: "a connection is tried again without a pause",
    file: "lib/store/endpoints.ts",
    text: "await sleep(Math.max(0, rest), over);",
    faulty: "",
  },
  {
    name: "a patch starts from a state that the listener never had",
    file: "lib/broadcast/topic.ts",
    text: "return isLatest ? latest : this.recent.find(etag);",
    faulty:
      "return isLatest ? latest : this.recent.find(etag) ?? (latest instanceof State ? latest : undefined);",
  },
  {
    name: "ids have gaps",
    file: "lib/broadcast/events.ts",
    text: "const id = ids.next();",
    faulty: "ids.next(); const id = ids.next();",
  },
  {
    name: "several views are sent though they are of different revisions",
    file: "lib/broadcast/revision_barrier.ts",
    text: "if (until > revision) return",
    faulty: "return",
  },
  {
    name: "a restored backup is taken for the same history",
    file: "lib/store/watch.ts",
    text: "return known === undefined ||",
    faulty: "return true || known === undefined ||",
  },
  {
    name: "a state counts as confirmed though no check succeeded",
    file: "lib/store/remote.ts",
    text: "const confirmed = await this.check(connection, live);",
    faulty:
      "const confirmed = await this.check(connection, live).catch(() => live);",
  },
  {
    name: "a listener that leaves keeps its topic",
    file: "lib/broadcast/topics.ts",
    text: "if (--active.users > 0) return;",
    faulty: "if (--active.users > -1) return;",
  },
  {
    name: "a saved state replaces the old one before it is synced",
    file: "lib/store/saved/write.ts",
    text: "await this.file.syncData();",
    faulty: "",
  },
  {
    name: "the saved state of another cluster is used",
    file: "lib/store/saved/read.ts",
    text: "checkIdentity(this.#fileIdentity, this.identity);",
    faulty: "",
  },
  {
    name: "a damaged saved state is used",
    file: "lib/store/saved/read.ts",
    text:
      "if (view.getUint32(RECORD_HEAD, true) !== checksum) throw damaged();",
    faulty: "",
  },
  {
    name: "changes are not saved again after a failure",
    file: "lib/store/saved/store.ts",
    text: "if (write !== undefined) one.restore(write);",
    faulty: "",
  },
  {
    name: "a saved state counts as current",
    file: "lib/stats/readiness.ts",
    text: ": file !== undefined",
    faulty: ": false",
  },
  {
    name: "a gRPC stream is not woken after a message was read",
    file: "lib/grpc/stream.ts",
    text: "else this.wake();",
    faulty: "",
  },
  {
    name: "a gRPC call continues after its right was revoked",
    file: "lib/grpc/stream.ts",
    text: "this.#ending = [code, message];",
    faulty:
      "if (code === CODE.permissionDenied) return; this.#ending = [code, message];",
  },
  {
    name: "a worker misses a change that comes while it reads a state",
    file: "lib/http/link.ts",
    text: "this.#isAcknowledged = true;\n    this.wake();",
    faulty: "this.#isAcknowledged = true;",
  },
  {
    name: "the requests of a worker continue after it has died",
    file: "lib/http/link.ts",
    text: "for (const stop of this.#stops.values()) stop();",
    faulty: "",
  },
  {
    name: "what an ended watch delivered counts for another cluster",
    file: "lib/store/remote.ts",
    text: "this.#hasDelivered ||= watch.revision > 0;",
    faulty: "",
  },
  {
    name: "views are combined by revision, across histories",
    file: "lib/broadcast/branch.ts",
    text: "topic !== undefined && topic.pass === pass",
    faulty:
      "topic !== undefined && (pass === -1 || topic.revision === open[0]?.topic?.revision)",
  },
  {
    name: "another cluster at the same endpoint is not noticed",
    store: "etcd2",
    file: "lib/store/etcd2/connection.ts",
    text:
      "if (header.clusterId !== this.#clusterId) throw new Error(RESTORED);",
    faulty: "",
  },
  {
    name: "a poll starts one index too late",
    store: "etcd2",
    file: "lib/store/etcd2/watch.ts",
    text: "this.#nextIndex = index + 1;",
    faulty: "this.#nextIndex = index + 2;",
  },
  {
    name: "a poll that ends at once is repeated without a pause",
    store: "etcd2",
    file: "lib/store/etcd2/watch.ts",
    text:
      "if (idlePolls > 1) await sleep(backoff(idlePolls), connection.signal);",
    faulty: "",
  },
  {
    name: "a poll that was made before a write counts as a confirmation",
    store: "etcd2",
    file: "lib/store/etcd2/check.ts",
    text: "if (poll.index < header.revision) watch",
    faulty: "if (poll.index < 0) watch",
  },
  {
    name: "a late event counts as none",
    store: "etcd2",
    file: "lib/store/etcd2/check.ts",
    text: "await pingedSince(quietSince);",
    faulty: "",
  },
  {
    name: "a restored backup is taken for the same history",
    store: "etcd2",
    file: "lib/store/etcd2/check.ts",
    text: "if (!watch.isSameHistory(header)) return false;",
    faulty: "",
  },
  {
    name: "a directory that is removed keeps its keys",
    store: "etcd2",
    file: "lib/store/etcd2/watch.ts",
    text: "if (isDirectory && isRemoval) {",
    faulty: "if (isDirectory && !isRemoval) {",
  },
  {
    name: "a session that dies before it is adopted is never replaced",
    store: "zookeeper",
    file: "lib/store/endpoints.ts",
    text: "onAbort(connection.signal, () => {\n        this.#connection",
    faulty:
      'connection.signal.addEventListener("abort", () => {\n        this.#connection',
  },
  {
    name: "a session's watch is not set again",
    store: "zookeeper",
    file: "lib/store/zookeeper/watch.ts",
    text: "await connection.watch(this.root)",
    faulty:
      "this.revision === 0 ? await connection.watch(this.root) : await connection.currentZxid()",
  },
  {
    name: "a key that was removed while there was no session stays",
    store: "zookeeper",
    file: "lib/store/zookeeper/watch.ts",
    text: "if (!znodes.has(path)) this.markDirty(path);",
    faulty: "",
  },
  {
    name: "a change during a round is not read",
    store: "zookeeper",
    file: "lib/store/zookeeper/watch.ts",
    text: "this.#dirty.set(path, isDeep || this.#dirty.get(path) === true);",
    faulty:
      "if (!this.#isReading) this.#dirty.set(path, isDeep || this.#dirty.get(path) === true);",
  },
  {
    name: "a torn transaction is delivered",
    store: "zookeeper",
    file: "lib/store/zookeeper/watch.ts",
    text: "const isQuiet = this.#dirty.size === 0;",
    faulty: "const isQuiet = true;",
  },
  {
    name: "a change that is left for a later round is lost",
    store: "zookeeper",
    file: "lib/store/zookeeper/watch.ts",
    text: "this.#pending = newer;",
    faulty: "this.#pending.clear();",
  },
  {
    name: "a torn state counts as complete",
    store: "zookeeper",
    file: "lib/store/zookeeper/watch.ts",
    text: "const complete = isQuiet ? zxid : this.#previousZxid;",
    faulty: "const complete = isQuiet ? zxid : zxid + this.#previousZxid * 0;",
  },
  {
    name: "the state of a lagging member is accepted",
    store: "zookeeper",
    file: "lib/store/zookeeper/connection.ts",
    text: "this.#sync(this.#root),",
    faulty: "this.stat(this.#root),",
  },
  {
    name: "the state of a deposed leader is accepted",
    store: "zookeeper",
    file: "lib/store/zookeeper/store.ts",
    text: "this.#expectElections(header);",
    faulty: "",
  },
  {
    name: "members that know of fewer elections are never trusted",
    store: "zookeeper",
    file: "lib/store/zookeeper/store.ts",
    text: "if (now - this.#distrustedSince < DISTRUST_TIME) {",
    faulty: "if (now >= this.#distrustedSince) {",
  },
  {
    name: "a restored backup is taken for the same history",
    store: "zookeeper",
    file: "lib/store/zookeeper/store.ts",
    text: "return Promise.resolve(watch.isSameHistory(header));",
    faulty: "return Promise.resolve(watch.isSameHistory(header) || true);",
  },
  {
    name: "an entity tag is the same for each encoding",
    file: "lib/http/response.ts",
    text: "return acceptsGzip(request) ?",
    faulty: "return acceptsGzip(request) && etag === undefined ?",
  },
  {
    name: "a new state sometimes does not wake a stream",
    file: "lib/broadcast/branch.ts",
    text:
      "if (!this.#isReaderReady || this.#isClosed || this.#isScheduled) return;",
    faulty:
      "if (!this.#isReaderReady || this.#isClosed || this.#isScheduled || this.sent % 4 === 3) return;",
  },
  {
    name: "a token that etcd refused is used again",
    file: "lib/store/etcd/token.ts",
    text: "if (isRefused) this.shared.drop(token);",
    faulty: "",
  },
  {
    name: "an invalid value removes the last valid one",
    file: "lib/watcher/subtree.ts",
    text: "this.#valueOf(key, entry, false) ?? watcher.get(key)",
    faulty: "this.#valueOf(key, entry, false)",
  },
  {
    name: "a value that is valid again is still reported as invalid",
    file: "lib/watcher/subtree.ts",
    text: "this.watcher.rejected.delete(key);\n    return value;",
    faulty: "return value;",
  },
  {
    name: "only one member is ever dialled at a time",
    file: "lib/store/endpoints.ts",
    text: "await Promise.all(endpoints.map(async (endpoint, i) => {",
    faulty:
      "await Promise.all(endpoints.slice(0, 1).map(async (endpoint, i) => {",
  },
  {
    name: "a watch that has lost a change counts as complete",
    file: "lib/store/etcd/check.ts",
    text: "if (missed !== undefined) throw missed;",
    faulty: "",
  },
];
