/**
 * The style of the status page, for light and dark, wide and narrow screens.
 *
 * @since 0.2.0
 */

/**
 * @since 0.2.0
 * @category constants
 */
export const style = `
:root {
  --back: #f6f7f9; --card: #fff; --text: #1c2330; --quiet: #5a6475; --line: #e1e5eb;
  --good: #14783c; --fair: #8f5600; --bad: #b3261e; --accent: #2456c9;
  color-scheme: light dark;
}
@media (prefers-color-scheme: dark) {
  :root {
    --back: #10141b; --card: #191f29; --text: #e6eaf1; --quiet: #9aa5b6; --line: #2c3442;
    --good: #57c785; --fair: #e2a64a; --bad: #ff8a80; --accent: #86acff;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 76rem; padding: 1.5rem 1rem 3rem; background: var(--back); color: var(--text);
  font: 15px/1.5 system-ui, sans-serif; font-variant-numeric: tabular-nums;
}
h1 { margin: 0; font-size: 1.6rem; overflow-wrap: anywhere; }
h2 { margin: 0 0 .6rem; font-size: 1rem; }
p { margin: .15rem 0; }
a { color: var(--accent); }
code, pre { font: .9em ui-monospace, monospace; }
pre { overflow-x: auto; margin: .5rem 0 0; white-space: pre-wrap; overflow-wrap: anywhere; color: var(--bad); }
small, .quiet, footer { color: var(--quiet); }
small { white-space: nowrap; }
header { border-left: .35rem solid; padding-left: .9rem; margin-bottom: 1.2rem; }
header p { color: var(--text); overflow-wrap: anywhere; }
header .quiet { color: var(--quiet); }
.state { font-size: .95rem; font-weight: 600; padding: .1rem .6rem; border: 1px solid; border-radius: 1rem; }
.state { vertical-align: middle; }
header.good { border-color: var(--good); } .good .state { color: var(--good); }
header.fair { border-color: var(--fair); } .fair .state { color: var(--fair); }
header.bad { border-color: var(--bad); } .bad .state { color: var(--bad); }
section, dl { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: 1rem; margin: 0 0 1rem; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(6.5rem, 1fr)); gap: .8rem 1.2rem; }
dl .wide { grid-column: 1 / -1; display: grid; grid-template-columns: 1fr auto; align-items: baseline; }
dl .wide svg { grid-column: 1 / -1; width: 100%; height: 4.5rem; }
dt { color: var(--quiet); font-size: .85rem; }
dd { margin: 0; font-size: 1.25rem; font-weight: 600; white-space: nowrap; }
svg { display: block; overflow: visible; }
polyline { fill: none; stroke: var(--accent); stroke-width: 1.5; vector-effect: non-scaling-stroke; stroke-linejoin: round; }
.area { fill: var(--accent); opacity: .15; }
table { width: 100%; border-collapse: collapse; }
th { text-align: left; font-size: .85rem; font-weight: 500; color: var(--quiet); }
th, td { padding: .35rem .5rem .35rem 0; border-top: 1px solid var(--line); vertical-align: top; }
thead th { border-top: 0; }
td svg { display: inline-block; width: 6rem; height: 1.3rem; vertical-align: middle; }
.rate { display: inline-block; min-width: 3.2rem; }
.ready, .done { color: var(--good); } .booting, .settling, .draining, .warn { color: var(--fair); }
.hung, .gone, .refused, .error { color: var(--bad); }
.events { list-style: none; margin: 0; padding: 0; }
.events li { padding: .25rem 0 .25rem 5rem; text-indent: -5rem; border-top: 1px solid var(--line); overflow-wrap: anywhere; }
.events li:first-child { border-top: 0; }
.events time { display: inline-block; min-width: 5rem; text-indent: 0; color: var(--quiet); }
.debug { color: var(--quiet); }
@media (max-width: 52rem) {
  thead { display: none; }
  tr { display: block; padding: .5rem 0; border-top: 1px solid var(--line); }
  tr:first-child { border-top: 0; padding-top: 0; }
  td { display: flex; align-items: baseline; gap: .5rem; padding: .1rem 0; border: 0; }
  td::before { content: attr(data-name); color: var(--quiet); margin-right: auto; }
}
`
