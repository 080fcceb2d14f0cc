// Live by server-sent events, read by fetch rather than by EventSource: so that a refusal is seen for what it is, and that
// silence is: the controller says something every fifteen seconds, and a connection that says nothing for longer is dead.
import { ApiError, refused, said } from "../api/client.ts";
import type { EventView, FlagsNews, ServiceView } from "../api/types.ts";
import { serverNow } from "./clock.ts";
import { tellFlags } from "./flagNews.ts";
import { addEvents, events, link, lost, setView, setViews } from "./state.ts";

const SILENCE_MS = 40_000;
const CONNECT_MS = 10_000;
const RETRY_MS_MIN = 300;
const RETRY_MS_MAX = 10_000;
const STEADY_MS = 5_000;

interface Snapshot {
  position: number;
  services: ServiceView[];
  left_off: number;
}

let wake: () => void = () => {};
let position = 0;

/** Try again at once, instead of when the next try is due. */
export function retryNow(): void {
  wake();
}

/** Follow every service until the returned function is called, or until the controller asks who we are. */
export function follow(): () => void {
  const stop = new AbortController();
  void forever(stop.signal);
  const online = (): void => wake();
  addEventListener("online", online);
  return () => {
    removeEventListener("online", online);
    stop.abort();
  };
}

async function forever(stop: AbortSignal): Promise<void> {
  let failures = 0;
  while (!stop.aborted) {
    const began = performance.now();
    let why: unknown = new Error("the controller ended the connection");
    try {
      await once(stop);
    } catch (problem) {
      why = problem;
    }
    if (stop.aborted || (why instanceof ApiError && why.status === 401)) return;
    if (performance.now() - began > STEADY_MS) failures = 0;
    const pause = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** failures);
    failures += 1;
    lost(said(why), serverNow() + pause / 1000);
    await sleep(pause, stop);
  }
}

/** One connection, until it ends. */
async function once(stop: AbortSignal): Promise<void> {
  const quiet = new AbortController();
  let timer = setTimeout(() => quiet.abort(new Error("nothing was heard from the controller")), CONNECT_MS);
  const query = position ? `?last_event_id=${position}` : "";
  try {
    const response = await fetch(`/v1/stream${query}`, {
      headers: { accept: "text/event-stream" },
      credentials: "same-origin",
      cache: "no-store",
      signal: AbortSignal.any([stop, quiet.signal]),
    }).catch((problem: unknown) => {
      throw stop.aborted ? problem : new Error("the controller cannot be reached");
    });
    if (!response.ok || !response.body) throw await refused(response);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(timer);
      timer = setTimeout(() => quiet.abort(new Error("nothing was heard from the controller")), SILENCE_MS);
      const parts = (rest + value).split("\n\n");
      rest = parts.pop() ?? "";
      take(parts);
    }
  } finally {
    clearTimeout(timer);
    quiet.abort();
  }
}

function take(parts: string[]): void {
  const found: EventView[] = [];
  for (const part of parts) {
    const fields = new Map(part.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]));
    const data = fields.get("data");
    if (data === undefined) continue;
    if (fields.get("event") === "event") found.push(JSON.parse(data) as EventView);
    else if (fields.get("event") === "view") setView(JSON.parse(data) as ServiceView);
    else if (fields.get("event") === "flags") tellFlags(JSON.parse(data) as FlagsNews);
    else if (fields.get("event") === "snapshot") begin(JSON.parse(data) as Snapshot);
  }
  if (!found.length) return;
  position = Math.max(position, found.at(-1)?.position ?? 0);
  addEvents(found);
}

function begin(snapshot: Snapshot): void {
  position = Math.max(position, snapshot.position);
  setViews(snapshot.services);
  if (!events.value.length) addEvents(snapshot.services.flatMap((view) => view.recent).sort((a, b) => a.position - b.position));
  link.value = { state: "live" };
  tellFlags(null);
}

function sleep(ms: number, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      stop.removeEventListener("abort", done);
      wake = () => {};
      resolve();
    };
    const timer = setTimeout(done, ms);
    stop.addEventListener("abort", done, { once: true });
    wake = done;
  });
}
