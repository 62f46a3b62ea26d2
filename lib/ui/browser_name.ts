/// <reference lib="dom" />
/** Key of the name in the browser's storage. */
const STORAGE_KEY = "lainlet.browser";

let name: string | undefined;

/**
 * The name by which this browser is found in the list of listeners: its windows
 * share their streams.
 */
export function browserName(): string {
  return name ??= stored() ?? create();
}

function stored(): string | undefined {
  try {
    return localStorage.getItem(STORAGE_KEY) ?? undefined;
  } catch {
    // A browser may forbid storage: then each window has its own name and streams.
    return undefined;
  }
}

function create(): string {
  const random = crypto.getRandomValues(new Uint32Array(2));
  const name = `dashboard-${
    Array.from(random, (n) => n.toString(36)).join("")
  }`;
  try {
    localStorage.setItem(STORAGE_KEY, name);
  } catch {
    // As above.
  }
  return name;
}
