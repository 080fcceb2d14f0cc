// News of feature flags from the stream, for whoever shows flags. The pages that do are loaded when they are asked for.
import type { FlagsNews } from "../api/types.ts";

type Listener = (news: FlagsNews | null) => void;

const listeners = new Set<Listener>();

/** Be told of every change; null: something may have been missed, look at everything. Returns what ends that. */
export function onFlags(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function tellFlags(news: FlagsNews | null): void {
  for (const listener of listeners) listener(news);
}
