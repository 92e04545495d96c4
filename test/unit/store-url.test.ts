import { expect, test } from "vitest";
import { readStoreUrl } from "../../src/config/store-url.ts";
import { InputError } from "../../src/lib/errors.ts";

const standalone = {
  kind: "redis",
  layout: "standalone",
  hosts: [{ host: "h", port: 6379 }],
  master: null,
  database: 0,
  tls: false,
  username: null,
  password: null,
};

test.each([
  ["memory", { kind: "memory" }],
  ["file:///var/lib/plim%20soll/store", { kind: "file", path: "/var/lib/plim soll/store" }],
  ["redis://h", standalone],
  ["redis://h:1/3", { ...standalone, hosts: [{ host: "h", port: 1 }], database: 3 }],
  ["rediss://:p%40ss@h/", { ...standalone, tls: true, password: "p@ss" }],
  ["redis://[::1]:7", { ...standalone, hosts: [{ host: "::1", port: 7 }] }],
  [
    "redis+sentinel://u:p@a,b:7/main",
    {
      ...standalone,
      layout: "sentinel",
      hosts: [
        { host: "a", port: 26_379 },
        { host: "b", port: 7 },
      ],
      master: "main",
      username: "u",
      password: "p",
    },
  ],
  [
    "rediss+cluster://a:1,b:2",
    {
      ...standalone,
      layout: "cluster",
      hosts: [
        { host: "a", port: 1 },
        { host: "b", port: 2 },
      ],
      tls: true,
    },
  ],
])("%s", (url, address) => {
  expect(readStoreUrl(url, "test")).toEqual(address);
});

test.each([
  "redis",
  "file://host/path",
  "file:///folder/",
  "file:///%zz",
  "postgres://h",
  "redis://",
  "redis://a,b",
  "redis://h:0",
  "redis://h:65536",
  "redis://h/name",
  "redis://:%zz@h",
  "redis://h:secret",
  "redis+sentinel://h",
  "redis+cluster://h/1",
  "redis+raft://h",
])("%s is refused, and not repeated", (url) => {
  expect(() => readStoreUrl(url, "gateway.yaml")).toThrow(InputError);
  expect(() => readStoreUrl(url, "gateway.yaml")).toThrow(
    /^gateway\.yaml: store\.url names no store; expected memory, file:\/\/\/path, redis:/,
  );
  expect(() => readStoreUrl(url, "gateway.yaml")).not.toThrow(/secret/);
});
