/** What is measured, and how long. */
export interface Settings {
  readonly target: "source" | "binary";
  /** For each figure. */
  readonly seconds: number;
}

/** Some figures of one kind. */
export interface Table {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** A part of the benchmark. */
export type Section = (settings: Settings) => Promise<Table>;

export function markdown({ head, rows }: Table): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)]
    .join("\n");
}

/** A number as a person reads it: three digits, in groups. */
export function figure(number: number): string {
  if (!Number.isFinite(number)) return "–";
  const digits = number === 0
    ? 0
    : Math.max(0, 2 - Math.floor(Math.log10(Math.abs(number))));
  return number.toLocaleString("en", {
    maximumFractionDigits: Math.min(3, digits),
  });
}
