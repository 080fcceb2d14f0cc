// Until when a freeze holds, and whether what runs goes back.
import { useState } from "preact/hooks";

import { serverNow } from "../live/clock.ts";
import { exactly } from "../words/format.ts";
import { inUtc, localMinute, OPEN_END, PICKED, UNTIL, untilOf } from "../words/until.ts";

export function FreezeFields({ runs }: { runs: boolean }) {
  const [choice, choose] = useState(OPEN_END);
  const [picked, pick] = useState("");
  const until = untilOf(choice, picked, serverNow());
  return (
    <>
      <label class="field">
        <span>Until</span>
        <select value={choice} onChange={(event) => choose(event.currentTarget.value)}>
          {UNTIL.map(({ value, label }) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </select>
      </label>
      {choice === PICKED && (
        <label class="field">
          <span>Time</span>
          <input
            type="datetime-local"
            required
            min={localMinute(serverNow() + 60)}
            value={picked}
            onInput={(event) => pick(event.currentTarget.value)}
          />
        </label>
      )}
      {until !== null && (
        <p class="quiet-text small" role="status">
          It ends by itself on {exactly(until)} ({inUtc(until)}).
        </p>
      )}
      <input type="hidden" name="until" value={until ?? ""} />
      {runs && (
        <label class="check">
          <input type="checkbox" name="rollback" /> Take back what is under way, too
        </label>
      )}
    </>
  );
}
