import { BlockList, isIP } from "node:net";

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet("127.0.0.0", 8, "ipv4");
LOOPBACK.addAddress("::1", "ipv6");

/** Whether an address, IPv4 within IPv6 too, is this machine's own; false for a name. */
export function isLoopback(address: string): boolean {
  const family = isIP(address);
  return family !== 0 && LOOPBACK.check(address, family === 4 ? "ipv4" : "ipv6");
}

/** Whether a name stands for this machine wherever it is looked up (RFC 6761 §6.3). */
export function isLocalName(name: string): boolean {
  return /^(?:[^.]+\.)*localhost\.?$/i.test(name);
}

/** Whether nothing but this machine reaches what listens there. */
export function staysHere(host: string): boolean {
  return isLocalName(host) || isLoopback(host);
}
