// What instances wrote: the last lines of each.
import { useState } from "preact/hooks";

import { now } from "../live/clock.ts";
import { services } from "../live/state.ts";
import { Card, Empty } from "../parts/bits.tsx";
import { go, paths, place } from "../router.ts";
import { useLoaded } from "./load.ts";
import { Title } from "./Title.tsx";

const LINES = 200;
const AGAIN_SECONDS = 5;

export function Output({ service }: { service: string }) {
  const label = place.value.query.get("version") ?? "";
  const [follow, setFollow] = useState(true);
  const tick = follow ? Math.floor(now.value / AGAIN_SECONDS) : 0;
  const query = new URLSearchParams({ lines: String(LINES), ...(label ? { label } : {}) });
  const found = useLoaded<Record<string, string>>(`/v1/services/${encodeURIComponent(service)}/logs?${query.toString()}`, tick);
  const labels = [...new Set(services.value.get(service)?.instances.map((each) => each.label))];
  return (
    <>
      <Title
        name="Output"
        text={`What ${service} writes`}
        crumbs={[
          ["Services", "/"],
          [service, paths.service(service)],
        ]}
      />
      <form class="filter" onSubmit={(event) => event.preventDefault()}>
        <label>
          <span>Version</span>
          <select
            value={label}
            onChange={(event) => {
              const version = event.currentTarget.value;
              go(paths.output(service) + (version ? `?${new URLSearchParams({ version }).toString()}` : ""), { replace: true, quiet: true });
            }}
          >
            <option value="">all</option>
            {labels.map((each) => (
              <option key={each}>{each}</option>
            ))}
          </select>
        </label>
        <label class="check">
          <input type="checkbox" checked={follow} onChange={(event) => setFollow(event.currentTarget.checked)} /> Read anew every{" "}
          {AGAIN_SECONDS} s
        </label>
      </form>
      {found.state === "failed" && <p class="notice bad">{found.why}</p>}
      {found.state === "missing" && <Empty title={`There is no service ${service} here.`} />}
      {found.state === "there" && <Lines found={found.value} />}
    </>
  );
}

function Lines({ found }: { found: Record<string, string> }) {
  const entries = Object.entries(found);
  if (!entries.length) return <Empty title="No instance runs." />;
  return (
    <div class="outputs">
      {entries.map(([instance, text]) => (
        <Card key={instance} title={instance} name={`output-${instance.replaceAll(/[^\w-]/g, "")}`}>
          <pre tabIndex={0} aria-label={`Output of ${instance}`}>
            {text || "It has written nothing."}
          </pre>
        </Card>
      ))}
    </div>
  );
}
