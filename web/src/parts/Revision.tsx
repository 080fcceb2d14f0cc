// What one revision is made of, as lines that can be set beside those of another.
import type { RolloutDetail } from "../api/types.ts";
import { weight } from "../words/format.ts";

export interface Entry {
  group: string;
  name: string;
  value: string;
}

/** Everything that two rollouts may differ in. Secrets are names: their values are nowhere. */
export function entries({ revision, replicas, steps, summary }: RolloutDetail): Entry[] {
  const { run, health } = revision;
  const made = (group: string, pairs: [string, string][]): Entry[] => pairs.map(([name, value]) => ({ group, name, value }));
  return [
    ...made("Revision", [
      ["version", revision.label],
      ["digest", revision.digest],
    ]),
    ...made("Run", [
      ["command", run.command.map(quoted).join(" ")],
      ["folder", run.directory],
      ["files", run.artifact ?? "run in place"],
      ["stop within", `${run.stop_seconds} s`],
      ["replicas", String(replicas)],
    ]),
    ...made(
      "Environment",
      Object.entries(run.env).sort(([a], [b]) => a.localeCompare(b)),
    ),
    ...made(
      "Secrets",
      run.secrets.map((name) => [name, "from the controller’s environment"]),
    ),
    ...made("Health", [
      ["check", health.http_path ? `HTTP ${health.http_path}` : health.tcp ? "TCP connect" : "process lives"],
      ["every", `${health.interval_seconds} s, within ${health.timeout_seconds} s`],
      ["ready for", `${health.min_ready_seconds} s`],
    ]),
    ...made("Plan", [
      ["strategy", summary.strategy],
      ...steps.map((step, index): [string, string] => [`step ${index + 1}`, stepText(step)]),
    ]),
  ];
}

function stepText(step: RolloutDetail["steps"][number]): string {
  return [step.name, `${weight(step.exposure_percent)} of users`, ...step.gates].join(", ");
}

function quoted(word: string): string {
  return /^[\w@%+=:,./{}-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

export function RevisionTable({ detail }: { detail: RolloutDetail }) {
  const groups = Map.groupBy(entries(detail), (entry) => entry.group);
  return (
    <dl class="revision">
      {[...groups].map(([group, found]) => (
        <div key={group}>
          <dt>{group}</dt>
          {found.map((entry) => (
            <dd key={entry.name}>
              <span class="quiet-text">{entry.name}</span> <code>{entry.value}</code>
            </dd>
          ))}
        </div>
      ))}
    </dl>
  );
}
