// What the page knows: the newest view of every service, the newest events, and whether that is still so.
import { computed, signal } from "@preact/signals";

import type { EventView, ServiceView } from "../api/types.ts";
import { heard, serverNow } from "./clock.ts";
import { sample } from "./samples.ts";

const EVENTS_MAX = 1000;

export type Link =
  | { state: "connecting" }
  | { state: "live" }
  | { state: "lost"; since: number; retryAt: number; why: string };

export const link = signal<Link>({ state: "connecting" });
export const services = signal<ReadonlyMap<string, ServiceView>>(new Map());
export const loaded = signal(false);
export const events = signal<readonly EventView[]>([]);

/** False when what is shown is known to be of another time. */
export const fresh = computed(() => link.value.state !== "lost");

const listeners = new Set<(event: EventView) => void>();

/** Be told of every new event; returns what ends that. */
export function onEvent(listener: (event: EventView) => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Nothing answers: what is shown is as old as the first time this was said. */
export function lost(why: string, retryAt: number): void {
  const since = link.value.state === "lost" ? link.value.since : serverNow();
  link.value = { state: "lost", since, retryAt, why };
}

/** The views of all services, as they are now. */
export function setViews(views: readonly ServiceView[]): void {
  for (const view of views) take(view);
  services.value = new Map(views.map((view) => [view.service, newest(view)]));
  loaded.value = true;
}

/** One newer view. */
export function setView(view: ServiceView): void {
  take(view);
  const next = new Map(services.value);
  next.set(view.service, newest(view));
  services.value = next;
}

function take(view: ServiceView): void {
  heard(view.at);
  sample(view);
}

function newest(view: ServiceView): ServiceView {
  const known = services.value.get(view.service);
  return known && known.at > view.at ? known : view;
}

export function addEvents(found: readonly EventView[]): void {
  const last = events.value.at(-1)?.position ?? 0;
  const fresh = found.filter((event) => event.position > last);
  if (!fresh.length) return;
  events.value = [...events.value, ...fresh].slice(-EVENTS_MAX);
  for (const event of fresh) for (const listener of listeners) listener(event);
}
