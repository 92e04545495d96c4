import { readFileSync } from "node:fs";
import { Ajv, type ValidateFunction } from "ajv";

const schemas = JSON.parse(
  readFileSync(new URL("golden/kubernetes/schemas.json", import.meta.url), "utf8"),
) as { readonly kinds: Readonly<Record<string, object>>; readonly $defs: object };

const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true });
ajv.addSchema({ $id: "kubernetes", ...schemas });
const compiled = new Map<string, ValidateFunction>();

/** A manifest, as far as all kinds are alike. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
}

/** What Kubernetes' own schema, or the prometheus-operator's, has against a manifest: nothing else is allowed in it. */
export function schemaFaults(manifest: Manifest): readonly string[] {
  const { kind } = manifest;
  if (!(kind in schemas.kinds)) return [`no schema of a ${kind} is here: test/golden/kubernetes/schemas.py`];
  let check = compiled.get(kind);
  if (check === undefined) {
    check = ajv.compile({ $ref: `kubernetes#/kinds/${kind}` });
    compiled.set(kind, check);
  }
  check(manifest);
  return (check.errors ?? []).map(({ instancePath, message, params }) =>
    [instancePath, message, JSON.stringify(params)].join(" "),
  );
}
