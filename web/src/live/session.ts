// Who sits in front of this page, and what they may.
import { computed, effect, signal } from "@preact/signals";

import { ApiError, csrf, get, post, remove, strange } from "../api/client.ts";
import type { SessionView } from "../api/types.ts";
import { go, paths, place } from "../router.ts";

export const session = signal<SessionView | null>(null);

const RANK: Record<string, number> = { viewer: 1, operator: 2, admin: 3 };

/** True when somebody is known who may change things here, or could show who they are. */
export const known = computed(() => session.value !== null && session.value.via !== "loopback" && session.value.via !== "none");

function rank(service: string): number {
  const roles = session.value?.roles ?? {};
  return Math.max(RANK[roles[service] ?? ""] ?? 0, RANK[roles["*"] ?? ""] ?? 0);
}

export function maySteer(service: string): boolean {
  return known.value && rank(service) >= 2;
}

export function isAdmin(): boolean {
  return known.value && rank("*") >= 3;
}

/** Ask who we are. False when the controller knows nobody and lets nobody look. */
export async function readSession(): Promise<boolean> {
  try {
    take(await get<SessionView>("/v1/session"));
  } catch (problem) {
    if (!(problem instanceof ApiError)) throw problem;
    if (problem.away) return true; // it will say so itself
    session.value = null;
  }
  return session.value === null || session.value.via !== "none";
}

export async function signIn(token: string): Promise<void> {
  take(await post<SessionView>("/v1/session", { token }));
  strange.value = false;
}

export async function signOut(): Promise<void> {
  take(await remove<SessionView>("/v1/session"));
}

function take(view: SessionView): void {
  session.value = view;
  csrf.value = view.csrf;
}

/** Whoever is asked who they are is led to the page where they can say it, and back afterwards. */
export function startGuard(): void {
  effect(() => {
    if (!strange.value) return;
    const { path, query } = place.peek();
    if (path === "/sign-in") return;
    // Nobody is signed in any more; that there is another way to sign in stays true.
    session.value = session.value && { ...session.value, name: "", roles: {}, via: "none", csrf: "" };
    const rest = query.toString();
    go(paths.signIn(path + (rest ? `?${rest}` : "")), { replace: true });
  });
}
