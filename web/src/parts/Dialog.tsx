// A modal dialog: the browser's own, which keeps the focus inside, closes on Esc and gives the focus back.
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

export function Dialog({
  title,
  onClose,
  children,
}: {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const element = dialog.current;
    const before = document.activeElement;
    element?.showModal();
    element?.querySelector<HTMLElement>("[data-first]")?.focus();
    return () => {
      element?.close();
      giveBack(before);
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      aria-labelledby="dialog-title"
      onKeyDown={keepInside}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onClick={(event) => {
        if (event.target === dialog.current) onClose(); // the backdrop
      }}
    >
      <div class="dialog-body">
        <h2 id="dialog-title">{title}</h2>
        {children}
      </div>
    </dialog>
  );
}

function giveBack(before: Element | null): void {
  const there = before instanceof HTMLElement && before.isConnected;
  const target = there ? before : document.querySelector<HTMLElement>("h1");
  target?.focus();
  // What takes the dialog away may move its neighbours, and an element that moves loses the focus.
  requestAnimationFrame(() => {
    if (document.activeElement === document.body) target?.focus();
  });
}

/** The end of a form in a dialog: what went wrong, and the two ways out. */
export function DialogFoot({
  trouble,
  label,
  kind = "main",
  busy = false,
  onClose,
}: {
  trouble: string;
  label: string;
  kind?: "main" | "danger";
  busy?: boolean;
  onClose: () => void;
}) {
  return (
    <>
      {trouble && (
        <p class="notice bad" role="alert">
          {trouble}
        </p>
      )}
      <div class="dialog-buttons">
        <button type="button" class="plain" onClick={onClose}>
          Leave it
        </button>
        <button type="submit" class={kind} disabled={busy}>
          {busy ? "Asking…" : label}
        </button>
      </div>
    </>
  );
}

/** Tab goes round inside, instead of out to the browser's own controls. */
function keepInside(event: KeyboardEvent): void {
  if (event.key !== "Tab" || !(event.currentTarget instanceof HTMLElement)) return;
  const found = [...event.currentTarget.querySelectorAll<HTMLElement>("button, input, select, textarea, a[href]")].filter(
    (each) => !each.hasAttribute("disabled") && each.tabIndex >= 0,
  );
  const edge = event.shiftKey ? found[0] : found.at(-1);
  if (document.activeElement !== edge) return;
  event.preventDefault();
  (event.shiftKey ? found.at(-1) : found[0])?.focus();
}
