import type { PoolStore, Store } from "../../src/control/store.ts";
import { type HeadLayout, withHead } from "../stored-head.ts";

type Fields = Record<string, unknown>;

/** How a gateway of another version writes. What it reads is the same. */
export interface OtherVersion {
  /** @returns what it writes for what this version would */
  written(head: Fields): Fields;
  /** What it sends beside each message. */
  readonly beside: readonly Uint8Array[];
}

/** Names no version, and knows nothing of incarnations: what it reads of them it loses. */
export const BEFORE: OtherVersion = {
  written(head) {
    const known = Object.entries(head).filter(
      ([name]) => !["v", "incarnation", "incarnations"].includes(name),
    );
    const { heard, ...rest } = Object.fromEntries(known);
    if (heard === undefined) return rest;
    return { ...rest, heard: (heard as readonly Fields[]).map(({ rank, windowMs }) => ({ rank, windowMs })) };
  },
  beside: [],
};

/** Writes fields that are not known here into everything, and messages of kinds that are not. */
export const LATER: OtherVersion = {
  written: (head) => ({ later: { more: [1] }, ...head, latest: null }),
  beside: [
    framed({ v: 1, kind: "later", rank: 3 }),
    framed({ v: 1, kind: "order", order: { kind: "later" } }),
    framed({ v: 2, kind: "rank", rank: 0, state: "lost" }),
  ],
};

/** A store as a gateway of that version uses it. */
export function asVersion(store: Store, version: OtherVersion): Store {
  const changed = (bytes: Uint8Array, layout: HeadLayout) => withHead(bytes, layout, version.written);
  const pool = (inner: PoolStore): PoolStore =>
    over(inner, {
      put: (name, value, token) =>
        inner.put(name, value === null || name === "learned" ? value : changed(value, "all"), token),
      publish: (epoch, snapshot, token) => inner.publish(epoch, changed(snapshot, "snapshot"), token),
      async send(message, audit) {
        await inner.send(changed(message, "message"), audit);
        for (const more of version.beside) await inner.send(more, null);
      },
    });
  return over(store, { pool: (name) => pool(store.pool(name)) });
}

/** The same object with some of its methods replaced. */
function over<T extends object>(inner: T, methods: Partial<T>): T {
  return new Proxy(inner, {
    get(target, name) {
      if (Object.hasOwn(methods, name)) return methods[name as keyof T];
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}

function framed(head: object): Uint8Array {
  const json = new TextEncoder().encode(JSON.stringify(head));
  const bytes = new Uint8Array(4 + json.length);
  new DataView(bytes.buffer).setUint32(0, json.length, true);
  bytes.set(json, 4);
  return bytes;
}
