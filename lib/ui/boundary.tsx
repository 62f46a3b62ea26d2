/// <reference lib="dom" />
import { Component, type ComponentChildren } from "preact";
import { errorMessage } from "../client/client.ts";

interface BoundaryProps {
  readonly children: ComponentChildren;
  /** What the children are drawn from: when it changes, a failed draw is retried. */
  readonly from: readonly unknown[];
  /** Called with the error message when the children fail, and with undefined when they are drawn. */
  readonly onFault?: (reason: string | undefined) => void;
}

/** An error boundary: shows its children, or the error that one of them has thrown. */
export class Boundary
  extends Component<BoundaryProps, { readonly reason?: string }> {
  /** Set before the state, which a failed draw does not have yet when it is committed. */
  #reason?: string;
  #logged?: string;

  override componentDidCatch(error: unknown) {
    this.#reason = errorMessage(error);
    // Retries may fail alike, and a console keeps every line.
    if (this.#reason !== this.#logged) console.error(error);
    this.#logged = this.#reason;
    this.setState({ reason: this.#reason });
    this.props.onFault?.(this.#reason);
  }

  override componentDidMount() {
    if (this.#reason === undefined) this.props.onFault?.(undefined);
  }

  override componentDidUpdate({ from }: BoundaryProps) {
    if (this.state.reason === undefined) return this.componentDidMount();
    if (from.every((one, i) => one === this.props.from[i])) return;
    this.#reason = undefined;
    this.setState({ reason: undefined });
  }

  override render({ children }: BoundaryProps) {
    const { reason } = this.state;
    return reason === undefined ? children : <Fault reason={reason} />;
  }
}

/** Stands for a view that cannot be drawn. */
export function Fault({ reason }: { reason: string }) {
  return (
    <>
      <h1>This view cannot be shown</h1>
      <p>
        The dashboard failed with <code>{reason}</code>
      </p>
      <p>Other views may work. If this stays, reload the page.</p>
    </>
  );
}
