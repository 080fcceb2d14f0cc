// The pages of feature flags, loaded when one of them is asked for: the first page stays small.
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";

import { Title } from "../pages/Title.tsx";
import type { Route } from "../router.ts";
import { Empty } from "./bits.tsx";

type Pages = typeof import("../flags/index.tsx");

const pages = signal<Pages | null>(null);
const failed = signal(false);

export function Flags({ at }: { at: Route }) {
  useEffect(() => {
    if (pages.peek()) return;
    failed.value = false;
    import("../flags/index.tsx").then(
      (found) => void (pages.value = found),
      () => void (failed.value = true),
    );
  }, []);
  const found = pages.value;
  if (found) return <found.FlagPage at={at} />;
  if (!failed.value) return <Title name="Flags" text="Loading…" />;
  return (
    <>
      <Title name="Flags" />
      <Empty title="This part of the page could not be loaded.">
        <p>The controller may be a newer one than this page.</p>
        <button type="button" class="main" onClick={() => location.reload()}>
          Load the page again
        </button>
      </Empty>
    </>
  );
}
