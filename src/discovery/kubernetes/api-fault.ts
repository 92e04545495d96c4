import { oneLine } from "../../lib/printable.ts";

const MOST_SAID = 300;

/** The API server did not do what it was asked for. `message` is a clause that follows what was asked. */
export class ApiFault extends Error {
  override readonly name = "ApiFault";
  /** 0 where there is no answer. */
  readonly status: number;

  constructor(message: string, status = 0) {
    super(message);
    this.status = status;
  }

  /** Whether what was listed is too old to go on from. */
  get gone(): boolean {
    return this.status === 410;
  }
}

/**
 * What an answer of that status means, and what to do.
 * @param verb `list` or `watch`
 * @param body the answer's, which may be a Status of Kubernetes
 */
export function faultOf(status: number, verb: string, namespace: string, body: string): ApiFault {
  const said = messageIn(body);
  const server = said === "" ? "" : `: ${oneLine(said, MOST_SAID)}`;
  return new ApiFault(`${clauseOf(status, verb, namespace)}${server}`, status);
}

function clauseOf(status: number, verb: string, namespace: string): string {
  if (status === 401)
    return "cannot be read: the API server does not accept the token (401); name the right `tokenFile`, or mount the ServiceAccount's";
  if (status === 403)
    return `cannot be read (403): bind a Role in ${namespace} to the ServiceAccount that may get, list and watch endpointslices of discovery.k8s.io (it lacks ${verb})`;
  if (status === 404)
    return "cannot be read (404): the server has no discovery.k8s.io/v1; is `server` the API server of Kubernetes 1.21 or later?";
  return `cannot be read (the API server answered ${status})`;
}

function messageIn(body: string): string {
  try {
    const { message } = JSON.parse(body) as { readonly message?: unknown };
    return typeof message === "string" ? message : "";
  } catch {
    return "";
  }
}
