// Flags and what would become of them, in words. The terminal says the same (src/ferryman/cli/views/flags.py).
import type { ChangePlan, FlagCell, FlagRow, Json, PlaceView } from "../api/types.ts";
import { count } from "../words/format.ts";
import type { Tone } from "../words/standing.ts";

const USERS = 100_000; // the unit of a plan's numbers

/** `12.5 %`, with as many digits as there are. */
export function share(percent: number): string {
  return `${Number(percent.toFixed(3))} %`;
}

export interface CellWords {
  word: string;
  tone: Tone;
  /** True where the users are divided. */
  divided: boolean;
}

/** What is served in one environment, in a word or a share. */
export function served(cell: FlagCell): CellWords {
  if (cell.state === "killed" || cell.state === "tripped") {
    return { word: cell.state === "killed" ? "Killed" : "Tripped", tone: "bad", divided: false };
  }
  if (cell.state === "disabled") return { word: "Disabled", tone: "off", divided: false };
  if (!cell.serves) return { word: share(cell.exposed_percent), tone: "busy", divided: true };
  return { word: cell.serves, tone: cell.exposed_percent > 0 ? "ok" : "off", divided: false };
}

/** The same in a sentence. */
export function standing(cell: FlagCell, off: string): string {
  if (cell.state === "killed" || cell.state === "tripped") return `${cell.state}: everybody gets ${off}`;
  if (cell.state === "disabled") return "disabled: programs take their own default";
  if (!cell.serves) return `${share(cell.exposed_percent)} of the users are exposed${cell.rules ? ", apart from the rules" : ""}`;
  return `everybody gets ${cell.serves}${cell.rules ? ", apart from the rules" : ""}`;
}

export function headline(row: FlagRow, off: string): string {
  const first = row.cells.find((cell) => cell.environment === "prod") ?? row.cells[0];
  if (!first) return "Not there yet; it waits for people.";
  if (first.state === "enabled") return `In ${first.environment} ${standing(first, off)}.`;
  const [state, ...rest] = standing(first, off).split(":");
  return `${capital(state ?? "")} in ${first.environment}:${rest.join(":")}.`;
}

export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** What a plan does to users, most important first. */
export function planWords(plan: ChangePlan): string[] {
  const about = plan.exact ? "" : "about ";
  const found = [`users moved: ${about}${count(plan.moved)}${plan.moved ? ` of ${count(USERS)}` : ""}`];
  if (plan.joined) found.push(`${share((plan.joined * 100) / USERS)} become exposed`);
  if (plan.left) found.push(`${share((plan.left * 100) / USERS)} are not exposed any more`);
  if (plan.moved) found.push(plan.moves.slice(0, 4).map((move) => `${move.before} → ${move.after} ${count(move.users)}`).join(", "));
  if (plan.uncounted.length) found.push(`not counted: ${plan.uncounted.join(", ")}`);
  return found;
}

/** From which exposure to which. */
export function planChange(plan: ChangePlan): string {
  if (plan.before_percent === plan.after_percent) return "edited";
  return `${share(plan.before_percent)} → ${share(plan.after_percent)}`;
}

const DEEDS: Record<string, { word: string; tone: Tone }> = {
  created: { word: "Created", tone: "ok" },
  written: { word: "Changed", tone: "busy" },
  removed: { word: "Taken away", tone: "off" },
  killed: { word: "Killed", tone: "bad" },
  unkilled: { word: "Kill ended", tone: "ok" },
  tripped: { word: "Tripped", tone: "bad" },
  recovered: { word: "Trip ended", tone: "ok" },
};

export function deed(kind: string): { word: string; tone: Tone } {
  return DEEDS[kind] ?? { word: kind, tone: "off" };
}

/** How a breaker stands, in a word with a tone. */
export function breakerTone(state: string): Tone {
  return state === "open" ? "bad" : state === "closed" ? "ok" : "wait";
}

const WHYS: Record<string, string> = { expired: "Expired", decided: "Decided", unasked: "Not asked for" };

export function whyStale(code: string): string {
  return WHYS[code] ?? code;
}

/** A value as it stands in a flags file. */
export function valueText(value: Json): string {
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

/** The number by which a variant has its colour: 0 is `off`. */
export function colourOf(variant: string, off: string, names: readonly string[]): number {
  if (variant === off || variant === "") return 0;
  return 1 + (names.filter((name) => name !== off).indexOf(variant) % 5);
}

/** The config version in which a flag was written the last time: what needs no going back to. */
export function writtenLast(place: PlaceView): number {
  return place.history.findLast((each) => each.kind === "created" || each.kind === "written")?.version ?? 0;
}
