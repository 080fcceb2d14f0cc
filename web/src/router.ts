// Every state of the page has a URL; `PAGES` in src/ferryman/api/site.py knows the same paths.
import { computed, signal } from "@preact/signals";

export interface Place {
  path: string;
  query: URLSearchParams;
}

function here(): Place {
  return { path: location.pathname, query: new URLSearchParams(location.search) };
}

export const place = signal<Place>(here());

export type Route =
  | { page: "services" | "flags" | "stale-flags" | "history" | "audit" | "settings" | "sign-in" | "lost" }
  | { page: "flag"; flag: string }
  | { page: "service" | "past" | "compare" | "checklist" | "output"; service: string; rollout: string };

export const route = computed<Route>(() => match(place.value.path));

function match(path: string): Route {
  const parts = path.split("/").filter(Boolean).map(decode);
  const [first, service, third, fourth] = parts;
  if (first === undefined) return { page: "services" };
  if (first === "services" && service !== undefined) {
    const at = { service, rollout: fourth ?? "" };
    if (third === undefined) return { page: "service", ...at };
    if (third === "rollouts" && fourth !== undefined && parts.length === 4) return { page: "past", ...at };
    if (parts.length === 3 && (third === "compare" || third === "checklist" || third === "output")) {
      return { page: third, ...at };
    }
  }
  if (first === "flags" && service !== undefined && parts.length === 2) return { page: "flag", flag: service };
  if (parts.length === 1 && isPlain(first)) return { page: first };
  return { page: "lost" };
}

const PLAIN = ["flags", "stale-flags", "history", "audit", "settings", "sign-in"] as const;

function isPlain(name: string): name is (typeof PLAIN)[number] {
  return (PLAIN as readonly string[]).includes(name);
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export const paths = {
  services: "/",
  service: (name: string) => `/services/${encodeURIComponent(name)}`,
  rollout: (name: string, id: string) => `${paths.service(name)}/rollouts/${encodeURIComponent(id)}`,
  checklist: (name: string) => `${paths.service(name)}/checklist`,
  output: (name: string) => `${paths.service(name)}/output`,
  compare: (name: string, left: string, right: string) =>
    `${paths.service(name)}/compare?${new URLSearchParams({ left, right }).toString()}`,
  flags: (query: Record<string, string> = {}) => withQuery("/flags", query),
  flag: (key: string) => `/flags/${encodeURIComponent(key)}`,
  staleFlags: "/stale-flags",
  history: (query: Record<string, string> = {}) => withQuery("/history", query),
  audit: (query: Record<string, string> = {}) => withQuery("/audit", query),
  settings: "/settings",
  signIn: (next: string) => withQuery("/sign-in", next === "/" ? {} : { next }),
};

function withQuery(path: string, query: Record<string, string>): string {
  const kept = Object.entries(query).filter(([, value]) => value);
  return kept.length ? `${path}?${new URLSearchParams(kept).toString()}` : path;
}

/** Go to a path of this page. With `replace` the present one is not gone back to. */
export function go(url: string, options: { replace?: boolean; quiet?: boolean } = {}): void {
  const next = new URL(url, location.href);
  if (next.origin !== location.origin) return;
  history[options.replace ? "replaceState" : "pushState"]({}, "", next);
  place.value = here();
  if (!options.quiet) scrollTo(0, 0);
}

/** Follow links within the page without loading it anew; everything else is left to the browser. */
export function startRouter(): void {
  addEventListener("popstate", () => void (place.value = here()));
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) {
      return;
    }
    const link = event.target instanceof Element ? event.target.closest("a[href]") : null;
    const href = link?.getAttribute("href");
    if (!(link instanceof HTMLAnchorElement) || !href?.startsWith("/") || link.target || link.dataset["plain"]) return;
    event.preventDefault();
    go(href);
  });
}
