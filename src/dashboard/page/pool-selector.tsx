interface Properties {
  readonly pools: readonly string[];
  readonly shown: string;
  readonly choose: (pool: string) => void;
}

export function PoolSelector({ pools, shown, choose }: Properties) {
  return (
    <select aria-label="Pool" value={shown} onChange={(event) => choose(event.currentTarget.value)}>
      {pools.map((pool) => (
        <option key={pool} value={pool}>
          {pool}
        </option>
      ))}
    </select>
  );
}
