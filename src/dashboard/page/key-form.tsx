import { useState } from "preact/hooks";

interface Properties {
  /** One was sent, and is not the gateway's. */
  readonly wrong: boolean;
  readonly send: (key: string) => void;
}

/** Asks for the key of operators. */
export function KeyForm({ wrong, send }: Properties) {
  const [key, setKey] = useState("");
  return (
    <form
      class="key-form"
      onSubmit={(event) => {
        event.preventDefault();
        send(key.trim());
      }}
    >
      <label for="operator-key">
        {wrong ? "This is not the gateway's operator key." : "The gateway wants its operator key."}
      </label>
      <input
        id="operator-key"
        type="password"
        autocomplete="current-password"
        value={key}
        onInput={({ currentTarget }) => setKey(currentTarget.value)}
      />
      <button type="submit" disabled={key.trim() === ""}>
        Show
      </button>
    </form>
  );
}
