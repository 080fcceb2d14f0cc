// What the page says after something was done or refused; read out, and gone after a while.
import { signal } from "@preact/signals";

import { Sign } from "./bits.tsx";

interface Said {
  id: number;
  tone: "ok" | "bad";
  text: string;
}

const STAYS_MS = 9000;
const said = signal<readonly Said[]>([]);
let next = 1;

export function say(text: string, tone: "ok" | "bad" = "ok"): void {
  const id = next++;
  said.value = [...said.value.slice(-2), { id, tone, text }];
  setTimeout(() => drop(id), tone === "bad" ? STAYS_MS * 2 : STAYS_MS);
}

function drop(id: number): void {
  said.value = said.value.filter((each) => each.id !== id);
}

export function Sayings() {
  return (
    <div class="sayings" role="status" aria-live="polite">
      {said.value.map((each) => (
        <p key={each.id} class={`saying ${each.tone}`}>
          <Sign tone={each.tone} />
          <span>{each.text}</span>
          <button type="button" class="quiet small" aria-label="Close" onClick={() => drop(each.id)}>
            ×
          </button>
        </p>
      ))}
    </div>
  );
}
