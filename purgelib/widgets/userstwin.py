"""The static twin of the grid of users: its first rows without any script, for notebooks executed or exported."""

from html import escape

FIRST = 20


def of_grid(headings, lines, counted, said):
    """Returns the first users as an HTML table, the counts and the reasons given in words."""
    head = "".join(f"<th>{escape(one)}</th>" for one in headings)
    body = "".join(f"<tr><td>{'☑' if state == 'on' else '☐'}</td>"
                   + "".join(f"<td style='text-align: left'>{escape(cell)}</td>" for cell in cells) + "</tr>"
                   for _place, state, _why, cells in lines)
    rest = counted["shown"] - len(lines)
    words = [counted["sentence"], *([f"The first {len(lines):,} of them stand here."] if rest else []),
             *([counted["empty"]] if counted["empty"] else []),
             *(f"{when}: {done}: {whom} ({reason})." for when, done, whom, reason in said)]
    table = (f"<div style='overflow-x: auto'><table><caption>Single users; ☑ was ticked when this cell ran</caption>"
             f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>") if lines else ""
    return table + "".join(f"<p>{escape(one)}</p>" for one in words)
