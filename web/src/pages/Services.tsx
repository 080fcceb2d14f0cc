// All services at a glance: a board with a line for each.
import type { ServiceView } from "../api/types.ts";
import { now } from "../live/clock.ts";
import { sampled, samplesOf } from "../live/samples.ts";
import { loaded, services } from "../live/state.ts";
import { Ago, Command, Empty, Pill } from "../parts/bits.tsx";
import { Sparkline } from "../parts/Chart.tsx";
import { SmallSplit } from "../parts/Split.tsx";
import { SmallTrack } from "../parts/Track.tsx";
import { Unheard } from "../parts/Unheard.tsx";
import { paths } from "../router.ts";
import { plural, rate, weight } from "../words/format.ts";
import { exposed, headline, next, running, sides, state, why } from "../words/standing.ts";
import { Title } from "./Title.tsx";

const SPARK_SAMPLES = 120;

export function Services() {
  const views = [...services.value.values()].sort(byUrgency);
  if (!loaded.value) return <Title name="Services" text="Asking the controller…" />;
  if (!views.length) return <Nothing />;
  return (
    <>
      <Title name="Services" text={summary(views)} />
      <Unheard lines={[...new Set(views.flatMap((view) => view.unheard))]} />
      <ul class="board">
        {views.map((view) => (
          <Line key={view.service} view={view} />
        ))}
      </ul>
    </>
  );
}

/** What needs a person first, then what moves, then the rest by name. */
function byUrgency(a: ServiceView, b: ServiceView): number {
  const rank = { bad: 0, wait: 1, busy: 2, ok: 3, off: 4 };
  return rank[state(a).tone] - rank[state(b).tone] || a.service.localeCompare(b.service);
}

function summary(views: ServiceView[]): string {
  const tones = views.map((view) => state(view).tone);
  const bad = tones.filter((tone) => tone === "bad").length;
  const waiting = tones.filter((tone) => tone === "wait").length;
  const moving = views.filter((view) => running(view.rollout)).length;
  const needs = bad ? `${plural(bad, "service")} in trouble` : waiting ? `${plural(waiting, "release")} waiting` : "";
  if (needs) return `${needs}.`;
  if (moving) return `${plural(moving, "release")} under way; nothing needs you.`;
  return views.every((view) => view.down) ? "Everything is down, as asked." : "All is well; nothing is under way.";
}

function Line({ view }: { view: ServiceView }) {
  const { word, tone } = state(view);
  const rollout = view.rollout;
  const moving = running(rollout);
  const since = moving ? (rollout.pause_since ?? rollout.reached_at ?? rollout.started_at) : (rollout?.ended_at ?? null);
  return (
    <li class={`board-line ${tone}`}>
      <a href={paths.service(view.service)}>
        <span class="board-name">
          <b>{view.service}</b>
          <Pill tone={tone}>{word}</Pill>
        </span>
        <span class="board-what">
          <span>{headline(view)}</span>
          <span class="quiet-text small">{moving ? `Next: ${next(view, now.value)}` : why(view)}</span>
        </span>
        <span class="board-track">
          {moving ? <SmallTrack rollout={rollout} /> : <span class="quiet-text small">{view.serving ?? "nothing"} serves</span>}
          <SmallSplit view={view} />
          {moving && exposed(view) > 0 && <span class="small num">{weight(exposed(view))} on {rollout.candidate}</span>}
        </span>
        <Traffic view={view} />
        <span class="board-since quiet-text small">{since !== null && <Ago at={since} />}</span>
      </a>
    </li>
  );
}

function Traffic({ view }: { view: ServiceView }) {
  void sampled.value;
  const values = samplesOf(view.service)
    .slice(-SPARK_SAMPLES)
    .map((each) => (each.stable.rate === null && each.candidate.rate === null ? null : (each.stable.rate ?? 0) + (each.candidate.rate ?? 0)));
  const { stable, candidate } = sides(view);
  const total = (stable?.requests_per_second ?? 0) + (candidate?.requests_per_second ?? 0);
  const known = (stable?.requests_per_second ?? null) !== null;
  return (
    <span class="board-traffic">
      <Sparkline values={values} label={`Requests over the last minutes, ${known ? rate(total) : "unknown"} now`} />
      <span class="num small">{known ? rate(total) : ""}</span>
    </span>
  );
}

function Nothing() {
  return (
    <>
      <Title name="Services" text="No service yet." />
      <Empty title="Carry your first service across">
        <p>In your project folder, write a release file for a command of yours, then deploy it:</p>
        <ol class="howto">
          <li>
            <Command text="ferry init -- ./your-server --port {port}" />
          </li>
          <li>
            <Command text="ferry deploy" />
          </li>
        </ol>
        <p class="quiet-text">
          It shows up here as soon as it is asked for. To watch a good and a broken release first: <Command text="ferry demo" />
        </p>
      </Empty>
    </>
  );
}
