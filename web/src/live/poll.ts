// Live by asking: the views each second, and the events by long polls that the controller answers when there is one.
import { ApiError, get, said, strange } from "../api/client.ts";
import type { EventsPage, ServiceView } from "../api/types.ts";
import { addEvents, link, loaded, services, setViews } from "./state.ts";
import { serverNow } from "./clock.ts";

const VIEW_EVERY_MS = 1000;
const WAIT_SECONDS = 20;
const RETRY_MS_MIN = 500;
const RETRY_MS_MAX = 10_000;

let wake: () => void = () => {};

export function startPolling(): () => void {
  const stop = new AbortController();
  void viewsLoop(stop.signal);
  void eventsLoop(stop.signal);
  return () => stop.abort();
}

/** Ask again at once, instead of when the next try is due. */
export function retryNow(): void {
  wake();
}

async function viewsLoop(signal: AbortSignal): Promise<void> {
  let failures = 0;
  while (!signal.aborted) {
    try {
      setViews(await get<ServiceView[]>("/v1/services", { signal, ms: 10_000 }));
      failures = 0;
      link.value = { state: "live" };
      await sleep(document.hidden ? VIEW_EVERY_MS * 5 : VIEW_EVERY_MS, signal);
    } catch (problem) {
      if (signal.aborted || (problem instanceof ApiError && problem.status === 401)) return;
      const pause = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** failures);
      failures += 1;
      const since = link.value.state === "lost" ? link.value.since : serverNow();
      link.value = { state: "lost", since, retryAt: serverNow() + pause / 1000, why: said(problem) };
      await sleep(pause, signal);
    }
  }
}

async function eventsLoop(signal: AbortSignal): Promise<void> {
  while (!loaded.value && !signal.aborted) await sleep(100, signal);
  let after = Math.max(0, ...[...services.value.values()].map((view) => view.position));
  while (!signal.aborted && !strange.value) {
    try {
      const query = `after=${after}&limit=1000&wait_seconds=${WAIT_SECONDS}`;
      const page = await get<EventsPage>(`/v1/events?${query}`, { signal, ms: (WAIT_SECONDS + 10) * 1000 });
      addEvents(page.events);
      if (page.events.length) wake();
      after = Math.max(after, page.position);
    } catch (problem) {
      if (signal.aborted || (problem instanceof ApiError && problem.status === 401)) return;
      await sleep(1000, signal);
    }
  }
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done, { once: true });
    wake = done;
  });
}
