interface Properties<T extends string> {
  /** Of all radio buttons that belong together, on the page. */
  readonly name: string;
  /** What is chosen, for those who do not see it. */
  readonly legend: string;
  readonly options: readonly {
    readonly value: T;
    readonly title: string;
    readonly what: string;
    readonly disabled?: boolean;
  }[];
  readonly chosen: T;
  readonly choose: (value: T) => void;
}

/** One of a few ways to show something. */
export function Choice<T extends string>({ name, legend, options, chosen, choose }: Properties<T>) {
  return (
    <fieldset class="choice">
      <legend class="unseen">{legend}</legend>
      {options.map(({ value, title, what, disabled = false }) => (
        <label key={value} title={what}>
          <input
            type="radio"
            name={name}
            checked={value === chosen}
            disabled={disabled}
            onChange={() => choose(value)}
          />
          {title}
        </label>
      ))}
    </fieldset>
  );
}
