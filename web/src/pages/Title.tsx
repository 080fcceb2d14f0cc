// The heading of a page. It gets the focus when one arrives, so that a screen reader starts there.
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

let first = true;

export function Title({
  name,
  text,
  crumbs,
  children,
}: {
  name: string;
  text?: string;
  crumbs?: [string, string][];
  children?: ComponentChildren;
}) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = name === "Services" ? "Ferryman" : `${name} · Ferryman`;
    if (!first) heading.current?.focus({ preventScroll: true });
    first = false;
  }, [name]);
  return (
    <div class="title">
      {crumbs && (
        <nav class="crumbs" aria-label="Where you are">
          {crumbs.map(([label, url]) => (
            <a key={url} href={url}>
              {label}
            </a>
          ))}
        </nav>
      )}
      <h1 ref={heading} tabIndex={-1}>
        {name}
        {children}
      </h1>
      {text && <p class="title-text">{text}</p>}
    </div>
  );
}
