import { signal } from "@preact/signals";

export type Theme = "light" | "dark" | "system";

const KEY = "theme";

function stored(): Theme {
  const chosen = document.documentElement.dataset["theme"];
  return chosen === "light" || chosen === "dark" ? chosen : "system";
}

/** What the person chose; "system" follows the machine. */
export const theme = signal<Theme>(stored());

/** Counts up whenever colours change, also by the system: charts are drawn anew. */
export const painted = signal(0);

export function choose(next: Theme): void {
  theme.value = next;
  const root = document.documentElement;
  if (next === "system") delete root.dataset["theme"];
  else root.dataset["theme"] = next;
  try {
    if (next === "system") localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, next);
  } catch {
    // Not kept: it lasts until the page is left.
  }
  painted.value += 1;
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => void (painted.value += 1));
