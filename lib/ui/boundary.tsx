/// <reference lib="dom" />
import { Component, type ComponentChildren } from "preact";
import { errorMessage } from "../client/client.ts";

interface BoundaryProps {
  readonly children: ComponentChildren;
  /** What the children are drawn from: when it changes, a failed draw is retried. */
  readonly from: readonly unknown[];
  /** Called with the error message when the children fail, and with undefined when they are drawn. */
  readonly onFault?: (why: string | undefined) => void;
}

/** An error boundary: shows its children, or the error that one of them has thrown. */
export class Boundary
  extends Component<BoundaryProps, { readonly why?: string }> {
  /** Ahead of the state, which a failed draw does not have yet when it is committed. */
  #why?: string;
  #logged?: string;

  override componentDidCatch(error: unknown) {
    this.#why = errorMessage(error);
    // Each retry may fail like the last one: a console keeps all that it is told.
    if (this.#why !== this.#logged) console.error(error);
    this.#logged = this.#why;
    this.setState({ why: this.#why });
    this.props.onFault?.(this.#why);
  }

  override componentDidMount() {
    if (this.#why === undefined) this.props.onFault?.(undefined);
  }

  override componentDidUpdate({ from }: BoundaryProps) {
    if (this.state.why === undefined) return this.componentDidMount();
    if (from.every((one, i) => one === this.props.from[i])) return;
    this.#why = undefined;
    this.setState({ why: undefined });
  }

  override render({ children }: BoundaryProps) {
    const { why } = this.state;
    return why === undefined ? children : <Fault why={why} />;
  }
}

/** In place of what cannot be shown. */
export function Fault({ why }: { why: string }) {
  return (
    <>
      <h1>This view cannot be shown</h1>
      <p>
        The dashboard failed with <code>{why}</code>
      </p>
      <p>Other views may work. If this stays, reload the page.</p>
    </>
  );
}
