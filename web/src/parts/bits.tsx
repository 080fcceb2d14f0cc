// Small things used everywhere.
import type { ComponentChildren } from "preact";

import { now } from "../live/clock.ts";
import { countdown, exactly, roughly } from "../words/format.ts";
import type { Tone } from "../words/standing.ts";

const SIGNS: Record<Tone, string> = {
  ok: "M2.5 6.5 5 9l4.500-6",
  busy: "M2 6h7M6.500 3 9.500 6l-3 3",
  wait: "M4 2.500v7M8 2.500v7",
  bad: "M6 2v5M6 9.500v.300",
  off: "M3 6h6",
};

/** A state as a small drawing: for those who see no colours. */
export function Sign({ tone }: { tone: Tone }) {
  return (
    <svg class="sign" viewBox="0 0 12 12" aria-hidden="true">
      <path d={SIGNS[tone]} fill="none" stroke="currentColor" stroke-width="1.800" stroke-linecap="round" stroke-linejoin="round" />
    </svg>
  );
}

/** A state in a word. The sign says it to those who see no colours. */
export function Pill({ tone, children, big }: { tone: Tone; children: ComponentChildren; big?: boolean }) {
  return (
    <span class={`pill ${tone}${big ? " big" : ""}`}>
      <Sign tone={tone} />
      {children}
    </span>
  );
}

/** How long ago, moving on by itself. */
export function Ago({ at }: { at: number }) {
  return (
    <time dateTime={new Date(at * 1000).toISOString()} title={exactly(at)}>
      {roughly(now.value - at)} ago
    </time>
  );
}

/** Time left by the controller's clock. Not a live region: a reader would speak every second. */
export function Countdown({ until }: { until: number }) {
  return <span class="num">{countdown(until - now.value)}</span>;
}

export function Card({
  title,
  aside,
  children,
  name,
}: {
  title: string;
  aside?: ComponentChildren;
  children: ComponentChildren;
  name?: string;
}) {
  const id = `card-${name ?? title.toLowerCase().replaceAll(/[^a-z]+/g, "-")}`;
  return (
    <section class={`card ${name ?? ""}`} aria-labelledby={id}>
      <header>
        <h2 id={id}>{title}</h2>
        {aside}
      </header>
      {children}
    </section>
  );
}

export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children}
    </div>
  );
}

/** A command to type, with a button that copies it. */
export function Command({ text }: { text: string }) {
  return (
    <span class="command">
      <code>{text}</code>
      <button
        type="button"
        class="quiet small"
        aria-label={`Copy “${text}”`}
        onClick={(event) => {
          const button = event.currentTarget;
          void navigator.clipboard?.writeText(text).then(() => {
            button.textContent = "Copied";
            setTimeout(() => (button.textContent = "Copy"), 1500);
          });
        }}
      >
        Copy
      </button>
    </span>
  );
}

export function Dot({ role }: { role: string }) {
  return <span class={`dot ${role}`} aria-hidden="true" />;
}
