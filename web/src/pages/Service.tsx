// One service and its rollout: what is happening, why, what next, and is it safe to go home.
import type { FreezeView, RolloutView, ServiceView } from "../api/types.ts";
import { now } from "../live/clock.ts";
import { sampled, samplesOf, type Sample } from "../live/samples.ts";
import { loaded, services } from "../live/state.ts";
import { Actions } from "../parts/Actions.tsx";
import { Ago, Card, Command, Countdown, Empty, Pill } from "../parts/bits.tsx";
import { Approvals } from "../parts/Approvals.tsx";
import { Chart, type Line } from "../parts/Chart.tsx";
import { Compare } from "../parts/Compare.tsx";
import { EventLog, useEvents } from "../parts/EventLog.tsx";
import { Incident } from "../parts/Incident.tsx";
import { Instances } from "../parts/Instances.tsx";
import { Legend } from "../parts/Legend.tsx";
import { Judge } from "../parts/Judge.tsx";
import { Split } from "../parts/Split.tsx";
import { Track } from "../parts/Track.tsx";
import { Unheard } from "../parts/Unheard.tsx";
import { paths } from "../router.ts";
import { duration, exactly, milliseconds, percent } from "../words/format.ts";
import { byFlag, goingBack, headline, home, next, running, state, why } from "../words/standing.ts";
import { Title } from "./Title.tsx";

export function Service({ name }: { name: string }) {
  const view = services.value.get(name);
  if (!loaded.value) return <Title name={name} text="Asking the controller…" crumbs={[["Services", "/"]]} />;
  if (!view) {
    return (
      <>
        <Title name={name} crumbs={[["Services", "/"]]} />
        <Empty title={`There is no service ${name} here.`}>
          <p>
            It appears with its first release: <Command text="ferry deploy" />
          </p>
        </Empty>
      </>
    );
  }
  return <Shown view={view} />;
}

function Shown({ view }: { view: ServiceView }) {
  const { word, tone } = state(view);
  const rollout = view.rollout;
  const log = useEvents(view.service, "");
  const judged = rollout !== null && running(rollout) && !goingBack(rollout) && rollout.stable !== null;
  const instances = byFlag(view) ? null : <Instances view={view} />;
  return (
    <div class="service-page">
      <Title name={view.service} crumbs={[["Services", "/"]]}>
        <Pill tone={tone}>{word}</Pill>
      </Title>
      <SubPages service={view.service} />
      <section class={`headline ${tone}`} aria-label="In short">
        <p class="headline-text" aria-live="polite">
          {headline(view)}
        </p>
        <Actions view={view} />
        <Answers view={view} />
      </section>
      {view.freeze && <Frozen freeze={view.freeze} />}
      <Unheard lines={view.unheard} />
      {view.incident && !running(rollout) && <Incident service={view.service} incident={view.incident} />}
      {rollout && running(rollout) && <Approvals approvals={rollout.approvals} />}
      {rollout && <Plan view={view} rollout={rollout} />}
      <div class="columns wide-left">
        <Card title="Version beside version" name="compare-card" aside={<span class="quiet-text small">last 10 s</span>}>
          <Compare view={view} />
        </Card>
        {judged ? <Judge view={view} rollout={rollout} /> : instances}
      </div>
      <Charts view={view} />
      {judged && instances}
      <Card title="Log" name="log" aside={<span class="quiet-text small">newest first</span>}>
        <EventLog {...log} />
      </Card>
    </div>
  );
}

function Frozen({ freeze }: { freeze: FreezeView }) {
  return (
    <p class="notice wait">
      <b>Frozen</b> by {freeze.by} <Ago at={freeze.since} />
      {freeze.until === null ? ", until somebody lifts it" : `, until ${exactly(freeze.until)}`}: {freeze.reason}. No more users
      meet a new version; going back is never held.
    </p>
  );
}

function SubPages({ service }: { service: string }) {
  return (
    <nav class="subpages" aria-label={`More about ${service}`}>
      <a href={paths.history({ service })}>History</a>
      <a href={paths.checklist(service)}>Checklist</a>
      <a href={paths.output(service)}>Output</a>
    </nav>
  );
}

function Answers({ view }: { view: ServiceView }) {
  const may = home(view, now.value);
  const rollout = view.rollout;
  return (
    <dl class="answers">
      <div>
        <dt>Why</dt>
        <dd>{why(view)}</dd>
      </div>
      <div>
        <dt>What next</dt>
        <dd class="num">{next(view, now.value)}</dd>
        {rollout?.held ? <dd class="small">Held {rollout.held}</dd> : null}
        {running(rollout) && rollout.eta_seconds ? (
          <dd class="quiet-text small">Promoted in about {duration(rollout.eta_seconds)} if all goes well</dd>
        ) : null}
      </div>
      <div>
        <dt>Safe to go home?</dt>
        <dd>
          <Pill tone={may.tone}>{may.word}</Pill> {may.text}
        </dd>
      </div>
    </dl>
  );
}

function Plan({ view, rollout }: { view: ServiceView; rollout: RolloutView }) {
  const moving = running(rollout);
  return (
    <Card
      title={moving ? (goingBack(rollout) ? "The way back" : "The plan") : rollout.kind === "drill" ? "The last drill" : "The last release"}
      name="plan"
      aside={
        <span class="quiet-text small">
          {rollout.stable ? `${rollout.stable} → ${rollout.candidate}` : rollout.candidate} · {rollout.kind === "deploy" ? "" : `${rollout.kind} · `}
          {rollout.strategy} · by {rollout.created_by} <Ago at={rollout.created_at} />
          {rollout.attempt > 1 ? ` · attempt ${rollout.attempt}` : ""}
        </span>
      }
    >
      {moving && <Track rollout={rollout} />}
      {moving && rollout.until !== null && rollout.until > now.value && (
        <p class="until small">
          <span class="quiet-text">{rollout.waiting_for || "This step"}: </span>
          <Countdown until={rollout.until} />
        </p>
      )}
      <Split view={view} />
      {!moving && rollout.incident?.postmortem && <Incident service={view.service} incident={rollout.incident} />}
      {!moving && (
        <p>
          <a href={paths.rollout(view.service, rollout.id)}>What happened in {rollout.id}</a>
        </p>
      )}
    </Card>
  );
}

function Charts({ view }: { view: ServiceView }) {
  void sampled.value;
  const samples = samplesOf(view.service);
  const seen = samples.some(({ stable, candidate }) => stable.rate !== null || candidate.rate !== null);
  if (samples.length < 3 || !view.url || !seen) return null;
  const times = samples.map((each) => each.at);
  const last = samples.at(-1);
  return (
    <div class="columns">
      <Card title="Errors" name="errors-chart" aside={<Legend />}>
        <Chart
          times={times}
          lines={lines(samples, "errors")}
          format={(value) => `${value}%`}
          text={`Errors in percent of requests over the last minutes. Stable ${percent(last?.stable.errors ?? null)}, candidate ${percent(last?.candidate.errors ?? null)} now.`}
        />
      </Card>
      <Card title="Latency p95" name="latency-chart" aside={<Legend />}>
        <Chart
          times={times}
          lines={lines(samples, "p95")}
          format={(value) => milliseconds(value)}
          text={`Latency that 95 percent of requests stay below, over the last minutes. Stable ${milliseconds(last?.stable.p95 ?? null)}, candidate ${milliseconds(last?.candidate.p95 ?? null)} now.`}
        />
      </Card>
    </div>
  );
}

function lines(samples: readonly Sample[], figure: "errors" | "p95"): Line[] {
  return [
    { label: "stable", color: "--stable", values: samples.map((each) => each.stable[figure]), fill: true },
    { label: "candidate", color: "--candidate", values: samples.map((each) => each.candidate[figure]) },
  ];
}
