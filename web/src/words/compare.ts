// The figures of both versions side by side, by how much they differ, and how to take that. The marks only show what the
// judge's own evidence says, or what is plainly visible; no mark decides anything (as in src/ferryman/cli/views/compare.py).
import type { ServiceView, SideView } from "../api/types.ts";
import type { Evidence, Metric } from "./evidence.ts";
import { change, milliseconds, percent, rate, signed, size } from "./format.ts";
import { byFlag, sides } from "./standing.ts";

export type Mark = "ok" | "warn" | "bad" | "";

export interface Row {
  name: string;
  left: string;
  right: string;
  delta: string;
  mark: Mark;
  metric: Metric | null;
}

const HARM_DOUBTFUL = 0.5;
const SHARE_TOLERANCE_PERCENT = 25;
const USAGE_DOUBTFUL_PERCENT = 50;
const LATENCY_DOUBTFUL_PERCENT = 25;
const CPU_WORTH_A_LOOK_PERCENT = 20;
const REQUESTS_WORTH_A_LOOK = 50;
const ERRORS_WORTH_A_LOOK = 3;
const OF_INSTANCES = new Set(["CPU", "Memory", "Instances"]);

export function rows(view: ServiceView, evidence: Evidence | null): Row[] {
  const { stable: left, candidate: right } = sides(view);
  const compared = right?.role === "candidate";
  const metric = (name: string): Metric | null => evidence?.metrics.find((each) => each.name === name) ?? null;
  const plain = (name: string, text: (side: SideView) => string, found: Metric | null = null): Row => ({
    name,
    left: left ? text(left) : "",
    right: right ? text(right) : "",
    delta: "",
    mark: "",
    metric: found,
  });
  const made: Row[] = [
    plain("Requests", (s) => rate(s.requests_per_second)),
    plain("Errors", (s) => percent(s.error_percent), metric("errors")),
    plain("Latency p50", (s) => milliseconds(s.p50_ms)),
    plain("Latency p95", (s) => milliseconds(s.p95_ms), metric("latency")),
    plain("Latency p99", (s) => milliseconds(s.p99_ms)),
    plain("CPU", (s) => percent(s.cpu_percent), metric("saturation")),
    plain("Memory", (s) => size(s.memory_bytes)),
    plain("Instances", (s) => `${s.ready}/${s.wanted}`),
  ];
  if (!left || !right || !compared) return shown(view, made);
  const failed = view.rollout?.verdict === "fail";
  const differences: [string, Mark][] = [
    requests(left, right),
    errors(left, right, metric("errors")),
    latency(left.p50_ms, right.p50_ms, right, null),
    latency(left.p95_ms, right.p95_ms, right, metric("latency")),
    latency(left.p99_ms, right.p99_ms, right, null),
    usage(left.cpu_percent, right.cpu_percent, CPU_WORTH_A_LOOK_PERCENT),
    usage(left.memory_bytes, right.memory_bytes, 0),
    ["", right.ready >= right.wanted ? "ok" : "warn"],
  ];
  const told = made.map((row, index): Row => {
    const [delta, mark] = differences[index] ?? ["", ""];
    return { ...row, delta, mark: failed && mark === "warn" ? "bad" : mark };
  });
  return shown(view, told);
}

function shown(view: ServiceView, all: Row[]): Row[] {
  return byFlag(view) ? all.filter((row) => !OF_INSTANCES.has(row.name)) : all;
}

/** Requests for each percent of the weight: +0 % when each side gets its share. */
function requests(left: SideView, right: SideView): [string, Mark] {
  if (!left.weight_seen || !right.weight_seen || left.requests_per_second === null) return ["", ""];
  const got = (right.requests_per_second ?? 0) / right.weight_seen;
  const delta = change(got, left.requests_per_second / left.weight_seen);
  if (delta === null) return ["", ""];
  const few = right.stage_requests < REQUESTS_WORTH_A_LOOK;
  return [signed(delta), few || Math.abs(delta) <= SHARE_TOLERANCE_PERCENT ? "ok" : "warn"];
}

function errors(left: SideView, right: SideView, found: Metric | null): [string, Mark] {
  if (right.error_percent === null || left.error_percent === null) return ["", ""];
  const points = right.error_percent ? `+${right.error_percent.toPrecision(2)} pt` : "+0%";
  const delta = left.error_percent ? signed(change(right.error_percent, left.error_percent)) : points;
  const worse = right.error_percent > 2 * left.error_percent && right.stage_errors >= ERRORS_WORTH_A_LOOK;
  return [delta, mark(found, worse)];
}

function latency(before: number | null, now: number | null, right: SideView, found: Metric | null): [string, Mark] {
  const delta = change(now, before);
  if (delta === null) return ["", ""];
  const worse = delta > LATENCY_DOUBTFUL_PERCENT && right.stage_requests >= REQUESTS_WORTH_A_LOOK;
  return [signed(delta), mark(found, worse)];
}

function usage(before: number | null, now: number | null, worth: number): [string, Mark] {
  const delta = change(now, before);
  if (delta === null || now === null) return ["", ""];
  return [signed(delta), delta > USAGE_DOUBTFUL_PERCENT && now > worth ? "warn" : "ok"];
}

function mark(found: Metric | null, doubtful: boolean): Mark {
  const harm = found?.harm ?? null;
  if (harm !== null && harm >= 1) return "bad";
  return doubtful || (harm !== null && harm >= HARM_DOUBTFUL) ? "warn" : "ok";
}
