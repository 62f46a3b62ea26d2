import { Value } from "@sinclair/typebox/value";
import type { State } from "../../broadcast/state.ts";
import type { View } from "../view.ts";
import { type Faults, Malformed } from "./faults.ts";

const decoder = new TextDecoder();

/** Returns a view that reports answers which are not what its declaration says. */
export function checkingAnswers(view: View, faults: Faults): View {
  const checked = (state: State): State => {
    const difference = differenceOf(view, decoder.decode(state.bytes));
    if (difference !== undefined) {
      faults.report("answer", new Malformed(difference));
    }
    return state;
  };
  return {
    ...view,
    source(context, selection) {
      const source = view.source(context, selection);
      return {
        ...source,
        render: () => checked(source.render()),
        subscribe(onChange) {
          const subscription = source.subscribe(onChange);
          return {
            ...subscription,
            render: () => checked(subscription.render()),
          };
        },
      };
    },
  };
}

/** Where an answer differs from its schema; undefined: nowhere. Values are left out. */
export function differenceOf(
  { answer }: View,
  json: string,
): string | undefined {
  try {
    const first = Value.Errors(answer, JSON.parse(json)).First();
    return first &&
      `the answer${first.path} is not as declared: ${first.message}`;
  } catch {
    return "the answer cannot be compared with what is declared";
  }
}
