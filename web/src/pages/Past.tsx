// One rollout of the log: how it went, what it ran, and every event of it.
import type { RolloutDetail } from "../api/types.ts";
import { services } from "../live/state.ts";
import { Card, Empty, Pill } from "../parts/bits.tsx";
import { EvidenceCard, SideCharts, useMeasurements } from "../parts/EvidenceCard.tsx";
import { EventLog, useEvents } from "../parts/EventLog.tsx";
import { Incident } from "../parts/Incident.tsx";
import { RevisionTable } from "../parts/Revision.tsx";
import { paths } from "../router.ts";
import { duration, exactly, weight } from "../words/format.ts";
import { outcome } from "../words/outcome.ts";
import { useLoaded } from "./load.ts";
import { Title } from "./Title.tsx";

export function Past({ service, rollout }: { service: string; rollout: string }) {
  const log = useEvents(service, rollout);
  const { events } = log;
  const turns = events.filter(({ kind }) => kind === "rollout_ended" || kind === "postmortem_written").length;
  const found = useLoaded<RolloutDetail>(`/v1/rollouts/${encodeURIComponent(rollout)}`, turns);
  const series = useMeasurements(rollout, events.length);
  const crumbs: [string, string][] = [
    ["Services", "/"],
    [service, paths.service(service)],
    ["History", paths.history({ service })],
  ];
  if (found.state === "loading") return <Title name={rollout} text="Reading the log…" crumbs={crumbs} />;
  if (found.state !== "there") {
    return (
      <>
        <Title name={rollout} crumbs={crumbs} />
        <Empty title={found.state === "missing" ? `There is no rollout ${rollout}.` : found.why} />
      </>
    );
  }
  const detail = found.value;
  const { word, tone } = outcome(detail.summary.outcome);
  const live = services.value.get(service)?.rollout?.id === rollout && detail.summary.ended_at === null;
  return (
    <div class="service-page">
      <Title name={rollout} text={sentence(detail)} crumbs={crumbs}>
        <Pill tone={tone}>{word}</Pill>
      </Title>
      {live && (
        <p>
          It is under way: <a href={paths.service(service)}>watch it</a>.
        </p>
      )}
      {detail.incident ? (
        <Incident service={service} incident={detail.incident} />
      ) : (
        detail.summary.ended_at !== null && (
          <p class="quiet-text small">
            As a report to keep: <code>ferry postmortem {rollout}</code>
          </p>
        )
      )}
      <Facts detail={detail} />
      <div class="columns">
        <EvidenceCard rollout={rollout} events={events} series={series} />
        <Card
          title="What it ran"
          name="revision"
          aside={
            detail.summary.number > 1 ? (
              <a class="small" href={paths.compare(service, `${service}-${detail.summary.number - 1}`, rollout)}>
                Compare with the one before
              </a>
            ) : null
          }
        >
          <RevisionTable detail={detail} />
        </Card>
      </div>
      {series && <SideCharts series={series} />}
      <Card title="Log" name="log">
        <EventLog {...log} />
      </Card>
    </div>
  );
}

function sentence({ summary }: RolloutDetail): string {
  const { candidate, stable, outcome: ended } = summary;
  if (ended === "promoted") return `${candidate} took over${stable ? ` from ${stable}` : ""}.`;
  if (ended === "rolled_back") return `${candidate} was taken back${stable ? `; ${stable} served on` : ""}.`;
  if (ended === "superseded") return `${candidate} gave way to a newer release.`;
  if (ended === "failed") return `${candidate} could not be taken back in full.`;
  return ended === "stopped" ? `${candidate} was stopped with its service.` : `${candidate} is on its way.`;
}

function Facts({ detail: { summary } }: { detail: RolloutDetail }) {
  const facts: [string, string][] = [
    ["Why", summary.reason || "no reason was given"],
    ["Asked for by", `${summary.created_by}, ${exactly(summary.created_at)}`],
    ["Strategy", summary.kind === "deploy" ? summary.strategy : `${summary.kind}, ${summary.strategy}`],
    ["Took", summary.seconds === null ? "not over yet" : duration(summary.seconds)],
    ["Met by at most", weight(summary.max_exposure_percent)],
  ];
  if (summary.rollback_seconds !== null) facts.push(["Way back", duration(summary.rollback_seconds)]);
  if (summary.attempt > 1) facts.push(["Attempts", String(summary.attempt)]);
  return (
    <dl class="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd class="num">{value}</dd>
        </div>
      ))}
    </dl>
  );
}
