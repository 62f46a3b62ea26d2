import { basename } from "node:path";
import * as apis from "../../apis/mod.ts";
import { Refusal, Unavailable } from "../errors.ts";
import { Lainlet } from "../http/handler.ts";
import { notReadyReasons } from "../stats/readiness.ts";
import { checkingAnswers } from "../view/files/answers.ts";
import { type Fault, Faults } from "../view/files/faults.ts";
import { conflictOf } from "../view/files/files.ts";
import { loadView } from "../view/files/load.ts";
import type { View } from "../view/view.ts";
import type { CheckCommand } from "./command.ts";
import { print, terminal, warn } from "./output.ts";
import { printable, render } from "./render.ts";

/** How long it may take to read the store, in ms. */
const READ_TIMEOUT = 10_000;

const decoder = new TextDecoder();

/**
 * Tries an API file on the state of a store, as a local caller: prints its
 * answer, and to stderr what its functions fail for.
 *
 * @returns the exit code: 0 if there is nothing wrong
 * @throws {Error} if the file cannot be used, or the store cannot be read
 */
export async function checkApiFile(command: CheckCommand): Promise<number> {
  const { file, query } = command;
  const name = basename(file);
  const found: Fault[] = [];
  const faults = new Faults(name, (fault) => found.push(fault));
  const view = checkingAnswers(await load(file, faults), faults);
  const conflict = conflictOf(view, Object.values(apis));
  if (conflict !== undefined) throw new Error(`${file}: ${conflict}`);
  const lainlet = await readCluster(command, view);
  try {
    const params = new URLSearchParams(query);
    const request = { view, params, peer: "127.0.0.1" };
    const json = decoder.decode(lainlet.views.read(request).bytes).trimEnd();
    print(terminal() === undefined ? [json] : render(JSON.parse(json)));
  } catch (error) {
    if (!(error instanceof Refusal || error instanceof Unavailable)) {
      throw error;
    }
    // A function that failed is reported below.
    if (found.length === 0) warn(`${file}: no answer: ${error.message}`);
    return 1;
  } finally {
    lainlet.close();
    for (const { what, error } of found) {
      warn(printable(`${file}: ${what}: ${error.message}`));
    }
  }
  return found.length === 0 ? 0 : 1;
}

async function load(file: string, faults: Faults): Promise<View> {
  try {
    return await loadView(await Deno.realPath(file), faults);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`${file}: ${reason}`);
  }
}

async function readCluster(
  { store }: CheckCommand,
  view: View,
): Promise<Lainlet> {
  const opened = await store.open({ checkEvery: READ_TIMEOUT, verifyEvery: 0 });
  const lainlet = new Lainlet({
    store: opened,
    host: { ip: "", hostname: Deno.hostname() },
    version: "",
    endpoints: [view],
    auth: true,
    staleAfter: READ_TIMEOUT,
    limits: { listeners: 1, listenersPerAddress: 1 },
  });
  const watchers = Object.values(lainlet.cluster);
  const timer = Promise.withResolvers<void>();
  const timeout = setTimeout(timer.resolve, READ_TIMEOUT);
  await Promise.race([
    Promise.all(watchers.map(({ synced }) => synced)),
    timer.promise,
  ]);
  clearTimeout(timeout);
  if (watchers.every(({ isSynced }) => isSynced)) return lainlet;
  const reasons = notReadyReasons(lainlet).join("; ");
  lainlet.close();
  throw new Error(`the store cannot be read: ${reasons}`);
}
