// Which channels fail to tell people: nothing is wrong with a service for that, but somebody should know.
import { Sign } from "./bits.tsx";

export function Unheard({ lines }: { lines: readonly string[] }) {
  if (!lines.length) return null;
  return (
    <p class="unheard quiet-text small">
      <Sign tone="bad" /> Not everybody is told. {lines.join("; ")}
    </p>
  );
}
