/** How a source of servers is. */
export interface SourceReading {
  /** For a person, e.g. `SRV records of _http._tcp.engines`. */
  readonly source: string;
  /** Whether it could be read the last time: what it found before stays in use while it cannot. */
  readonly isReadable: boolean;
  /** That are in use. */
  readonly servers: number;
  /** How often its list was another than before, the first time included. */
  readonly changes: number;
}
