"""How the page behind an approval link looks: the dashboard's colours and shapes, in one small sheet."""

from __future__ import annotations

from functools import cache

from ferryman.api.site import FOLDER

FACE = """
@font-face {{ font-family: "Instrument Sans Variable"; font-style: normal; font-display: swap; font-weight: 400 700;
  src: url("/assets/{name}") format("woff2"); }}"""
STYLE = """
:root { color-scheme: light dark; --paper: light-dark(#f4f2ec, #0e1415); --surface: light-dark(#fffefb, #151d1f);
  --sunken: light-dark(#ebe8df, #0a0f10); --ink: light-dark(#14211f, #e9eeeb); --ink-2: light-dark(#44524f, #b3bfbb);
  --line: light-dark(#dedace, #263235); --line-strong: light-dark(#8b867a, #5f6c69);
  --stable: light-dark(#0d6673, #54bfce); --candidate: light-dark(#84399a, #cf9be6);
  --ok: light-dark(#17703f, #62cf95); --ok-soft: light-dark(#dcefe2, #11331f);
  --wait: light-dark(#865300, #eeb75a); --wait-soft: light-dark(#f8e8c9, #3a2a0b);
  --bad: light-dark(#ad231b, #ff8f85); --bad-soft: light-dark(#f9dfdb, #45170f);
  --main: light-dark(#14342f, #d5ebe5); --on-main: light-dark(#ffffff, #0d1f1b); }
*, *::before, *::after { box-sizing: border-box; }
html { background: var(--paper); color: var(--ink); line-height: 1.5; -webkit-text-size-adjust: 100%;
  font-family: "Instrument Sans Variable", system-ui, -apple-system, "Segoe UI", sans-serif; }
body { margin: 0; font-size: 0.9375rem; overflow-wrap: anywhere; }
h1, h2, p, dl, dd, ol, ul { margin: 0; padding: 0; }
ol, ul { list-style: none; }
.bar { display: flex; align-items: center; gap: 0.6rem; padding: 0.75rem clamp(1rem, 4vw, 2rem); font-weight: 650;
  border-bottom: 1px solid var(--line); background: var(--surface); }
.bar svg { width: 1.75rem; height: 1.75rem; flex: none; }
main { max-width: 46rem; margin: 0 auto; padding: 1.75rem 1rem 3rem; display: grid; gap: 1rem; }
h1 { font-size: clamp(1.5rem, 1.1rem + 1.9vw, 2.1rem); line-height: 1.2; letter-spacing: -0.015em; font-weight: 650; }
h2 { font-size: 0.9375rem; font-weight: 600; margin-bottom: 0.6rem; }
h2.next { margin-top: 1.25rem; }
form + p { margin-top: 0.6rem; }
.soft { color: var(--ink-2); }
.small { font-size: 0.8125rem; }
.card { background: var(--surface); border: 1px solid var(--line); border-radius: 14px; padding: 1rem clamp(1rem, 3vw, 1.5rem) 1.25rem; }
.pill { display: inline-block; padding: 0.1rem 0.6rem; border-radius: 999px; font-size: 0.8125rem; font-weight: 600;
  background: var(--sunken); color: var(--ink-2); }
.ok { color: var(--ok); background: var(--ok-soft); }
.wait { color: var(--wait); background: var(--wait-soft); }
.bad { color: var(--bad); background: var(--bad-soft); }
.notice { padding: 0.6rem 0.8rem; border-radius: 8px; color: var(--ink); }
dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 0.35rem 1.1rem; }
dt { color: var(--ink-2); }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 0.35rem 0 0.35rem 1rem; border-top: 1px solid var(--line); font-weight: 400; }
thead th { border-top: 0; font-weight: 600; }
th:first-child { text-align: left; padding-left: 0; color: var(--ink-2); }
.stable { color: var(--stable); }
.candidate { color: var(--candidate); }
.track { display: flex; flex-wrap: wrap; gap: 0.35rem; }
.track li { padding: 0.1rem 0.6rem; border-radius: 8px; background: var(--sunken); color: var(--ink-2); font-size: 0.8125rem; }
.track .current { background: var(--wait-soft); color: var(--wait); font-weight: 600; }
.track .done { color: var(--ok); }
.answers { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 17rem), 1fr)); }
form { display: grid; gap: 0.6rem; align-content: start; }
label { font-weight: 600; }
textarea { width: 100%; min-height: 4.5rem; padding: 0.5rem 0.65rem; font: inherit; font-size: 1rem; color: inherit; resize: vertical;
  background: var(--surface); border: 1px solid var(--line-strong); border-radius: 8px; }
button { font: inherit; font-weight: 600; min-height: 2.75rem; padding: 0.5rem 1rem; border-radius: 8px; cursor: pointer;
  border: 1px solid transparent; background: var(--main); color: var(--on-main); }
button.no { background: var(--surface); color: var(--bad); border-color: var(--bad); }
a { color: inherit; text-underline-offset: 0.2em; }
a:focus-visible, button:focus-visible, textarea:focus-visible { outline: 3px solid var(--stable); outline-offset: 2px; }
"""


@cache
def sheet() -> str:
    """The whole sheet; with the dashboard's typeface, where the dashboard was built in."""
    font = next((FOLDER / "assets").glob("instrument-sans-latin-wght-normal*.woff2"), None)
    return STYLE if font is None else FACE.format(name=font.name) + STYLE
