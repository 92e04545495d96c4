interface Properties {
  readonly gpus: readonly string[];
  readonly chosen: string | null;
  readonly choose: (gpu: string | null) => void;
}

/** Of real servers, what the gateway does not know. */
export function GpuField({ gpus, chosen, choose }: Properties) {
  return (
    <p class="limits">
      <label title="The gateway does not know what its servers run on; with it, the twin answers for them">
        Type of GPU
        <select
          value={chosen ?? ""}
          onChange={({ currentTarget: { value } }) => choose(value === "" ? null : value)}
        >
          <option value="">not said</option>
          {gpus.map((gpu) => (
            <option key={gpu} value={gpu}>
              {gpu.toUpperCase()}
            </option>
          ))}
        </select>
      </label>
    </p>
  );
}
