// The report's style sheet: one column of text in a serif, numbers and drawings in a sans; light
// and dark by the reader's preference; from 320 px wide to print. Colours of segments are distinct
// for colour-blind readers and always come with a shape of their own.
#include "sartor/pipeline/report_parts.h"

namespace sartor::report {

std::string_view style() {
  static constexpr std::string_view kStyle = R"css(
:root{color-scheme:light dark;
--paper:#fdfcf9;--panel:#f6f4ee;--ink:#1c2024;--soft:#565d66;--rule:#d5d0c4;--hair:#e6e2d9;
--accent:#1c5a94;--yes:#14694a;--yes-tint:#e3f1ea;--no-tint:#eceae4;--warn:#9a3d10;--warn-tint:#fbeee4;
--note-tint:#e9f0f7;--bar:#6f9cc6;--ghost:#d3cfc4;--shade:rgba(40,36,24,.16);
--k0:#1f66a8;--k1:#b9520c;--k2:#1b7f5c;--k3:#8b4a9f;--k4:#846900;--k5:#0c7687;--k6:#b93269;--k7:#5b636f;
--serif:"Charter","Bitstream Charter","Charis SIL","Source Serif 4","Sitka Text",Cambria,Georgia,serif;
--sans:"Inter",system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Helvetica Neue",Arial,sans-serif;
--mono:ui-monospace,"SF Mono","Cascadia Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace}
@media (prefers-color-scheme:dark){:root{
--paper:#15181b;--panel:#1d2125;--ink:#e7e4dd;--soft:#a6adb5;--rule:#3b4148;--hair:#2b3036;
--accent:#83b9ec;--yes:#6fd0a5;--yes-tint:#173328;--no-tint:#2a2f35;--warn:#f2a477;--warn-tint:#38241a;
--note-tint:#1c2b3a;--bar:#4d7dab;--ghost:#3a4148;--shade:rgba(0,0,0,.55);
--k0:#6fb1ee;--k1:#f2945c;--k2:#4fc59b;--k3:#cb9fe0;--k4:#d9b64a;--k5:#5cc6d6;--k6:#f07fa8;--k7:#a8b0ba}}
*,*::before,*::after{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%;scroll-behavior:smooth;scroll-padding-top:1rem}
body{margin:0 auto;max-width:76rem;padding:0 1rem 4rem;background:var(--paper);color:var(--ink);
font:1.0625rem/1.6 var(--serif);overflow-wrap:break-word;hyphens:manual}
a{color:var(--accent);text-underline-offset:.15em}
:focus-visible{outline:2px solid var(--accent);outline-offset:3px}
main:focus{outline:none}
.skip{position:absolute;left:-999rem;top:0;background:var(--paper);padding:.6rem 1rem;z-index:2}
.skip:focus{left:0}
header{padding:2rem 0 .9rem}
header p{margin:0}
.brand,.byline,nav,table,figcaption,.figures,.facts,.badge,.legend,.strip,details>summary,footer,svg text,
.notices li>strong:first-child{font-family:var(--sans)}
.brand{font-size:.78rem;font-weight:600;letter-spacing:.09em;text-transform:uppercase;color:var(--soft)}
.title{font-size:1.3rem;line-height:1.3;margin:.2rem 0 .3rem!important}
.byline{list-style:none;margin:0;padding:0;font-size:.82rem;color:var(--soft);display:flex;flex-wrap:wrap;
gap:.1rem 1.2rem;overflow-wrap:anywhere}
nav{font-size:.88rem;border-top:1px solid var(--rule);border-bottom:1px solid var(--rule);padding:.35rem 0}
nav ul{list-style:none;margin:0;padding:0;display:flex;flex-wrap:wrap;gap:0 1.1rem}
nav a{display:inline-block;padding:.3rem 0;text-decoration:none;color:var(--soft)}
nav a:hover{color:var(--accent);text-decoration:underline}
main{min-width:0}
section{padding-top:2.6rem}
h1,h2,h3{line-height:1.22;font-weight:700;text-wrap:balance;letter-spacing:-.008em}
h1{font-size:clamp(1.6rem,1.1rem + 2.1vw,2.35rem);margin:0 0 .9rem;max-width:24em}
h2{font-size:1.5rem;margin:0 0 .7rem;padding-top:1rem;border-top:1px solid var(--rule)}
h3{font-size:1.13rem;margin:2rem 0 .6rem}
p{max-width:42rem;margin:0 0 1rem}
.lead{font-size:1.18rem;line-height:1.55;max-width:44rem}
.soft,.tick,.number{color:var(--soft)}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.4rem,1fr));gap:1px;margin:1.6rem 0;
border:1px solid var(--rule);border-radius:6px;overflow:hidden}
.figures>div{box-shadow:0 0 0 1px var(--rule);padding:.8rem .9rem}
.figures dt{font-size:.78rem;color:var(--soft)}
.figures dd{margin:0}
.figures b{display:block;font-size:1.5rem;font-weight:600;line-height:1.35;font-variant-numeric:tabular-nums;
letter-spacing:-.01em}
.figures span{display:block;font-size:.8rem;line-height:1.45;color:var(--soft)}
.notices{list-style:none;margin:0 0 1.2rem;padding:0;max-width:48rem}
.notices li{border-left:4px solid var(--accent);background:var(--note-tint);padding:.55rem .9rem;margin:.5rem 0;
border-radius:0 4px 4px 0;font-size:1rem;line-height:1.5}
.notices .warning{border-left-color:var(--warn);background:var(--warn-tint)}
.notices li>strong:first-child{font-size:.86rem;margin-right:.25rem}
.notices .warning>strong:first-child{color:var(--warn)}
.small,.scroll{margin:1.5rem 0;max-width:100%}
.scroll{overflow-x:auto;background:linear-gradient(90deg,var(--paper) 30%,transparent) 0 0/2.5rem 100% no-repeat local,
linear-gradient(270deg,var(--paper) 30%,transparent) 100% 0/2.5rem 100% no-repeat local,
linear-gradient(270deg,var(--shade),transparent) 100% 0/.8rem 100% no-repeat scroll}
table{border-collapse:collapse;font-size:.875rem;line-height:1.45;font-variant-numeric:tabular-nums;min-width:min(26rem,100%)}
.wide table{width:100%}.medium table{min-width:min(40rem,100%)}
caption{caption-side:top;text-align:left;font-weight:600;padding:0 0 .45rem;color:var(--ink)}
caption span{display:inline-block;position:sticky;left:0;max-width:min(44rem,calc(100vw - 2rem))}
th,td{padding:.42rem .9rem .42rem 0;vertical-align:top;border-bottom:1px solid var(--hair);text-align:left}
th:last-child,td:last-child{padding-right:0}
thead th{font-weight:500;font-size:.8rem;color:var(--soft);border-bottom:1px solid var(--rule);vertical-align:bottom}
tbody th{font-weight:600;overflow-wrap:anywhere;min-width:7rem}
.n{text-align:right}
td.n{white-space:nowrap}
td.t{overflow-wrap:anywhere;min-width:6rem}
.wide td.t{min-width:7.5rem}
tr.total th,tr.total td{background:var(--panel);border-bottom-color:var(--rule)}
tr.total th{padding-left:.5rem}
.badge{display:inline-block;white-space:nowrap;font-size:.78rem;font-weight:600;line-height:1.4;border-radius:999px;
padding:.08rem .6rem;vertical-align:.08em}
.badge.yes{color:var(--yes);background:var(--yes-tint)}
.badge.no{color:var(--soft);background:var(--no-tint)}
.flag{color:var(--warn);font-weight:600;white-space:normal;fill:var(--warn)}
.bar{display:block;height:5px;margin-top:3px;min-width:5rem;border-radius:3px;background:var(--hair);overflow:hidden;
position:relative}
.bar i{display:block;height:100%;background:var(--bar)}
.bar.both i{position:absolute;top:0}
.bar.both::after{content:"";position:absolute;left:50%;top:0;width:1px;height:100%;background:var(--soft)}
.bar.both .less{background:var(--k1)}
.bar.both .more{background:var(--k0)}
figure{margin:1.5rem 0}
figcaption{font-size:.84rem;line-height:1.5;color:var(--soft);max-width:46rem}
svg{display:block;max-width:100%;height:auto;overflow:visible}
svg text{font-size:12.5px;fill:var(--soft);font-variant-numeric:tabular-nums}
svg .start{text-anchor:start}svg .middle{text-anchor:middle}svg .end{text-anchor:end}
svg .name{font-size:14px;font-weight:600;fill:var(--ink)}
svg .strong{font-weight:600;fill:var(--ink)}
svg .yes{fill:var(--yes);font-weight:600}
svg .flag{fill:var(--warn)}
.hair{stroke:var(--hair);fill:none}
.zero{stroke:var(--soft);stroke-width:1.2;fill:none}
.counts{stroke:var(--k4);stroke-width:1.4;stroke-dasharray:4 3;fill:none}
.confirm{stroke:var(--k0);stroke-width:2.6;fill:none}
.test{stroke:var(--k1);stroke-width:1.5;fill:none}
.mark-confirm{fill:var(--k0)}
.mark-test{fill:var(--paper);stroke:var(--k1);stroke-width:1.8}
.mark-smallest{fill:var(--soft)}
.narrow-only{display:none}
@media (max-width:780px){.wide-only{display:none}.narrow-only{display:block;width:100%;max-width:27rem}}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(21rem,100%),1fr));gap:1rem;margin:1.2rem 0}
.card{border:1px solid var(--rule);border-radius:6px;padding:1rem 1.1rem;min-width:0}
.card h3{margin:0 0 .2rem;display:flex;align-items:baseline;gap:.45rem;overflow-wrap:anywhere}
.card h3 .swatch{flex:none;align-self:center}
.facts{font-size:.84rem;color:var(--soft);margin:0 0 .3rem}
.card>p:not(.facts){margin:.7rem 0 0;line-height:1.5;font-size:1rem}
.card .scroll{margin:.8rem 0 0}
.card table{width:100%;min-width:0;font-size:.82rem}
.card caption{font-weight:500;color:var(--soft);font-size:.78rem;padding-bottom:.1rem}
.card td,.card th{padding:.35rem .7rem .35rem 0}
.card tbody th{font-weight:500}
.card tbody tr:last-child>*{border-bottom:0}
.card .bar{min-width:4.5rem}
.legend{list-style:none;margin:0 0 .6rem;padding:0;display:flex;flex-wrap:wrap;gap:.2rem 1.1rem;font-size:.86rem}
.legend li{display:flex;align-items:center;gap:.35rem;overflow-wrap:anywhere;min-width:0}
.swatch{display:inline-block;flex:none}
.map{width:100%;background:var(--panel);border-radius:6px}
figure.users{max-width:46rem}
figure.users figcaption{margin-top:.5rem}
.point{fill-opacity:.72}
.others{--over:var(--ghost)}
.c0{fill:var(--over,var(--k0))}.c1{fill:var(--over,var(--k1))}.c2{fill:var(--over,var(--k2))}
.c3{fill:var(--over,var(--k3))}.c4{fill:var(--over,var(--k4))}.c5{fill:var(--over,var(--k5))}
.c6{fill:var(--over,var(--k6))}.c7{fill:var(--over,var(--k7))}
.panels{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(15.5rem,100%),1fr));gap:1.2rem;margin:1rem 0}
.panels figure{margin:0;min-width:0}
.panels figcaption{color:var(--ink);margin-bottom:.3rem;overflow-wrap:anywhere}
.panels .swatch{vertical-align:-.1em;margin-right:.3rem}
.curve-line{stroke:var(--k0);stroke-width:2;fill:none}
details{margin:1rem 0}
details>summary{cursor:pointer;font-size:.9rem;color:var(--accent);width:fit-content;padding:.2rem 0}
.strip{list-style:none;display:flex;margin:1.2rem 0 0;padding:0;font-size:.78rem;max-width:56rem;gap:2px}
.strip li{flex:1 1 0;min-width:3.6rem;padding:.4rem .3rem;text-align:center;background:var(--panel);
border-top:4px solid var(--rule);overflow:hidden;text-overflow:ellipsis}
.strip .validate{border-top-color:var(--k4)}.strip .confirm{border-top-color:var(--k0)}.strip .test{border-top-color:var(--k1)}
.terms{max-width:60rem;margin:0;display:grid;gap:0}
.terms>div{display:grid;grid-template-columns:13rem 1fr;gap:0 1.5rem;padding:.55rem 0;border-bottom:1px solid var(--hair)}
.terms dt{font-weight:700}
.terms dd{margin:0;max-width:42rem}
@media (max-width:640px){.terms>div{grid-template-columns:1fr}
.scroll tbody th,.scroll thead th:first-child{position:sticky;left:0;background:var(--paper);max-width:8.5rem}}
code,pre{font-family:var(--mono);font-size:.84rem}
td code{overflow-wrap:anywhere}
pre{background:var(--panel);border-radius:6px;padding:.7rem .9rem;margin:0 0 1rem;overflow-x:auto;max-width:56rem}
footer{margin-top:3rem;border-top:1px solid var(--rule);padding-top:.9rem;font-size:.82rem;color:var(--soft)}
@media (min-width:1080px){
body{display:grid;grid-template-columns:9.5rem minmax(0,1fr);column-gap:3rem;padding:0 2rem 4rem}
header,footer{grid-column:2}
nav{grid-column:1;grid-row:1/4;border:0;padding:2.1rem 0 0;align-self:start;position:sticky;top:0}
nav ul{display:block}
nav a{padding:.22rem 0}
main{grid-column:2}}
@media (prefers-reduced-motion:reduce){html{scroll-behavior:auto}*{transition:none!important;animation:none!important}}
@media (forced-colors:active){.bar i{background:CanvasText;forced-color-adjust:none}.badge,.card{border:1px solid}}
@media print{
@page{margin:16mm 15mm}
:root{color-scheme:light;--paper:#fff;--panel:#f4f4f2;--ink:#000;--soft:#444;--rule:#bbb;--hair:#ddd;--accent:#1c5a94;
--yes:#14694a;--yes-tint:#e8f3ee;--no-tint:#eee;--warn:#9a3d10;--warn-tint:#fbf1ea;--note-tint:#eef3f8;--bar:#6f9cc6;--ghost:#d5d5d5;--shade:transparent;
--k0:#1f66a8;--k1:#b9520c;--k2:#1b7f5c;--k3:#8b4a9f;--k4:#846900;--k5:#0c7687;--k6:#b93269;--k7:#5b636f}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}
body{display:block;max-width:none;padding:0;font-size:10.5pt}
nav,.skip{display:none}
header{padding-top:0}
section{padding-top:1.2rem}
h2,h3,caption,summary{break-after:avoid}
figure,.card,.notices li,tr,.figures,.terms>div{break-inside:avoid}
.wide-only{display:block}.narrow-only{display:none}
.scroll{overflow:visible}
table{font-size:8.5pt}
th,td{padding-right:.5rem}
details::details-content{content-visibility:visible;display:block;height:auto}
details>summary{list-style:none;color:var(--ink);font-weight:600}}
)css";
  return kStyle;
}

}  // namespace sartor::report
