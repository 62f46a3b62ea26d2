import { Component, createRef } from "preact";
import { classOf, type Column } from "./column.tsx";
import { glow } from "./glow.ts";

interface RowProps<T> {
  readonly index: number;
  readonly item: T;
  readonly columns: readonly Column<T>[];
  readonly isNew: boolean;
}

/** Drawn again when its item is another; what then reads otherwise is marked. */
export class Row<T> extends Component<RowProps<T>> {
  readonly #row = createRef<HTMLTableRowElement>();
  #texts: readonly string[] = [];

  override shouldComponentUpdate({ columns, index, item }: RowProps<T>) {
    return item !== this.props.item || columns !== this.props.columns ||
      index !== this.props.index;
  }

  override componentDidMount() {
    this.#texts = this.#read();
    if (this.props.isNew) this.#glow(() => true);
  }

  override componentDidUpdate() {
    const old = this.#texts;
    this.#texts = this.#read();
    this.#glow((i) => this.#texts[i] !== old[i]);
  }

  override render({ columns, index, item }: RowProps<T>) {
    return (
      <tr role="row" ref={this.#row} aria-rowindex={index}>
        {columns.map((column) => {
          const { name, show, text } = column;
          return (
            <td
              key={name}
              role="cell"
              class={classOf(column)}
              title={text(item)}
            >
              {show ? show(item) : text(item)}
            </td>
          );
        })}
      </tr>
    );
  }

  #read(): string[] {
    return this.props.columns.map(({ text }) => text(this.props.item));
  }

  #glow(isChanged: (i: number) => boolean): void {
    [...this.#row.current?.cells ?? []].filter((_, i) => isChanged(i))
      .forEach(glow);
  }
}
