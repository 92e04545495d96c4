/** How a pool's shards are watched. Times in milliseconds. */
export interface HealthSettings {
  readonly probe: ProbeSettings;
  /** Circuits and outliers are judged by the requests of this last while. */
  readonly windowMs: number;
  readonly circuit: CircuitSettings;
  readonly outlier: OutlierSettings;
  readonly slowStart: SlowStartSettings;
  /**
   * When fewer than this part of the ready shards admit requests, or none does, circuits and ejections are ignored and
   * all ready ones admit: keeping requests away does not help where everything fails. In the same way servers that are
   * only late with their answers to probes count as ready when too few others are. 0 to 100.
   */
  readonly panicPercent: number;
}

/** Active checks, per server. */
export interface ProbeSettings {
  /** From one probe's end to the next one's begin, each time varied by up to a tenth. */
  readonly intervalMs: number;
  /** How long an answer is waited for; SGLang's own limit is 20 s. */
  readonly timeoutMs: number;
  /** A probe without an answer counts as failed after so long, and once more after each further such time. */
  readonly lateMs: number;
  /** A server from which nothing came for so long hangs: it is sent nothing, also where all others are late. */
  readonly hungMs: number;
  /** Failed probes in a row that make a server unready; one is enough where it has never answered. */
  readonly unhealthyAfter: number;
  /** Good probes in a row that make it ready again; one is enough where it was only late. */
  readonly healthyAfter: number;
}

/** A circuit opens when requests to its shard fail; it then lets one trial through at a time. */
export interface CircuitSettings {
  /** Failures in a row that open it. */
  readonly consecutiveFailures: number;
  /** Part of the window's requests, over 0 to 1, that opens it when it fails. */
  readonly failureRatio: number;
  /** Requests in the window below which `failureRatio` does not count. */
  readonly minRequests: number;
  /** How long it stays open at first; twice as long after each trial that fails, shortened by up to half at random. */
  readonly openMs: number;
  readonly maxOpenMs: number;
}

/** An outlier of its pool is sent nothing for a while. */
export interface OutlierSettings {
  /** Requests in the window below which a shard is neither judged nor compared with. */
  readonly minRequests: number;
  /** How far its part of failures may be above the pool's median, 0 to 1. */
  readonly failureMargin: number;
  /** How many times the pool's median its own median time to the first byte may be; 0 for any. */
  readonly firstByteFactor: number;
  /** A median below this is quick enough, whatever the others do. */
  readonly firstByteLeastMs: number;
  /** How long; as many times this as the shard was ejected lately. */
  readonly ejectMs: number;
  readonly maxEjectMs: number;
  /** Of the pool, rounded down; one shard may always be ejected. */
  readonly maxEjectedPercent: number;
}

/** A shard that comes back gets a growing part of its share. */
export interface SlowStartSettings {
  /** Until its whole share; 0 for at once. */
  readonly durationMs: number;
  /** The part it begins with, over 0 to 1. */
  readonly floor: number;
}
