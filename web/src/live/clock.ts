// The controller's clock, kept apart from the browser's, which may be wrong.
import { signal } from "@preact/signals";

const TICK_MS = 250;
const SAMPLES_MAX = 20;

const offsets: number[] = [];
let offset = 0;

/** The controller's time now, epoch seconds; a signal that moves four times a second. */
export const now = signal(Date.now() / 1000);

/** A view said it was made at `at`. Answers that took long are behind: the one that was fastest is nearest the truth. */
export function heard(at: number): void {
  offsets.push(at - Date.now() / 1000);
  if (offsets.length > SAMPLES_MAX) offsets.shift();
  offset = Math.max(...offsets);
  tick();
}

export function serverNow(): number {
  return Date.now() / 1000 + offset;
}

/** How far the browser's clock is ahead of the controller's, seconds. */
export function ahead(): number {
  return -offset;
}

function tick(): void {
  now.value = serverNow();
}

setInterval(tick, TICK_MS);
