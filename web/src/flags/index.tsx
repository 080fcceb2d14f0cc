// The pages of feature flags.
import type { Route } from "../router.ts";
import { Board } from "./Board.tsx";
import { Flag } from "./Flag.tsx";
import { Stale } from "./Stale.tsx";
import "./flags.css";

export function FlagPage({ at }: { at: Route }) {
  if (at.page === "flag") return <Flag key={at.flag} name={at.flag} />;
  return at.page === "stale-flags" ? <Stale /> : <Board />;
}
