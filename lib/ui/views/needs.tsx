import { Mark } from "../marks.tsx";
import type { Model } from "../../model/mod.ts";
import { type Issue, issuesOf } from "../../model/issues.ts";
import { href } from "../route.ts";
import { plural } from "../../model/format.ts";

/** How much of each kind is listed. */
const MOST = 4;

/** What needs somebody, or that nothing does. */
export function Needs({ model, isOld }: { model: Model; isOld: boolean }) {
  const needs = issuesOf(model);
  const nothing = isOld
    ? "Nothing that is known needs you"
    : "Nothing needs you";
  return (
    <section class="needs" aria-label="What needs you">
      <h2>
        {needs.length > 0 ? "What needs you" : nothing}
      </h2>
      {needs.length === 0 && (
        <p>
          <Mark
            look="good"
            text={`${
              plural(model.pods.length, "pod is", "pods are")
            } as they are meant to be, on ${plural(model.nodes.size, "node")}`}
          />
        </p>
      )}
      <ul>
        {needs.map((need) => <Item key={need.title} need={need} />)}
      </ul>
    </section>
  );
}

function Item({ need }: { need: Issue }) {
  const { all, items, parts, title } = need;
  const more = items.length - MOST;
  return (
    <li class="need">
      <h3>
        <a href={href(all.path, all.params)}>
          <Mark look="bad" text={title} />
        </a>
      </h3>
      {parts.length > 1 && (
        <p class="parts">
          {parts.map(({ params, path, text }) => (
            <a key={text} href={href(path, params)}>{text}</a>
          ))}
        </p>
      )}
      <ul>
        {items.slice(0, MOST).map(({ name, params, path, reason }) => (
          <li key={`${name} ${reason}`} title={`${name}: ${reason}`}>
            <a href={href(path, params)}>{name}</a> {reason}
          </li>
        ))}
      </ul>
      {more > 0 && (
        <p>
          <a href={href(all.path, all.params)}>and {more} more</a>
        </p>
      )}
    </li>
  );
}
