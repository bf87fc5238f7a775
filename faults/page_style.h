#pragma once
// The style of a page (page.h), by day and by night.

#include <string_view>

namespace razor::faults {

inline constexpr std::string_view kPageStyle = R"css(
:root {
  --ground: #ffffff; --panel: #f6f7f9; --ink: #1c2128; --faint: #667080; --line: #d5dae1; --lane: #aeb6c2;
  --call: #9aa3b0; --accent: #2a5bd7; --bad: #d21f2b; --bad-ground: #fdecec; --good: #1d8a4b;
  --c0: #e08a00; --c1: #00806a; --c2: #b5489a; --c3: #7a5195; --c4: #8a6d1b; --c5: #2c8fb5;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #14171c; --panel: #1d2229; --ink: #e3e7ec; --faint: #98a2b0; --line: #353c47; --lane: #5b6574;
    --call: #6f7a89; --accent: #82aaff; --bad: #ff6b6b; --bad-ground: #3a1d20; --good: #5fd08f;
    --c0: #f5b041; --c1: #3fc8ac; --c2: #e58fcf; --c3: #b794e6; --c4: #d1b15a; --c5: #6cc7ea;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 1260px; margin: 0 auto; padding: 28px 24px 64px; }
h1 { font-size: 30px; line-height: 1.2; margin: 2px 0 10px; }
h2 { font-size: 19px; margin: 36px 0 10px; }
p { margin: 8px 0; max-width: 78ch; }
a { color: var(--accent); }
.kicker { color: var(--faint); margin: 0; }
.broken { border-left: 6px solid var(--bad); background: var(--bad-ground); border-radius: 0 8px 8px 0; padding: 14px 20px; }
.broken h1 { color: var(--bad); }
.broken .meaning { font-size: 18px; }
.seen { overflow-wrap: anywhere; }
.faint { color: var(--faint); }
pre { background: var(--panel); border: 1px solid var(--line); border-radius: 8px; padding: 12px 14px; margin: 8px 0; overflow-x: auto;
  font: 13.5px/1.45 ui-monospace, "SF Mono", "DejaVu Sans Mono", monospace; white-space: pre; }
pre.wrap { white-space: pre-wrap; overflow-wrap: anywhere; }
code { font: 0.9em ui-monospace, "SF Mono", "DejaVu Sans Mono", monospace; }
.copied { position: relative; } .copied pre { padding-right: 96px; }
.copied button { position: absolute; top: 7px; right: 7px; font: 13px system-ui, sans-serif; color: var(--ink); background: var(--ground);
  border: 1px solid var(--line); border-radius: 6px; padding: 3px 10px; cursor: pointer; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 15px; }
th, td { text-align: left; vertical-align: top; padding: 6px 16px 6px 0; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
th { color: var(--faint); font-weight: 600; white-space: nowrap; }
td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.nowrap { white-space: nowrap; }
td.what { min-width: 26ch; }
tr.here td { color: var(--bad); font-weight: 600; }
.chip { display: inline-block; min-width: 2.2em; padding: 0 6px; border-radius: 5px; color: var(--ground); font-weight: 700; text-align: center; }
.chip.colour0 { background: var(--c0); } .chip.colour1 { background: var(--c1); } .chip.colour2 { background: var(--c2); }
.chip.colour3 { background: var(--c3); } .chip.colour4 { background: var(--c4); } .chip.colour5 { background: var(--c5); }
details { margin: 10px 0; } summary { cursor: pointer; color: var(--faint); }
.columns { display: flex; flex-wrap: wrap; gap: 8px 48px; }
.columns > section { flex: 1 1 380px; min-width: 0; }

/* The diagram */
.picture { border: 1px solid var(--line); border-radius: 10px; padding: 12px; overflow-x: auto; background: var(--ground); }
.legend { display: flex; flex-wrap: wrap; gap: 4px 22px; color: var(--faint); font-size: 14px; margin: 10px 2px; padding: 0; list-style: none; }
.legend li { display: flex; align-items: center; gap: 7px; }
.legend svg { flex: none; }
svg.diagram { display: block; }
svg { font: 12px system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
svg text { fill: var(--ink); }
svg rect.head { fill: var(--panel); stroke: var(--line); }
svg text.head { text-anchor: middle; font-weight: 700; font-size: 12.5px; }
svg .lane { stroke: var(--lane); stroke-width: 2; }
svg .lane.down { stroke-dasharray: 2 7; } svg .lane.paused { stroke-dasharray: 7 4; stroke-width: 4; }
svg .leader { stroke: var(--line); stroke-dasharray: 1 3; }
svg text.time { text-anchor: end; fill: var(--faint); font-variant-numeric: tabular-nums; }
svg rect.break { fill: var(--ground); }
svg .wave { fill: none; stroke: var(--lane); }
svg text.pass { text-anchor: end; fill: var(--faint); font-style: italic; }
svg line.call { stroke: var(--call); stroke-width: 1.2; } svg line.call.concerned { stroke: var(--accent); stroke-width: 2.2; }
svg path.call.point { fill: var(--call); } svg path.call.point.concerned { fill: var(--accent); }
svg line.call.answer { stroke-dasharray: 5 3; }
svg rect.call { fill: var(--call); } svg rect.call.concerned { fill: var(--accent); }
svg path.cross { stroke: var(--bad); stroke-width: 2; fill: none; }
svg text.call { fill: var(--faint); font-size: 11px; paint-order: stroke; stroke: var(--ground); stroke-width: 4px; stroke-linejoin: round; }
svg text.call.concerned { fill: var(--accent); font-weight: 700; }
svg circle.good { fill: var(--good); } svg circle.bad { fill: var(--bad); } svg circle.unsent { fill: none; stroke: var(--call); }
svg g.call:hover line { stroke-width: 3.5; } svg g.call:hover text { fill: var(--ink); }
svg circle.stage { fill: var(--accent); stroke: var(--ground); stroke-width: 1.5; }
svg circle.moment { fill: var(--ground); stroke: var(--faint); stroke-width: 1.5; }
svg path.crash { stroke: var(--bad); stroke-width: 3; fill: none; }
svg line.failure { stroke: var(--bad); stroke-width: 2; }
svg text.note { font-size: 12.5px; } svg text.moment { fill: var(--faint); }
svg text.stage { fill: var(--accent); } svg text.note.failure, svg text.time.failure { fill: var(--bad); font-weight: 700; }
svg .band { opacity: .16; } svg .bar { opacity: .9; } svg .tie { stroke-width: 1.5; stroke-dasharray: 3 3; }
svg .colour0 { fill: var(--c0); stroke: none; } svg .colour1 { fill: var(--c1); stroke: none; } svg .colour2 { fill: var(--c2); stroke: none; }
svg .colour3 { fill: var(--c3); stroke: none; } svg .colour4 { fill: var(--c4); stroke: none; } svg .colour5 { fill: var(--c5); stroke: none; }
svg .tie.colour0 { stroke: var(--c0); } svg .tie.colour1 { stroke: var(--c1); } svg .tie.colour2 { stroke: var(--c2); }
svg .tie.colour3 { stroke: var(--c3); } svg .tie.colour4 { stroke: var(--c4); } svg .tie.colour5 { stroke: var(--c5); }
svg text.fault { font-weight: 700; }
@media print { .copied button { display: none; } }
)css";

}  // namespace razor::faults
