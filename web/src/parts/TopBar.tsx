// The line on top: where one is, whether what is shown is so now, the theme, and who one is.
import { link } from "../live/state.ts";
import { now } from "../live/clock.ts";
import { known, session } from "../live/session.ts";
import { retryNow } from "../live/stream.ts";
import { paths, place } from "../router.ts";
import { choose, theme, type Theme } from "../theme/theme.ts";
import { countdown } from "../words/format.ts";
import mark from "./mark.svg";

const PAGES: [string, string][] = [
  ["Services", paths.services],
  ["Flags", paths.flags()],
  ["History", "/history"],
  ["Audit", "/audit"],
  ["Settings", paths.settings],
];
const THEMES: [Theme, string][] = [
  ["system", "Auto"],
  ["light", "Light"],
  ["dark", "Dark"],
];

export function TopBar() {
  const path = place.value.path;
  return (
    <header class="topbar">
      <a class="brand" href="/" aria-label="Ferryman, all services">
        <img src={mark} alt="" width="28" height="28" />
        <span>Ferryman</span>
      </a>
      <nav aria-label="Pages">
        {PAGES.map(([name, url]) => {
          const here = within(path, url);
          return (
            <a key={url} href={url} aria-current={here ? "page" : undefined}>
              {name}
            </a>
          );
        })}
      </nav>
      <span class="topbar-end">
        <LinkState />
        <Who />
        <ThemeSwitch />
      </span>
    </header>
  );
}

function within(path: string, url: string): boolean {
  if (url === paths.services) return path === url || path.startsWith("/services");
  return path.startsWith(url) || (url === paths.flags() && path === paths.staleFlags);
}

function LinkState() {
  const state = link.value.state;
  if (state === "connecting" && place.value.path === "/sign-in") return null; // nothing is followed before somebody is known
  const word = state === "live" ? "Live" : state === "lost" ? "Not live" : "Connecting";
  return (
    <span class={`link-state ${state}`}>
      <i aria-hidden="true" />
      {word}
    </span>
  );
}

function Who() {
  const who = session.value;
  if (who === null || place.value.path === "/sign-in") return null;
  if (!known.value) {
    return (
      <a class="who" href={paths.signIn(place.value.path)}>
        Sign in
      </a>
    );
  }
  return (
    <a class="who" href={paths.settings} title="You, and what you may">
      {who.name}
    </a>
  );
}

function ThemeSwitch() {
  return (
    <label class="theme">
      <span class="visually-hidden">Colours</span>
      <select value={theme.value} onChange={(event) => choose(event.currentTarget.value as Theme)}>
        {THEMES.map(([value, name]) => (
          <option key={value} value={value}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

/** Says that nothing answers, since when, and when it is tried again; what is below is of that time. */
export function LostLine() {
  const state = link.value;
  const lost = state.state === "lost";
  return (
    <div class="lost-holder" role="status">
      {lost && (
        <p class="lost">
          <b>Connection lost, retrying.</b> What you see is {countdown(now.value - state.since)} old.
          <span class="quiet-text"> {state.why}.</span>
          <button type="button" class="plain small" onClick={retryNow}>
            Try now
          </button>
        </p>
      )}
    </div>
  );
}
