// What a service is doing, in words: the headline, why, what next, and whether one may go home. Pure.
import type { RolloutView, ServiceView, SideView } from "../api/types.ts";
import { countdown, duration, weight } from "./format.ts";

export type Tone = "ok" | "busy" | "wait" | "bad" | "off";

const TERMINAL = new Set(["promoted", "rolled_back", "superseded", "failed"]);

declare const underWay: unique symbol;
/** A rollout of which something is still to come. */
export type UnderWay = RolloutView & { readonly [underWay]: true };

export function running(rollout: RolloutView | null): rollout is UnderWay {
  return rollout !== null && !TERMINAL.has(rollout.phase);
}

/** Whether a feature flag shares out the users: such a rollout runs nothing of its own. */
export function byFlag(view: ServiceView): boolean {
  return view.rollout?.strategy === "flag";
}

export function goingBack(rollout: RolloutView | null): boolean {
  return rollout !== null && rollout.track === "back" && running(rollout);
}

/** One word or two for the state, as the terminal has them in capitals, and how to take it. */
export function state(view: ServiceView): { word: string; tone: Tone } {
  const rollout = view.rollout;
  if (view.down) return { word: "Down", tone: "off" };
  if (goingBack(rollout)) return { word: "Rolling back", tone: "bad" };
  if (rollout?.phase === "failed") return { word: "Failed", tone: "bad" };
  if (!view.healthy) return { word: "Degraded", tone: "bad" };
  if (rollout?.phase === "paused") return { word: "Paused", tone: "wait" };
  if (view.serving === null) return running(rollout) ? { word: "Starting", tone: "busy" } : { word: "Empty", tone: "off" };
  return running(rollout) ? { word: "Releasing", tone: "busy" } : { word: "Healthy", tone: "ok" };
}

export function sides(view: ServiceView): { stable: SideView | undefined; candidate: SideView | undefined } {
  const stable = view.sides.find((side) => side.role === "stable");
  const candidate =
    view.sides.find((side) => side.role === "candidate") ??
    (stable && view.sides.find((side) => side.role === "old" && side.live > 0));
  return { stable, candidate };
}

/** The share of users that the candidate has now, in percent. */
export function exposed(view: ServiceView): number {
  return view.sides.find((side) => side.role === "candidate")?.weight_seen ?? 0;
}

/** What is happening, in a sentence. */
export function headline(view: ServiceView): string {
  const rollout = view.rollout;
  if (view.down) return `${view.service} is down, on purpose. The next deploy brings it back.`;
  if (rollout === null) return view.serving ? `${view.serving} serves everybody.` : "Nothing has been released yet.";
  if (running(rollout)) return goingBack(rollout) ? backwards(view, rollout) : forwards(view, rollout);
  const serves = view.serving ? `${view.serving} serves everybody` : "Nothing is serving";
  if (!view.healthy) return `${serves}, but is in trouble.`;
  if (rollout.kind === "drill" && rollout.phase === "rolled_back") {
    const how = passedDrill(rollout) ? "was rehearsed" : "failed when it was rehearsed";
    return `${serves}; the way back to ${rollout.candidate} ${how}.`;
  }
  if (rollout.phase === "promoted") return `${serves}.`;
  if (rollout.phase === "failed") return `${rollout.candidate} could not be taken back in full.`;
  if (rollout.phase === "superseded") return `${serves}; ${rollout.candidate} gave way to a newer release.`;
  return `${serves}; ${rollout.candidate} was taken back.`;
}

/** A drill ends by going back: by itself when all was shown, else because something went wrong. */
function passedDrill(rollout: RolloutView): boolean {
  return rollout.cause_kind === "drill";
}

function backwards(view: ServiceView, rollout: RolloutView): string {
  const left = exposed(view);
  const where = left > 0 ? `${weight(left)} of users still meet it` : "no user meets it any more";
  return `${rollout.candidate} is being taken back: ${where}.`;
}

const EARLY: Record<string, string> = {
  pending: "waits for its turn",
  checking: "is being checked before anything starts",
  expanding: "prepares its data",
  starting: "is starting; no user meets it yet",
};

function forwards(view: ServiceView, rollout: RolloutView): string {
  const who = rollout.candidate;
  const early = EARLY[rollout.phase];
  if (early) return `${who} ${early}.`;
  const share = exposed(view);
  const serves = share > 99.9 ? "serves everybody" : share > 0 ? `serves ${weight(share)} of users` : "serves nobody yet";
  if (rollout.phase === "paused") return paused(rollout, `${who} ${serves}`);
  if (rollout.phase === "baking") return `${who} serves everybody, and is watched before it counts as promoted.`;
  if (rollout.phase === "finishing") return `${who} serves everybody; what is left of ${rollout.stable ?? "before"} leaves.`;
  if (rollout.phase === "promoting" && share <= 99.9) return `${who} takes over: it ${serves}.`;
  const word = JUDGED[rollout.verdict ?? ""];
  return `${who} ${serves}${word ? `; ${word}` : ""}.`;
}

const JUDGED: Record<string, string> = {
  pass: "the evidence lets it go on",
  continue: "no harm beyond chance so far",
  insufficient: "too few requests to judge it yet",
  error: "the evidence is missing",
  fail: "the evidence is against it",
};

function paused(rollout: RolloutView, subject: string): string {
  if (rollout.pause_kind === "human") return `${subject} and waits for a person.`;
  if (rollout.pause_kind === "approval") return `${subject} and waits for people to agree.`;
  if (rollout.pause_kind === "freeze") return `${subject} and is held by a freeze.`;
  if (rollout.pause_kind === "window") return `${subject} and waits for its release window.`;
  if (rollout.pause_kind === "operator") return `${subject} and was paused by ${rollout.pause_by ?? "an operator"}.`;
  return `${subject} and is paused: ${rollout.pause_reason ?? "it waits"}.`;
}

/** Why it stands where it stands. */
export function why(view: ServiceView): string {
  const rollout = view.rollout;
  if (view.trouble) return view.trouble;
  if (rollout === null) return view.serving ? "No release is under way." : "No release file has been deployed.";
  if (goingBack(rollout)) {
    const cause = [rollout.cause_kind, rollout.cause_reason].filter(Boolean).join(": ");
    return [cause, rollout.waiting_for].filter(Boolean).join(" · ");
  }
  if (!running(rollout)) return rollout.reason || `Rollout ${rollout.number} has ended.`;
  return rollout.waiting_for || rollout.verdict_reason || "It is moving.";
}

/** What comes next, and when if time alone brings it. `now` is the controller's time. */
export function next(view: ServiceView, now: number): string {
  const rollout = view.rollout;
  if (!running(rollout)) return view.queue.length ? `${view.queue.length} more in line.` : "Nothing, until the next deploy.";
  if (!rollout.next) return "";
  const left = remaining(view, now);
  if (rollout.phase === "paused" && rollout.pause_kind === "approval") {
    return `${rollout.next}, after people agree${left ? `; without an answer it goes back in ${countdown(left)}` : ""}`;
  }
  if (rollout.phase === "paused" && left === null) return `${rollout.next}, after ${wayOn(rollout)}`;
  if (rollout.phase === "analysing") {
    return `${rollout.next}, when the judge passes it${left ? `; it is asked for ${countdown(left)} more` : ""}`;
  }
  return left ? `${rollout.next} in ${countdown(left)}` : rollout.next;
}

function wayOn(rollout: RolloutView): string {
  const kind = rollout.pause_kind ?? "";
  if (["operator", "deadline", "error"].includes(kind)) return "somebody resumes";
  if (kind === "freeze") return "somebody lifts the freeze";
  if (kind === "window") return "a release window opens";
  return kind === "human" ? "somebody promotes" : "somebody promotes, or resumes to judge it anew";
}

/** Seconds until time alone moves the rollout; null where it does not. */
export function remaining(view: ServiceView, now: number): number | null {
  const until = view.rollout?.until ?? null;
  return until !== null && until > now ? until - now : null;
}

export interface Home {
  word: "Yes" | "Not yet" | "No";
  tone: Tone;
  text: string;
}

/** Whether one may leave: nothing wrong, and nothing that will need a person. */
export function home(view: ServiceView, now: number): Home {
  const rollout = view.rollout;
  if (view.down) return { word: "Yes", tone: "off", text: "Nothing runs, as was asked for." };
  if (rollout?.phase === "failed") return { word: "No", tone: "bad", text: "The way back failed. A person must look." };
  if (!view.healthy) return { word: "No", tone: "bad", text: "Users may notice. A person should look." };
  if (!running(rollout)) return ended(view, rollout);
  if (goingBack(rollout)) {
    return { word: "Not yet", tone: "wait", text: `${rollout.stable ?? "The former version"} serves; wait until it has ended.` };
  }
  if (rollout.pause_kind === "approval") {
    return { word: "No", tone: "wait", text: `It waits for people to agree; without an answer it ${rollout.until === null ? "stays where it is" : "goes back"}.` };
  }
  if (rollout.phase === "paused" && rollout.until === null) {
    return { word: "No", tone: "wait", text: "It stands still until somebody decides." };
  }
  const asks = rollout.steps.slice(rollout.step).find((step) => step.gates.some((gate) => needsPerson(gate)));
  if (asks) return { word: "Not yet", tone: "wait", text: `At “${asks.name}” it will wait for a person.` };
  const eta = rollout.eta_seconds;
  const about = eta ? `, in about ${duration(Math.max(0, eta - Math.max(0, now - view.at)))} if all goes well` : "";
  return { word: "Yes", tone: "ok", text: `It ends by itself${about}; if the evidence turns, it goes back by itself.` };
}

function ended(view: ServiceView, rollout: RolloutView | null): Home {
  if (view.serving === null) return { word: "Yes", tone: "off", text: "Nothing runs yet." };
  if (rollout?.kind === "drill" && rollout.phase === "rolled_back" && !passedDrill(rollout)) {
    return { word: "Yes", tone: "wait", text: `Users are well with ${view.serving}, but do not count on going back to ${rollout.candidate}.` };
  }
  if (rollout?.phase === "rolled_back" && rollout.kind !== "drill") {
    return { word: "Yes", tone: "ok", text: `Users are well with ${view.serving}. ${rollout.candidate} can wait for tomorrow.` };
  }
  return { word: "Yes", tone: "ok", text: "Nothing is under way, and all that should run does." };
}

function needsPerson(gate: string): boolean {
  return gate === "a person" || /\bapprovals?\b/.test(gate);
}
