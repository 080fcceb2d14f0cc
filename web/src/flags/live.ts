// What is known of flags, as it is now: read once, then kept by the stream's news, row by row.
import { signal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";

import { ApiError, get, said } from "../api/client.ts";
import type { AskerView, FlagEverywhere, FlagRow, FlagsBoard, FlagsNews, VariantMinute } from "../api/types.ts";
import { serverNow } from "../live/clock.ts";
import { onFlags } from "../live/flagNews.ts";
import { onEvent } from "../live/state.ts";

const POLL_MS = 5_000;
const HOUR_SECONDS = 3_600;
const MINUTE_SECONDS = 60;
const ROLLOUTS = new Set(["rollout_created", "rollout_started", "rollout_ended"]);
const APART_MS = 300; // of those who read everything anew after one change

export const board = signal<FlagsBoard | null>(null);
export const boardTrouble = signal("");

/** The version that was read as a whole: cells of a newer one changed before the eyes of whoever looks. */
export let readAt = 0;

let newest = 0;
let reading: AbortController | null = null;

/** The grid; read when a page with it comes up, and when something may have been missed. */
export function useBoard(): FlagsBoard | null {
  useEffect(() => {
    readBoard();
    return onFlags(takeNews);
  }, []);
  return board.value;
}

function readBoard(): void {
  reading?.abort();
  const stop = (reading = new AbortController());
  get<FlagsBoard>("/v1/flags", { signal: stop.signal })
    .then((found) => {
      if (found.version < newest) return void setTimeout(readBoard, APART_MS); // news came in between
      newest = readAt = found.version;
      board.value = found;
      boardTrouble.value = "";
    })
    .catch((problem: unknown) => {
      if (!stop.signal.aborted) boardTrouble.value = said(problem);
    });
}

function takeNews(news: FlagsNews | null): void {
  const known = board.value;
  if (news === null) {
    newest = 0; // the controller may be another one now
    return readBoard();
  }
  newest = Math.max(newest, news.version);
  const named = new Set(known?.environments.map((each) => each.name));
  if (!known || news.whole || news.rows.some((row) => row.cells.some((cell) => !named.has(cell.environment)))) {
    setTimeout(readBoard, Math.random() * APART_MS);
    return;
  }
  const touched = new Set([...news.gone, ...news.rows.map((row) => row.key)]);
  const rows: FlagRow[] = [...known.flags.filter((row) => !touched.has(row.key)), ...news.rows];
  board.value = { ...known, version: news.version, flags: rows.sort((a, b) => (a.key < b.key ? -1 : 1)) };
}

export type Found = { state: "loading" } | { state: "there"; flag: FlagEverywhere } | { state: "missing" } | { state: "failed"; why: string };

/** One flag in all environments, and what reads it again at once. */
export function useFlag(key: string): [Found, () => void] {
  const [found, setFound] = useState<Found>({ state: "loading" });
  const [turn, setTurn] = useState(0);
  const again = (): void => setTurn((before) => before + 1);
  useEffect(
    () =>
      onFlags((news) => {
        if (news === null || news.whole || news.gone.includes(key) || news.rows.some((row) => row.key === key)) again();
      }),
    [key],
  );
  // A release that begins or ends may be what sees to the flag.
  useEffect(() => onEvent((event) => void (ROLLOUTS.has(event.kind) && again())), [key]);
  const watches = found.state === "there" && found.flag.places.some((at) => at.watched !== null);
  useEffect(() => {
    if (!watches) return undefined;
    const timer = setInterval(() => document.hidden || again(), POLL_MS); // the value that a breaker looks at is no news
    return () => clearInterval(timer);
  }, [watches]);
  useEffect(() => {
    const stop = new AbortController();
    get<FlagEverywhere>(`/v1/flags/${encodeURIComponent(key)}/everywhere`, { signal: stop.signal })
      .then((flag) => setFound({ state: "there", flag }))
      .catch((problem: unknown) => {
        if (stop.signal.aborted) return;
        const missing = problem instanceof ApiError && problem.status === 404;
        setFound((before) => (missing ? { state: "missing" } : before.state === "there" ? before : { state: "failed", why: said(problem) }));
      });
    return () => stop.abort();
  }, [key, turn]);
  return [found, again];
}

export interface Use {
  minutes: readonly VariantMinute[];
  askers: readonly AskerView[];
}

/** How a flag is used, of the last hour; asked for again while the page is looked at. */
export function useUse(environment: string, key: string): Use | null {
  const [use, setUse] = useState<Use | null>(null);
  useEffect(() => {
    const stop = new AbortController();
    const path = flagPath(environment, key);
    let kept: readonly VariantMinute[] = [];
    let looked = false;
    const read = async (): Promise<void> => {
      if (document.hidden && looked) return;
      // The last minutes may still grow; what is older stays.
      const hour = serverNow() - HOUR_SECONDS;
      const since = Math.max(hour, (kept.at(-1)?.minute ?? 0) - MINUTE_SECONDS);
      try {
        const [minutes, askers] = await Promise.all([
          get<VariantMinute[]>(`${path}/evaluations?since=${since.toFixed(0)}`, { signal: stop.signal }),
          get<AskerView[]>(`${path}/askers`, { signal: stop.signal }),
        ]);
        const first = minutes[0]?.minute ?? Infinity;
        kept = [...kept.filter((each) => each.minute >= hour && each.minute < first), ...minutes];
        looked = true;
        setUse({ minutes: kept, askers });
      } catch {
        // The next look may find it; that nothing answers is said on top of the page.
      }
    };
    void read();
    const timer = setInterval(() => void read(), POLL_MS);
    return () => {
      clearInterval(timer);
      stop.abort();
    };
  }, [environment, key]);
  return use;
}

export function flagPath(environment: string, key: string): string {
  return `/v1/environments/${encodeURIComponent(environment)}/flags/${encodeURIComponent(key)}`;
}
