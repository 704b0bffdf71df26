"""How the pages for people look: plain HTML without scripts, calm, readable, reachable by keyboard."""

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1c2530; background: #f4f6f8; margin: 0; }
main { max-width: 46rem; margin: 2rem auto; padding: 1.5rem 2rem; background: #fff; border: 1px solid #d5dbe1;
  border-radius: 6px; }
h1 { font-size: 1.5rem; margin: 0 0 .5rem; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
h3 { font-size: 1rem; margin: 0; }
.hint { color: #46525e; } .wrong { color: #8f1414; font-weight: 600; }
label { display: block; font-weight: 600; margin: 1.1rem 0 .2rem; }
input, select { font: inherit; padding: .35rem .5rem; border: 1px solid #66727e; border-radius: 4px; min-width: 14rem;
  box-sizing: border-box; background: #fff; color: inherit; }
select:disabled { background: #eceff2; color: #56616c; }
button, a.button { font: inherit; padding: .45rem 1rem; border: 1px solid #0b5394; border-radius: 4px;
  background: #fff; color: #0b5394; text-decoration: none; display: inline-block; cursor: pointer; }
button.main, a.main { background: #0b5394; color: #fff; }
:focus-visible { outline: 3px solid #b45f06; outline-offset: 2px; }
.row { margin-top: 1.5rem; display: flex; gap: .75rem; flex-wrap: wrap; }
.job { border-top: 1px solid #d5dbe1; padding: .9rem 0; } .job p { margin: .2rem 0; }
table { border-collapse: collapse; width: 100%; margin-top: .5rem; }
th, td { text-align: left; padding: .25rem .5rem; border-bottom: 1px solid #e3e7eb; overflow-wrap: anywhere; }
pre { background: #eef1f4; padding: .6rem .8rem; overflow-x: auto; } code, pre { font-size: .9em; }
a { color: #0b5394; } th { white-space: nowrap; vertical-align: top; } td code { overflow-wrap: anywhere; }
"""


def whole(title, hint, body, refresh=False):
    """Returns a whole page around this body, which is HTML; one that waits for a job loads itself again."""
    again = '<meta http-equiv="refresh" content="2">' if refresh else ""
    return ('<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"{again}<title>{title}</title><style>{_STYLE}</style></head>\n"
            f'<body><main><h1>{title}</h1>\n<p class="hint">{hint}</p>\n{body}\n</main></body></html>\n')
