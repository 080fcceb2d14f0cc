// The deployment checklist of a service: what is asked before, during and after, and how it stands.
import { events } from "../live/state.ts";
import { Card, Command, Empty, Pill } from "../parts/bits.tsx";
import { paths } from "../router.ts";
import type { Tone } from "../words/standing.ts";
import { useLoaded } from "./load.ts";
import { Title } from "./Title.tsx";

interface Item {
  id: string;
  phase: string;
  question: string;
  stand: string;
  saw: string;
  todo: string;
}

interface ChecklistView {
  service: string;
  at: number;
  rollout: string | null;
  items: Item[];
}

const STANDS: Record<string, { tone: Tone; word: string }> = {
  pass: { tone: "ok", word: "Yes" },
  fail: { tone: "bad", word: "No" },
  warn: { tone: "wait", word: "Look" },
  not_applicable: { tone: "off", word: "Not asked" },
  unknown: { tone: "off", word: "Not known yet" },
};
const PHASES: [string, string][] = [
  ["before", "Before deploying"],
  ["during", "During"],
  ["after", "After"],
];

export function Checklist({ service }: { service: string }) {
  const newest = events.value.findLast((event) => event.service === service)?.position ?? 0;
  const found = useLoaded<ChecklistView>(`/v1/services/${encodeURIComponent(service)}/checklist`, newest);
  const crumbs: [string, string][] = [
    ["Services", "/"],
    [service, paths.service(service)],
  ];
  const text = found.state === "there" ? summary(found.value.items) : "";
  return (
    <div class="service-page">
      <Title name="Checklist" text={text} crumbs={crumbs} />
      {found.state === "failed" && <p class="notice bad">{found.why}</p>}
      {found.state === "missing" && (
        <Empty title={`There is no checklist of ${service}.`}>
          <p>
            In a terminal: <Command text={`ferry check ${service}`} />
          </p>
        </Empty>
      )}
      {found.state === "there" &&
        PHASES.map(([phase, title]) => (
          <Card key={phase} title={title} name={`checklist-${phase}`}>
            <ul class="checklist">
              {found.value.items
                .filter((item) => item.phase === phase)
                .map((item) => (
                  <Line key={item.id} item={item} />
                ))}
            </ul>
          </Card>
        ))}
    </div>
  );
}

function summary(items: Item[]): string {
  const bad = items.filter((item) => item.stand === "fail").length;
  const look = items.filter((item) => item.stand === "warn").length;
  if (bad) return `${bad} of ${items.length} ${bad === 1 ? "is not as it" : "are not as they"} should be.`;
  return look ? `${look} of ${items.length} ${look === 1 ? "is" : "are"} worth a look.` : "Nothing stands in the way.";
}

function Line({ item }: { item: Item }) {
  const { tone, word } = STANDS[item.stand] ?? { tone: "off", word: item.stand };
  return (
    <li class={item.stand}>
      <Pill tone={tone}>{word}</Pill>
      <span>
        <b>{item.question}</b>
        <span class="saw">{item.saw}</span>
        {item.todo && <span class="todo">{item.todo}</span>}
      </span>
    </li>
  );
}
