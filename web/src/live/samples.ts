// The last minutes of every service as this page saw them: for sparklines and for charts until the log's own are there.
import { signal } from "@preact/signals";

import type { ServiceView, SideView } from "../api/types.ts";
import { readEvidence } from "../words/evidence.ts";

const SAMPLES_MAX = 900;
const APART_SECONDS = 0.9;

export interface Figures {
  rate: number | null;
  errors: number | null;
  p95: number | null;
}

export interface Sample {
  at: number;
  rollout: string;
  stable: Figures;
  candidate: Figures;
  harm: number | null;
  proof: number | null;
}

const kept = new Map<string, Sample[]>();

/** Moves when a sample of any service was added. */
export const sampled = signal(0);

export function samplesOf(service: string): readonly Sample[] {
  return kept.get(service) ?? [];
}

export function sample(view: ServiceView): void {
  const list = kept.get(view.service) ?? [];
  const last = list.at(-1);
  if (last && view.at - last.at < APART_SECONDS) return;
  const evidence = view.rollout ? readEvidence(view.rollout.evidence) : null;
  list.push({
    at: view.at,
    rollout: view.rollout?.id ?? "",
    stable: figures(view.sides.find((side) => side.role === "stable")),
    candidate: figures(view.sides.find((side) => side.role === "candidate")),
    harm: evidence?.harm ?? null,
    proof: evidence?.passing ?? null,
  });
  if (list.length > SAMPLES_MAX) list.shift();
  kept.set(view.service, list);
  sampled.value += 1;
}

function figures(side: SideView | undefined): Figures {
  if (!side) return { rate: null, errors: null, p95: null };
  return { rate: side.requests_per_second, errors: side.error_percent, p95: side.p95_ms };
}
