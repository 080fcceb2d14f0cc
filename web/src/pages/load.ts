// Reading something once for a page: what came, or what went wrong.
import { useEffect, useState } from "preact/hooks";

import { ApiError, get, said } from "../api/client.ts";

export type Loaded<T> =
  | { state: "loading" }
  | { state: "there"; value: T }
  | { state: "missing" } // this controller has no such thing
  | { state: "failed"; why: string };

/** Reads `path` whenever it changes, or when `again` does. An empty path reads nothing. */
export function useLoaded<T>(path: string, again: unknown = 0): Loaded<T> {
  const [found, setFound] = useState<Loaded<T> & { path?: string }>({ state: "loading" });
  useEffect(() => {
    if (!path) return undefined;
    const stop = new AbortController();
    get<T>(path, { signal: stop.signal })
      .then((value) => setFound({ state: "there", value, path }))
      .catch((problem: unknown) => {
        if (stop.signal.aborted) return;
        const missing = problem instanceof ApiError && (problem.status === 404 || problem.status === 405);
        setFound(missing ? { state: "missing", path } : { state: "failed", why: said(problem), path });
      });
    return () => stop.abort();
  }, [path, again]);
  return found.path === path ? found : { state: "loading" };
}
