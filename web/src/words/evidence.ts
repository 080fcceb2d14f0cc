// The judge's record of a stage, as far as it can be shown. Judges differ in what they record: what is missing is null.
import type { Json } from "../api/types.ts";

export interface Metric {
  name: string;
  harm: number | null;
  candidatePercent: number | null;
  stablePercent: number | null;
  candidateN: number | null;
  stableN: number | null;
  ratio: number | null;
  low: number | null;
  high: number | null;
  margin: number | null;
}

/** `harm` and `passing` run from 0 to 1, where the judge decides; the logs are what they are made of. */
export interface Evidence {
  harm: number | null;
  passing: number | null;
  harmLog: number | null;
  harmLimit: number | null;
  passingLog: number | null;
  passingLimit: number | null;
  expectedSeconds: number | null;
  guard: string | null;
  metrics: Metric[];
}

type Record_ = Record<string, Json>;
const METRICS_MAX = 6;

export function readEvidence(record: Record_): Evidence | null {
  const harmLog = number(record["log_e"]);
  const harmLimit = number(record["log_limit"]);
  const promote = map(record["promote"]);
  const passingLog = number(promote["log_e"]);
  const passingLimit = number(promote["log_limit"]);
  const metrics = Object.entries(map(record["metrics"]))
    .slice(0, METRICS_MAX)
    .map(([name, value]) => metric(name, map(value), harmLimit));
  if (harmLog === null && passingLog === null && !metrics.length) return null;
  const guard = record["guard"];
  return {
    harm: part(harmLog, harmLimit),
    passing: part(passingLog, passingLimit),
    harmLog,
    harmLimit,
    passingLog,
    passingLimit,
    expectedSeconds: number(record["expected_seconds"]),
    guard: guard ? (typeof guard === "string" ? guard : JSON.stringify(guard)) : null,
    metrics,
  };
}

function metric(name: string, value: Record_, harmLimit: number | null): Metric {
  const candidate = map(value["candidate"]);
  const stable = map(value["stable"]);
  const ends = Array.isArray(value["interval"]) ? value["interval"] : [];
  return {
    name,
    harm: part(number(value["log_e"]), harmLimit),
    candidatePercent: share(candidate),
    stablePercent: share(stable),
    candidateN: number(candidate["n"]),
    stableN: number(stable["n"]),
    ratio: number(value["ratio"]),
    low: number(ends[0]),
    high: number(ends[1]),
    margin: number(value["margin"]),
  };
}

function part(value: number | null, limit: number | null): number | null {
  return value === null || limit === null || limit <= 0 ? null : Math.min(1, Math.max(0, value / limit));
}

function share(side: Record_): number | null {
  const n = number(side["n"]);
  const k = number(side["k"]);
  return n && k !== null ? (100 * k) / n : null;
}

function number(value: Json | undefined): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

function map(value: Json | undefined): Record_ {
  return value !== null && typeof value === "object" && !Array.isArray(value) ? value : {};
}
