// The log of a service or of one rollout: what is there already, and what comes while one looks.
import { useEffect, useState } from "preact/hooks";

import { get } from "../api/client.ts";
import type { EventsPage, EventView } from "../api/types.ts";
import { now } from "../live/clock.ts";
import { onEvent } from "../live/state.ts";
import { exactly, moment, words } from "../words/format.ts";

const SHOWN_FIRST = 25;
const PART = 500;
const KEPT_MAX = 5000;
const BEYOND = Number.MAX_SAFE_INTEGER;

export interface Events {
  events: readonly EventView[];
  loading: boolean;
  /** Reads what is older, if there is anything. */
  older: (() => void) | null;
}

/** The newest events of a service, or of one rollout of it; grows as events come, and by older ones when asked to. */
export function useEvents(service: string, rollout: string): Events {
  const [events, setEvents] = useState<readonly EventView[]>([]);
  const [loading, setLoading] = useState(true);
  const [cursor, setCursor] = useState({ of: "", before: BEYOND });
  const [more, setMore] = useState(false);
  const of = `${service}/${rollout}`;
  const before = cursor.of === of ? cursor.before : BEYOND;
  useEffect(() => {
    const stop = new AbortController();
    const wanted = (event: EventView): boolean =>
      event.service === service && (!rollout || event.rollout === rollout || event.rollout === "");
    const add = (found: readonly EventView[], most = Infinity): void =>
      setEvents((old) => {
        const known = new Set(old.map((each) => each.position));
        const more = found.filter((each) => !known.has(each.position));
        return more.length ? [...old, ...more].sort((a, b) => a.position - b.position).slice(-most) : old;
      });
    if (before === BEYOND) setEvents([]);
    setLoading(true);
    const end = onEvent((event) => void (wanted(event) && add([event], KEPT_MAX)));
    load(service, rollout, before, stop.signal)
      .then((found) => {
        add(found);
        setMore(found.length === PART);
      })
      // What is live comes all the same; the line on top says when nothing answers.
      .catch(() => undefined)
      .finally(() => !stop.signal.aborted && setLoading(false));
    return () => {
      stop.abort();
      end();
    };
  }, [service, rollout, before]);
  const oldest = events[0]?.position ?? BEYOND;
  const older = more && !loading ? (): void => setCursor({ of, before: oldest }) : null;
  // A rollout is shown as a whole.
  useEffect(() => {
    if (rollout) older?.();
  }, [rollout, more, loading]);
  return { events, loading, older };
}

async function load(service: string, rollout: string, before: number, signal: AbortSignal): Promise<readonly EventView[]> {
  const query = new URLSearchParams({ service, before: String(before), limit: String(PART), ...(rollout ? { rollout } : {}) });
  return (await get<EventsPage>(`/v1/events?${query.toString()}`, { signal })).events;
}

export function EventLog({ events, loading, older }: Events) {
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
      {newestFirst.length === shown.length && older && (
        <button type="button" class="quiet" onClick={older}>
          Older ones
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
