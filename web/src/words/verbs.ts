// What each verb does, in words for its button and its dialog.
import type { ServiceView } from "../api/types.ts";
import { exposed } from "./standing.ts";
import { weight } from "./format.ts";

export interface VerbText {
  verb: string;
  label: string;
  title: string;
  what: string;
  kind: "main" | "plain" | "quiet" | "danger";
  needsReason: boolean;
}

const ORDER = ["approve", "deny", "promote", "resume", "pause", "retry", "abort", "undo", "unfreeze", "freeze", "restart"];

/** The verbs that are legal now, the most likely first. */
export function verbs(view: ServiceView): VerbText[] {
  const legal = new Set(view.legal);
  // `undo` in a running release does what `abort` does, which says it better.
  if (legal.has("abort")) legal.delete("undo");
  // A freeze is legal in any phase.
  if (view.freeze) legal.add("unfreeze");
  else if (!view.down && view.rollout) legal.add("freeze");
  return ORDER.filter((verb) => legal.has(verb)).map((verb) => describe(verb, view));
}

function describe(verb: string, view: ServiceView): VerbText {
  const rollout = view.rollout;
  const candidate = rollout?.candidate ?? "the new version";
  const stable = rollout?.stable ?? "the former version";
  const following = rollout?.next ?? "the next step";
  const made = (label: string, title: string, what: string, kind: VerbText["kind"], needsReason = false): VerbText => ({
    verb,
    label,
    title,
    what,
    kind,
    needsReason,
  });
  switch (verb) {
    case "promote":
      return made(
        "Promote",
        `Promote ${candidate}`,
        `Goes on to “${following}” now. The time and the verdict that this step still waits for are passed over; health and capacity are not.${view.freeze ? " The freeze still holds: it goes on when that is lifted." : ""}`,
        rollout?.phase === "paused" && rollout.pause_kind !== "human" ? "plain" : "main",
      );
    case "approve":
      return made("Approve", `Approve ${candidate}`, `Your word that it may go on: ${asked(view)}.`, "main");
    case "deny":
      return made("Deny", `Deny ${candidate}`, `${stable} takes all users back, then ${candidate} stops.`, "danger", true);
    case "freeze":
      return made("Freeze", `Freeze ${view.service}`, "No more users meet any new version. Going back is never held.", "quiet", true);
    case "unfreeze":
      return made("Lift the freeze", `Lift the freeze of ${view.service}`, "Releases go on from where they were held.", "plain");
    case "resume":
      return made(
        "Resume",
        `Resume ${candidate}`,
        "The rollout goes on from where it was paused.",
        rollout?.pause_kind === "human" ? "plain" : "main",
      );
    case "pause":
      return made(
        "Pause",
        `Pause ${candidate}`,
        `${candidate} keeps its ${weight(exposed(view))} of users and gets no more until somebody resumes. The judge goes on watching.`,
        "plain",
      );
    case "retry":
      return made("Retry", `Try ${candidate} again`, "The same release begins anew, from its first step.", "plain");
    case "undo":
      return made("Undo", `Undo ${view.serving ?? candidate}`, "Goes back to a version that served before.", "plain", true);
    case "restart":
      return made("Restart", `Restart ${view.service}`, "Replaces each instance by a new one of the same version.", "quiet");
    default:
      return made(
        "Abort",
        `Abort ${candidate}`,
        `${stable} takes all users back at once, then the instances of ${candidate} stop.`,
        "danger",
        true,
      );
  }
}

function asked(view: ServiceView): string {
  const open = view.rollout?.approvals.find((each) => each.state === "open");
  return open ? `${open.given.length} of ${open.needed} have agreed until now` : "it waits for that";
}
