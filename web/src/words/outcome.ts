// How a rollout ended, in a word.
import type { Tone } from "./standing.ts";

const OUTCOMES: Record<string, { word: string; tone: Tone }> = {
  promoted: { word: "Promoted", tone: "ok" },
  rolled_back: { word: "Rolled back", tone: "bad" },
  superseded: { word: "Superseded", tone: "off" },
  failed: { word: "Failed", tone: "bad" },
  running: { word: "Running", tone: "busy" },
  waiting: { word: "Waiting", tone: "wait" },
  stopped: { word: "Stopped", tone: "off" },
};

export function outcome(name: string): { word: string; tone: Tone } {
  return OUTCOMES[name] ?? { word: name.replaceAll("_", " "), tone: "off" };
}
