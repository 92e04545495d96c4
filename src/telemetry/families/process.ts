import { type Family, counter, gauge } from "../family.ts";
import type { WorkersUse } from "../../model/workers-use.ts";
import type { Readings } from "../readings.ts";
import { mostOpenFiles, openFiles, virtualMemoryBytes } from "../process-files.ts";

const MICROSECONDS = 1e-6;

/**
 * This process, by the names that Prometheus' own clients use. With local workers it is the one that answers operators;
 * those that serve are `plimsoll_workers_*`.
 */
export function processFamilies({ build, workers }: Pick<Readings, "build" | "workers">): Family[] {
  const one = (name: string, help: string, value: () => number | null) =>
    gauge(name, [], help, (observe) => {
      const found = value();
      if (found !== null) observe(found);
    });
  const ofWorkers = (value: (workers: WorkersUse) => number): Family["read"] => {
    return (observe) => observe(value(workers()));
  };
  return [
    gauge("plimsoll_build_info", ["version", "node"], "1 for what runs here", (observe) =>
      observe(1, build.version, build.node),
    ),
    gauge(
      "plimsoll_workers",
      [],
      "Local workers: processes that serve for this one",
      ofWorkers(({ count }) => count),
    ),
    counter(
      "plimsoll_workers_cpu_seconds_total",
      [],
      "User and system CPU time of local workers, of those that are gone too",
      ofWorkers(({ cpuSeconds }) => cpuSeconds),
    ),
    gauge(
      "plimsoll_workers_resident_memory_bytes",
      [],
      "Resident memory of local workers",
      ofWorkers(({ residentBytes }) => residentBytes),
    ),
    counter("process_cpu_seconds_total", [], "User and system CPU time", (observe) => {
      const { user, system } = process.cpuUsage();
      observe((user + system) * MICROSECONDS);
    }),
    one("process_resident_memory_bytes", "Resident memory", () => process.memoryUsage.rss()),
    one("process_virtual_memory_bytes", "Virtual memory", virtualMemoryBytes),
    one(
      "process_start_time_seconds",
      "When the process started, since 1970",
      () => performance.timeOrigin / 1000,
    ),
    one("process_open_fds", "Open file descriptors", openFiles),
    one("process_max_fds", "The most file descriptors that may be open", mostOpenFiles),
    one("nodejs_heap_size_used_bytes", "JavaScript heap in use", () => process.memoryUsage().heapUsed),
    one("nodejs_heap_size_total_bytes", "JavaScript heap", () => process.memoryUsage().heapTotal),
    one(
      "nodejs_external_memory_bytes",
      "Memory outside of the heap, buffers included",
      () => process.memoryUsage().external,
    ),
    counter(
      "nodejs_eventloop_time_seconds_total",
      ["state"],
      "Time of the event loop's thread, active and idle",
      (observe) => {
        const { active, idle } = performance.eventLoopUtilization();
        observe(active / 1000, "active");
        observe(idle / 1000, "idle");
      },
    ),
  ];
}
