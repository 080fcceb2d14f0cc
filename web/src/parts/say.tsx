// What the page says after something was done or refused; read out, and gone after a while.
import { signal } from "@preact/signals";

import { Sign } from "./bits.tsx";

type SaidTone = "ok" | "wait" | "bad";

interface Said {
  id: number;
  tone: SaidTone;
  text: string;
}

const STAYS_MS = 9000;
const said = signal<readonly Said[]>([]);
let next = 1;

export function say(text: string, tone: SaidTone = "ok"): void {
  const id = next++;
  said.value = [...said.value.slice(-2), { id, tone, text }];
  setTimeout(() => drop(id), tone === "ok" ? STAYS_MS : STAYS_MS * 2);
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
