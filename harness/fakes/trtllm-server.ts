/** TensorRT-LLM's way with health and metrics, over the common fake: `node trtllm-server.ts PORT`. */
import { serveEngine } from "./engine-server.ts";
import { answeredByState, recorded, state, reply, withMetric } from "./fake-state.ts";

const METRICS = recorded("trtllm-1.3-metrics.txt");

await serveEngine((request, body, response) => {
  if (answeredByState(request, body, response)) return true;
  if (request.url !== "/prometheus/metrics") return false;
  const [{ running, waiting, kvUse }] = state.ranks;
  const values = {
    num_requests_running: running,
    num_requests_waiting: waiting,
    kv_cache_utilization: kvUse,
  };
  const metrics = Object.entries(values).reduce(
    (text, [name, value]) => withMetric(text, `trtllm_${name}`, null, [value]),
    METRICS,
  );
  reply(response, metrics);
  return true;
});
