/// <reference lib="dom" />
import { Component, createRef } from "preact";
import { glow } from "../glow.ts";
import { lookOf, stateText } from "../marks.tsx";
import type { Pod } from "../../model/mod.ts";
import { href } from "../route.ts";

interface NodeMapProps {
  readonly pods: readonly Pod[];
}

/** A node's pods, a cell each; lists are made anew for each state, what is in them is not. */
export class NodeMap extends Component<NodeMapProps> {
  override shouldComponentUpdate({ pods }: NodeMapProps) {
    const { pods: old } = this.props;
    return pods.length !== old.length || pods.some((pod, i) => pod !== old[i]);
  }

  override render({ pods }: NodeMapProps) {
    return (
      <div class="map">
        {pods.map((pod) => <Cell key={pod.key} pod={pod} />)}
      </div>
    );
  }
}

interface CellProps {
  readonly pod: Pod;
}

/** The keyboard goes to the node, whose page lists what is here. */
class Cell extends Component<CellProps> {
  readonly #cell = createRef<HTMLAnchorElement>();

  override shouldComponentUpdate({ pod }: CellProps) {
    return pod !== this.props.pod;
  }

  override componentDidUpdate({ pod }: CellProps) {
    const { current } = this.#cell;
    if (current && textOf(pod) !== textOf(this.props.pod)) glow(current);
  }

  override render({ pod }: CellProps) {
    const { app, containers: [first], node } = pod;
    const text = textOf(pod);
    return (
      <a
        ref={this.#cell}
        class={`cell ${lookOf(pod)}`}
        href={href(first ? ["container", node, first.id] : ["app", app])}
        data-app={app}
        tabIndex={-1}
        title={text}
        aria-label={text}
      />
    );
  }
}

function textOf(pod: Pod): string {
  const { group, instance, ip } = pod;
  return `${group} ${instance}: ${stateText(pod)}${ip && `, ${ip}`}`;
}
