// Beginning to follow, and beginning anew as somebody else.
import { follow } from "./stream.ts";
import { readSession } from "./session.ts";
import { strange } from "../api/client.ts";

let stop: (() => void) | null = null;

/** Ask who we are, then follow what we may see. */
export async function start(): Promise<void> {
  stop?.();
  stop = null;
  if (await readSession()) stop = follow();
  else strange.value = true;
}

export function restart(): void {
  strange.value = false;
  void start();
}

export function halt(): void {
  stop?.();
  stop = null;
}
