// The log of a service or of one rollout: what is there already, and what comes while one looks.
import { useEffect, useState } from "preact/hooks";

import { get } from "../api/client.ts";
import type { EventsPage, EventView } from "../api/types.ts";
import { now } from "../live/clock.ts";
import { onEvent } from "../live/state.ts";
import { exactly, moment, words } from "../words/format.ts";

const SHOWN_FIRST = 25;
const KEPT_MAX = 2000;

/** Every event of a service, or of one rollout of it; grows as events come. */
export function useEvents(service: string, rollout: string): { events: readonly EventView[]; loading: boolean } {
  const [events, setEvents] = useState<readonly EventView[]>([]);
  const [loading, setLoading] = useState(true);
  useEffect(() => {
    const stop = new AbortController();
    const wanted = (event: EventView): boolean =>
      event.service === service && (!rollout || event.rollout === rollout || event.rollout === "");
    const add = (found: readonly EventView[]): void =>
      setEvents((old) => {
        const known = new Set(old.map((each) => each.position));
        const more = found.filter((each) => !known.has(each.position));
        return more.length ? [...old, ...more].sort((a, b) => a.position - b.position).slice(-KEPT_MAX) : old;
      });
    setEvents([]);
    setLoading(true);
    const end = onEvent((event) => void (wanted(event) && add([event])));
    void load(service, rollout, stop.signal, add).finally(() => !stop.signal.aborted && setLoading(false));
    return () => {
      stop.abort();
      end();
    };
  }, [service, rollout]);
  return { events, loading };
}

async function load(
  service: string,
  rollout: string,
  signal: AbortSignal,
  add: (found: readonly EventView[]) => void,
): Promise<void> {
  let after = 0;
  try {
    for (;;) {
      const query = new URLSearchParams({ service, after: String(after), limit: "1000", ...(rollout ? { rollout } : {}) });
      const page = await get<EventsPage>(`/v1/events?${query.toString()}`, { signal });
      add(page.events);
      if (page.events.length < 1000 || signal.aborted) return;
      after = page.position;
    }
  } catch {
    // What is live comes all the same; the line on top says when nothing answers.
  }
}

export function EventLog({ events, loading }: { events: readonly EventView[]; loading: boolean }) {
  const [all, setAll] = useState(false);
  const newestFirst = [...events].reverse();
  const shown = all ? newestFirst : newestFirst.slice(0, SHOWN_FIRST);
  if (!events.length) return <p class="quiet-text">{loading ? "Reading the log…" : "Nothing has happened yet."}</p>;
  return (
    <>
      <ol class="events" aria-label="Events, newest first" reversed>
        {shown.map((event) => (
          <li key={event.position} class={tone(event)} data-position={event.position}>
            <time dateTime={new Date(event.at * 1000).toISOString()} title={exactly(event.at)} class="num">
              {moment(event.at, now.peek())}
            </time>
            <span class="actor">{event.actor === "ferryman" ? "" : event.actor}</span>
            <span class="event-text">{event.text}</span>
            <span class="kind">{words(event.kind)}</span>
          </li>
        ))}
      </ol>
      {newestFirst.length > shown.length && (
        <button type="button" class="quiet" onClick={() => setAll(true)}>
          Show all {newestFirst.length}
        </button>
      )}
    </>
  );
}

function tone(event: EventView): string {
  if (event.kind === "back_ordered" || event.body["verdict"] === "fail") return "bad";
  if (event.kind === "rollout_ended") return event.body["outcome"] === "promoted" ? "ok" : "wait";
  if (event.kind === "paused") return "wait";
  return event.actor === "ferryman" ? "" : "person";
}
