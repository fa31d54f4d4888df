"""How a report looks: its colours by day and by night, and its one style sheet.

Colours have names, so that a test can work out whether what is written in them can be read. Does not know:
what a page says.
"""

from __future__ import annotations

DAY = {
    "paper": "#fbfaf7",
    "card": "#ffffff",
    "sunk": "#f3f0e9",
    "ink": "#1c2326",
    "soft": "#566066",
    "line": "#dcd8ce",
    "accent": "#0b6470",
    "good": "#1f6a45",
    "doubt": "#8a5200",
    "bad": "#a8242b",
    "quote": "#cfe9e6",
    "trace": "#ffdfa8",
    "quiet": "#7d868b",
}
NIGHT = {
    "paper": "#14181a",
    "card": "#1b2123",
    "sunk": "#23292b",
    "ink": "#e8e9e5",
    "soft": "#a7b0b3",
    "line": "#384144",
    "accent": "#6cc5cf",
    "good": "#7fcf9f",
    "doubt": "#eab65c",
    "bad": "#ff9690",
    "quote": "#1d4a4c",
    "trace": "#634509",
    "quiet": "#7f898d",
}

WRITTEN_ON = (
    *((text, ground) for text in ("ink", "soft") for ground in ("paper", "card", "sunk")),
    *((text, ground) for text in ("accent", "good", "doubt", "bad") for ground in ("paper", "card", "sunk")),
    ("ink", "quote"),
    ("ink", "trace"),
)
"""Which colour is written on which ground."""

DRAWN_ON = tuple((drawn, "card") for drawn in ("accent", "good", "doubt", "bad", "quiet", "soft"))
"""Which colour is drawn on which ground."""


def style_sheet() -> str:
    """All rules; the colours first."""
    return f":root{{color-scheme:light dark;{_named(DAY)}}}{_NIGHT_OPEN}{_named(NIGHT)}}}}}{_RULES}"


def _named(colours: dict[str, str]) -> str:
    return "".join(f"--{name}:{value};" for name, value in colours.items())


_NIGHT_OPEN = "@media screen and (prefers-color-scheme:dark){:root{"

_RULES = """
*,*::before,*::after{box-sizing:border-box}
html{background:var(--paper);color:var(--ink);-webkit-text-size-adjust:100%}
body{margin:0;font:1rem/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif;
overflow-wrap:anywhere}
main{max-width:66rem;margin:0 auto;padding:2.5rem 1.25rem 4rem}
h1,h2,h3,h4,p,dl,dd,ol,ul,figure{margin:0}
h1{font-size:2rem;line-height:1.15;letter-spacing:-.015em}
h2{font-size:1.4rem;line-height:1.25;letter-spacing:-.01em;margin-bottom:.9rem}
h3{font-size:1.05rem;margin:1.8rem 0 .5rem}
h4{font-size:1rem;display:inline}
main>section{margin-top:3.5rem;padding-top:1.6rem;border-top:1px solid var(--line)}
section>p+p{margin-top:.6rem}
bdi{unicode-bidi:isolate}
.soft,.more,.gap{color:var(--soft);font-size:.9rem}
td .soft,th .soft{font-weight:400;font-size:.82rem}
.gap{font-style:italic}
.more{margin:.9rem 0}
.good{color:var(--good)}
.doubt{color:var(--doubt)}
.bad{color:var(--bad)}
.kicker{color:var(--accent);font-size:.85rem;font-weight:600;letter-spacing:.04em;margin-bottom:.4rem}
.verdict{font-size:1.5rem;line-height:1.35;
margin-top:.9rem;max-width:44rem;text-wrap:pretty}
.state{display:flex;flex-wrap:wrap;gap:.2rem 2rem;margin-top:.8rem}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,18rem),1fr));gap:.55rem 2rem;
margin-top:1.6rem;font-size:.95rem}
.facts>div:last-child{grid-column:1/-1}
.facts>div{display:grid;grid-template-columns:5rem 1fr;gap:.5rem}
dt{color:var(--soft);font-size:.85rem}
.facts dt{padding-top:.08rem}
.concerns,.calm{margin-top:1.5rem;padding:.9rem 1.3rem;background:var(--card);
border:1px solid var(--line);border-left:4px solid var(--accent);border-radius:.3rem}
.concerns.bad{border-left-color:var(--bad);color:var(--ink)}
.concerns.doubt,.calm.doubt{border-left-color:var(--doubt);color:var(--ink)}
.calm.good{border-left-color:var(--good);color:var(--ink)}
.next{margin-top:.7rem}
code{font:.92em/1.4 ui-monospace,"SF Mono",Menlo,Consolas,"Liberation Mono",monospace;
background:var(--sunk);padding:.1rem .35rem;border-radius:.2rem;-webkit-box-decoration-break:clone;
box-decoration-break:clone}
.concerns h2{font-size:1.05rem;margin-bottom:.5rem}
.concerns ol{padding-left:1.3rem}
.concerns li+li{margin-top:.25rem}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,8.4rem),1fr));
gap:1.4rem 1.4rem;margin-top:1.8rem}
.figures .large{font-size:1.6rem;line-height:1.25;font-weight:600;letter-spacing:-.01em;
font-variant-numeric:tabular-nums}
.figures .soft{line-height:1.4}
.item{margin-top:1rem;padding:1rem 1.15rem;background:var(--card);border:1px solid var(--line);
border-radius:.4rem;break-inside:avoid-page}
.item>header{display:flex;flex-wrap:wrap;align-items:baseline;gap:.3rem .7rem}
.item>*+*{margin-top:.6rem}
.group{margin-top:1.2rem}
.group+.group{margin-top:1.6rem}
.group>summary,section>details>summary{color:var(--accent);font-size:.93rem}
.badge{display:inline-block;font-size:.75rem;font-weight:600;line-height:1.3;padding:.05rem .45rem;
border:1px solid currentColor;border-radius:1rem;white-space:nowrap}
.label{color:var(--soft);font-size:.82rem;margin-bottom:.15rem}
.pair{display:grid;grid-template-columns:minmax(0,3fr) minmax(0,2fr);gap:.5rem 1.3rem}
.pair>:only-child{grid-column:1/-1}
.text{white-space:pre-wrap;overflow:hidden;tab-size:4}
mark{color:var(--ink);border-radius:.15rem;padding:0 .1rem;-webkit-box-decoration-break:clone;
box-decoration-break:clone}
mark.quote{background:var(--quote);border-bottom:2px solid var(--accent)}
mark.trace{background:var(--trace);border-bottom:2px dashed var(--doubt)}
.traces,.quotes,.notes{padding-left:1.15rem}
.scroll+.notes{margin-top:.8rem}
.traces,.quotes{font-size:.93rem}
li+li{margin-top:.2rem}
.foreign{margin-top:.6rem;padding:.55rem .9rem;background:var(--sunk);border-left:3px dashed var(--quiet);
border-radius:.2rem;font-size:.93rem}
.foreign .text:last-child::before{content:"answer: ";color:var(--soft)}
summary{cursor:pointer;padding:.25rem 0}
.neighbours summary{color:var(--accent);font-size:.93rem}
summary::marker{color:var(--accent)}
summary:focus-visible,.scroll:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
.scroll{overflow-x:auto;margin-top:.8rem;overflow-wrap:normal;
background:linear-gradient(to right,var(--paper) 40%,transparent) left/2.5rem 100% no-repeat local,
linear-gradient(to left,var(--paper) 40%,transparent) right/2.5rem 100% no-repeat local,
linear-gradient(to right,var(--line),transparent) left/.5rem 100% no-repeat scroll,
linear-gradient(to left,var(--line),transparent) right/.5rem 100% no-repeat scroll}
details>.scroll{margin-bottom:1.5rem}
table{border-collapse:collapse;width:100%;font-size:.92rem;font-variant-numeric:tabular-nums}
th,td{text-align:left;vertical-align:top;padding:.45rem 1.1rem .45rem 0;border-bottom:1px solid var(--line)}
thead th{color:var(--soft);font-weight:500;font-size:.82rem;vertical-align:bottom}
tbody th{font-weight:500;min-width:9rem}
td{min-width:4.5rem}
td bdi,tbody th bdi{overflow-wrap:anywhere}
.sums td,.sums thead th+th{text-align:right}
.log td:nth-child(3){min-width:8.5rem}
.failed tbody th{min-width:4rem}
.failed td{min-width:2.5rem}
.bleed td:nth-child(n+3),.bleed thead th:nth-child(n+3){text-align:left}
.bleed tbody th{min-width:6.5rem}
.bleed td:nth-child(4){white-space:nowrap}
.told{display:inline-block;white-space:nowrap;min-width:10.5rem}
.scroll+.soft{margin-top:.7rem}
.log td:nth-child(4){min-width:12rem}
.log td:nth-child(6){min-width:10.5rem}
.rate{margin-top:.6rem}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr));gap:1.3rem}
figure{background:var(--card);border:1px solid var(--line);border-radius:.4rem;padding:1.1rem 1.2rem;
break-inside:avoid}
figure h3{margin:0 0 .7rem}
figure .soft{margin-top:.5rem}
figure svg{display:block;width:100%;height:auto;max-width:27rem}
svg text{font-size:12px;fill:var(--ink);unicode-bidi:isolate;font-variant-numeric:tabular-nums}
svg .axis,svg .tick{fill:var(--soft);font-size:11px}
svg .track{fill:var(--sunk)}
svg .fill{fill:var(--accent)}
svg .fill.good{fill:var(--good)}
svg .fill.doubt{fill:var(--doubt)}
svg .fill.bad{fill:var(--bad)}
svg .fill.quiet{fill:var(--quiet)}
svg .grid{stroke:var(--line);stroke-width:1}
svg .expected{stroke:var(--ink);stroke-width:1.5;stroke-dasharray:5 4}
svg .dot{fill:var(--quiet)}
svg .dot.baseline{fill:none;stroke:var(--quiet);stroke-width:2}
svg .dot.pack{fill:var(--accent)}
svg .dot.repack{fill:var(--doubt)}
svg .dot.session{fill:var(--good)}
svg .dot.single{fill:var(--ink)}
svg .dot.calibration{fill:none;stroke:var(--accent);stroke-width:2}
svg .dot.audit{fill:none;stroke:var(--good);stroke-width:2}
svg .bar{stroke:var(--accent);stroke-width:4;stroke-linecap:round;opacity:.55}
.range{display:inline-block;width:140px;height:20px;vertical-align:middle}
svg .span{stroke:var(--quiet);stroke-width:1.5}
svg .cross{stroke:var(--bad);stroke-width:2;fill:none}
.legend{display:flex;flex-wrap:wrap;gap:.2rem 1rem;font-size:.88rem;margin-top:.4rem}
figure .key{display:inline-block;width:14px;height:14px;vertical-align:-2px}
footer{margin-top:3.5rem;padding-top:1.2rem;border-top:1px solid var(--line);font-size:.88rem}
footer h2{font-size:1.05rem;margin-bottom:.4rem}
footer dl{display:grid;grid-template-columns:6rem 1fr;gap:.2rem 1rem;margin:.5rem 0 1rem}
@media (max-width:40rem){
main{padding:1.5rem 1rem 3rem}
h1{font-size:1.6rem}
.verdict{font-size:1.25rem}
main>section{margin-top:2.4rem}
.pair{grid-template-columns:minmax(0,1fr)}
.figures{grid-template-columns:repeat(2,minmax(0,1fr))}
.figures>div:nth-child(5){grid-column:1/-1}
.item,figure{padding:.9rem}
.told{min-width:0}
}
@media print{
html{background:#fff}
main{max-width:none;padding:0}
.item,figure,.concerns{background:none}
.scroll{overflow:visible}
details::details-content{content-visibility:visible;height:auto}
summary{list-style:none}
}
"""
