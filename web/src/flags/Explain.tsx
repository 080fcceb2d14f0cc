// What one user gets, and why: each thing that is asked in turn.
import { useState } from "preact/hooks";

import { post, said } from "../api/client.ts";
import type { Explanation, FlagEverywhere, Json } from "../api/types.ts";
import { flagPath } from "./live.ts";
import { Chip } from "./Use.tsx";
import { colourOf } from "./words.ts";

interface Answered {
  environment: string;
  found: Explanation;
}

export function Explain({ flag }: { flag: FlagEverywhere }) {
  const [answered, setAnswered] = useState<Answered | null>(null);
  const [trouble, setTrouble] = useState("");

  async function ask(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const text = (name: string): string => String(form.get(name) ?? "").trim();
    const environment = text("environment") || (flag.places[0]?.cell.environment ?? "");
    try {
      const context = attributes(text("attributes"));
      if (text("user")) context["targetingKey"] = text("user");
      const found = await post<Explanation>(`${flagPath(environment, flag.row.key)}/explain`, { context });
      setAnswered({ environment, found });
      setTrouble("");
    } catch (problem) {
      setAnswered(null);
      setTrouble(said(problem));
    }
  }

  return (
    <details class="card flag-explain">
      <summary>What does a user get?</summary>
      <form class="try-user" onSubmit={(event) => void ask(event)}>
        {flag.places.length > 1 && (
          <label class="field">
            <span class="small">Environment</span>
            <select name="environment">
              {flag.places.map((at) => (
                <option key={at.cell.environment}>{at.cell.environment}</option>
              ))}
            </select>
          </label>
        )}
        <label class="field">
          <span class="small">User (targetingKey)</span>
          <input name="user" autocomplete="off" maxLength={1000} />
        </label>
        <label class="field">
          <span class="small">Attributes</span>
          <input name="attributes" autocomplete="off" maxLength={10_000} placeholder="country=de, plan=pro, app.version=2.3" />
        </label>
        <button type="submit" class="plain">
          Ask
        </button>
      </form>
      <div role="status">
        {trouble && <p class="notice bad">{trouble}</p>}
        {answered && <Answer flag={flag} {...answered} />}
      </div>
    </details>
  );
}

function Answer({ flag, environment, found }: { flag: FlagEverywhere } & Answered) {
  const names = flag.variants.map((each) => each.name);
  const variant = found.variant ?? "";
  return (
    <div class="try-answer">
      <p>
        In {environment}: <Chip variant={variant} colour={colourOf(variant, flag.off, names)} />{" "}
        <span class="small quiet-text">
          {found.reason}
          {found.error && `, ${found.error}`}
        </span>
      </p>
      <ol aria-label="What was asked in turn">
        {found.asked.map((each, index) => (
          <li key={index} class={each.decided ? "decided" : ""}>
            <span>{each.what}</span>
            <span>{each.said}</span>
          </li>
        ))}
      </ol>
    </div>
  );
}

type Context = { [key: string]: Json };

/** `country=de, app.version=2.3`: a value is JSON or a text, dots lead into objects. */
function attributes(text: string): Context {
  const found: Context = {};
  for (const part of text.split(",").map((each) => each.trim())) {
    if (!part) continue;
    const cut = part.indexOf("=");
    if (cut < 1) throw new Error(`“${part}” is no attribute; write country=de`);
    put(found, part.slice(0, cut).trim().split("."), value(part.slice(cut + 1).trim()));
  }
  return found;
}

function put(into: Context, path: string[], given: Json): void {
  const [first = "", ...rest] = path;
  if (!rest.length) {
    into[first] = given;
    return;
  }
  const there = into[first];
  const inside: Context = there && typeof there === "object" && !Array.isArray(there) ? there : {};
  into[first] = inside;
  put(inside, rest, given);
}

function value(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}
