"""How the page looks, on a screen in light and dark, and on paper."""

from __future__ import annotations

STYLE = """
:root { color-scheme: light dark; --ink: #1c2330; --soft: #5b6576; --paper: #fbfbfa; --card: #ffffff; --edge: #e3e5ea;
  --new: #c2570c; --old: #2563a8; --bad: #b3261e; --good: #1b7a43; --warn: #8a5a00; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ef; --soft: #9aa5b6; --paper: #12151b; --card: #191e27;
  --edge: #2b323e; --new: #f59a4c; --old: #74b3f2; --bad: #ff8a80; --good: #6fd39a; --warn: #e8b64c; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.55 system-ui, sans-serif; }
main { max-width: 56rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1 { font-size: 2rem; line-height: 1.2; margin: .1rem 0 .5rem; letter-spacing: -.015em; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 2.4rem 0 .7rem; padding-top: .9rem; border-top: 1px solid var(--edge); }
.kind { margin: 0; color: var(--soft); }
.arrow { color: var(--soft); }
.badge { display: inline-block; padding: .05rem .6rem; border-radius: 1rem; font-weight: 600; border: 1px solid; }
.badge.bad, .stand.fail { color: var(--bad); } .badge.good, .stand.pass { color: var(--good); }
.stand.warn, .stand.unknown { color: var(--warn); } .stand.not_applicable { color: var(--soft); }
.stand { font-weight: 600; white-space: nowrap; }
.story { font-size: 1.1rem; margin: 1.2rem 0; overflow-wrap: anywhere; }
.note, figcaption, th, time, .figures p { color: var(--soft); }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(10.5rem, 1fr)); gap: .75rem; margin: 1.4rem 0; }
.figures div { background: var(--card); border: 1px solid var(--edge); border-radius: .6rem; padding: .7rem .9rem; }
.figures dt { color: var(--soft); font-size: .85rem; } .figures dd { margin: 0; font-size: 1.35rem; font-weight: 650; }
.figures p { margin: .15rem 0 0; font-size: .8rem; line-height: 1.35; }
figure { margin: 0 0 1.1rem; padding: .7rem .9rem .4rem; background: var(--card); border: 1px solid var(--edge);
  border-radius: .6rem; break-inside: avoid; }
figcaption b { color: var(--ink); margin-right: .6rem; }
svg { width: 100%; height: auto; display: block; margin-top: .3rem; }
.grid { stroke: var(--edge); } .tick { fill: var(--soft); font: 11px system-ui, sans-serif; }
polyline { fill: none; stroke-width: 2; stroke-linejoin: round; }
polyline.new, polyline.harm { stroke: var(--new); } polyline.old { stroke: var(--old); } polyline.well { stroke: var(--good); }
svg .limit { stroke-dasharray: 6 4; } svg .bad { stroke: var(--bad); } svg .fine { stroke: var(--good); } svg .mark { stroke: var(--soft); stroke-dasharray: 2 3; }
.key { margin-right: .9rem; font-size: .85rem; white-space: nowrap; }
.key::before { content: ""; display: inline-block; width: 1rem; border-top: 2px solid; margin: 0 .35rem .2rem 0; }
.key.new, .key.harm { color: var(--new); } .key.old { color: var(--old); } .key.well { color: var(--good); }
.key.bad { color: var(--bad); } .key.fine { color: var(--good); } .key.limit::before { border-top-style: dashed; } .key.mark::before { border-top-style: dotted; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 500; } th, td { padding: .3rem .9rem .3rem 0; vertical-align: top; border-bottom: 1px solid var(--edge); }
.log td { overflow-wrap: anywhere; } .log td:first-child { white-space: nowrap; }
ul, ol { padding-left: 1.2rem; } .open li { margin-bottom: .6rem; break-inside: avoid; }
.open div { height: 3.2rem; margin-top: .3rem; border: 1px dashed var(--edge); border-radius: .4rem; }
@media (max-width: 40rem) { main { padding: 1.5rem .9rem 3rem; } figure { overflow-x: auto; } svg { min-width: 34rem; } }
@media print { :root { --paper: #fff; --card: #fff; --ink: #000; --soft: #444; --edge: #bbb; color-scheme: light; }
  main { max-width: none; padding: 0; } h2 { break-after: avoid; } tr { break-inside: avoid; } }
"""
