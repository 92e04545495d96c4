import dns from "node:dns";

/** The addresses of a host's name. Rejects when there are none, or nobody can tell. */
export type Lookup = (name: string) => Promise<readonly string[]>;

/** A name server that says nothing holds nobody up for longer. */
const WITHIN_MS = 5000;

/**
 * As the system looks names up when it connects (/etc/hosts, DNS). Addresses of one family only, for both are mostly
 * the same machines: IPv4 where there is any.
 */
export const lookUp: Lookup = async (name) => {
  const found = Promise.withResolvers<readonly dns.LookupAddress[]>();
  const late = setTimeout(() => found.reject(new LookupTooLate()), WITHIN_MS);
  dns.lookup(name, { all: true, hints: dns.ADDRCONFIG }, (error, addresses) => {
    if (error === null) found.resolve(addresses);
    else found.reject(error);
  });
  try {
    const all = await found.promise;
    const family = all.some((one) => one.family === 4) ? 4 : 6;
    return all.filter((one) => one.family === family).map(({ address }) => address);
  } finally {
    clearTimeout(late);
  }
};

class LookupTooLate extends Error {
  readonly code = "ETIMEOUT";
}
