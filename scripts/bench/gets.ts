import type { Settings, Table } from "./table.ts";
export function gets(_: Settings): Promise<Table> {
  return Promise.resolve({ head: [], rows: [] });
}
