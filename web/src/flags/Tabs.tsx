// Between the grid and the flags that should go.
import type { FlagsBoard } from "../api/types.ts";
import { paths, place } from "../router.ts";

export function Tabs({ board }: { board: FlagsBoard }) {
  const stale = board.flags.filter((row) => row.stale.length).length;
  const tabs: [string, string][] = [
    [paths.flags(), `All flags (${board.flags.length})`],
    [paths.staleFlags, `To be taken out (${stale})`],
  ];
  return (
    <nav class="tabs" aria-label="Flags">
      {tabs.map(([url, name]) => (
        <a key={url} href={url} aria-current={place.value.path === url ? "page" : undefined}>
          {name}
        </a>
      ))}
    </nav>
  );
}
