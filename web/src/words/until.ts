// Until when something is meant to hold: chosen by the viewer's clock and in the viewer's zone, sent as an epoch second. Pure.

export interface Choice {
  value: string;
  label: string;
}

export const OPEN_END = "";
export const PICKED = "picked";
const HOUR_SECONDS = 3600;
const MORNING = 9;

/** What is mostly meant. */
export const UNTIL: readonly Choice[] = [
  { value: OPEN_END, label: "somebody lifts it" },
  { value: "hour", label: "in an hour" },
  { value: "tomorrow", label: `tomorrow at ${MORNING}:00` },
  { value: "monday", label: `next Monday at ${MORNING}:00` },
  { value: PICKED, label: "a time of your own" },
];

/** The epoch second of a choice; null for no end, or while nothing is picked. `now` is the controller's time. */
export function untilOf(choice: string, picked: string, now: number): number | null {
  switch (choice) {
    case "hour":
      return Math.round(now) + HOUR_SECONDS;
    case "tomorrow":
      return morning(now, 1);
    case "monday":
      return morning(now, (8 - new Date(now * 1000).getDay()) % 7 || 7);
    case PICKED: {
      const at = Date.parse(picked); // without a zone it is the viewer's
      return Number.isNaN(at) ? null : at / 1000;
    }
    default:
      return null;
  }
}

function morning(now: number, days: number): number {
  const day = new Date(now * 1000);
  return new Date(day.getFullYear(), day.getMonth(), day.getDate() + days, MORNING).getTime() / 1000;
}

/** For a field of type datetime-local. */
export function localMinute(at: number): string {
  const there = new Date(at * 1000);
  const two = (value: number): string => String(value).padStart(2, "0");
  const date = `${there.getFullYear()}-${two(there.getMonth() + 1)}-${two(there.getDate())}`;
  return `${date}T${two(there.getHours())}:${two(there.getMinutes())}`;
}

/** The zone the viewer's clock shows, and the same moment in UTC. */
export function inUtc(at: number): string {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const utc = new Date(at * 1000).toISOString().replace("T", " ").slice(0, 16);
  return zone === "UTC" ? "UTC" : `${zone}; ${utc} UTC`;
}
