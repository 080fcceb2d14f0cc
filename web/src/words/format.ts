// Figures as people read them. The terminal says them the same way (src/ferryman/cli/views/text.py).

export const NOTHING = "–";

/** `0.8 s`, `9 s`, `3 m 10 s`, `2 h 05 m`, `3 d 4 h`. */
export function duration(seconds: number): string {
  const s = Math.max(0, seconds);
  if (s < 9.95 && Math.abs(s - Math.round(s)) > 0.05) return `${s.toFixed(1)} s`;
  const whole = Math.round(s);
  const [minutes, rest] = [Math.floor(whole / 60), whole % 60];
  const [hours, m] = [Math.floor(minutes / 60), minutes % 60];
  const [days, h] = [Math.floor(hours / 24), hours % 24];
  if (days) return h ? `${days} d ${h} h` : `${days} d`;
  if (hours) return m ? `${h} h ${String(m).padStart(2, "0")} m` : `${h} h`;
  if (minutes) return rest ? `${m} m ${rest} s` : `${m} m`;
  return `${rest} s`;
}

/** A length for a countdown: whole seconds, never below zero. */
export function countdown(seconds: number): string {
  return duration(Math.max(0, Math.ceil(seconds)));
}

/** One unit only: `12 s`, `3 min`, `2 h`, `5 d`. */
export function roughly(seconds: number): string {
  const s = Math.max(0, seconds);
  if (s < 90) return `${Math.round(s)} s`;
  if (s < 5400) return `${Math.round(s / 60)} min`;
  return s < 172_800 ? `${Math.round(s / 3600)} h` : `${Math.round(s / 86_400)} d`;
}

export function count(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

export function rate(value: number | null): string {
  if (value === null) return NOTHING;
  return value < 9.95 ? `${value.toFixed(1)}/s` : `${count(value)}/s`;
}

export function percent(value: number | null): string {
  if (value === null) return NOTHING;
  if (value === 0) return "0%";
  if (Math.abs(value) < 1) return `${value.toFixed(2)}%`;
  return Math.abs(value) < 9.95 ? `${value.toFixed(1)}%` : `${value.toFixed(0)}%`;
}

/** A share as it was asked for: `25%`, `0.5%`. */
export function weight(value: number): string {
  return `${Number(value.toFixed(1))}%`;
}

export function milliseconds(value: number | null): string {
  if (value === null) return NOTHING;
  if (value < 9.95) return `${value.toFixed(1)} ms`;
  return value < 999.5 ? `${value.toFixed(0)} ms` : `${(value / 1000).toFixed(1)} s`;
}

export function size(value: number | null): string {
  if (value === null) return NOTHING;
  let left = value;
  for (const unit of ["B", "kB", "MB"]) {
    if (left < 999.5) return `${left.toFixed(0)} ${unit}`;
    left /= 1000;
  }
  return `${left.toFixed(1)} GB`;
}

/** By how many percent `now` is above `before`; null where that cannot be said. */
export function change(now: number | null, before: number | null): number | null {
  return now === null || !before ? null : (100 * (now - before)) / before;
}

/** `+20%`, `−2%`, `×3.4` for what more than doubled. */
export function signed(value: number | null): string {
  if (value === null) return NOTHING;
  if (value >= 150) {
    const factor = 1 + value / 100;
    return `×${factor < 9.95 ? factor.toFixed(1) : factor.toFixed(0)}`;
  }
  const rounded = Math.round(value);
  return rounded < 0 ? `−${-rounded}%` : `+${rounded}%`;
}

export function plural(number: number, word: string): string {
  return number === 1 ? `1 ${word}` : `${count(number)} ${word}s`;
}

const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const FULL = new Intl.DateTimeFormat("en-GB", { dateStyle: "long", timeStyle: "long" });

export function clock(at: number): string {
  return CLOCK.format(at * 1000);
}

/** `14:02:11` of today, `24 Nov, 14:02:11` of another day. */
export function moment(at: number, now: number): string {
  const same = DAY.format(at * 1000) === DAY.format(now * 1000) && Math.abs(now - at) < 86_400;
  return same ? clock(at) : `${DAY.format(at * 1000)}, ${clock(at)}`;
}

export function exactly(at: number): string {
  return FULL.format(at * 1000);
}

/** The words of the log's kinds: `step_entered` is "step entered". */
export function words(kind: string): string {
  return kind.replaceAll("_", " ");
}
