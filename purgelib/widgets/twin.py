"""The static twin of the picker: the same state without any script, for notebooks that are executed or exported."""

from html import escape


def with_twin(bundle, twin):
    """Puts HTML beside the widget's own forms: Jupyter shows the widget where it can, the twin elsewhere."""
    (bundle[0] if isinstance(bundle, tuple) else bundle)["text/html"] = twin
    return bundle


def of_picker(table, ticks, counts, words, text):
    """Returns the picker as HTML: what was ticked, narrowed, left out and kept, the totals, the choice as text."""
    said = [counts["sentence"], *words["notes"],
            *(f"Kept by name: {one['primary_id']} ({one['reason']})." for one in words["kept"])]
    said += [f"And {words['more_kept']:,} more are kept by name."] if words["more_kept"] else []
    return ("<div style='overflow-x: auto'>" + _table(table, ticks, counts) + "</div>"
            + "".join(f"<p>{escape(line)}</p>" for line in said) + _facets(table["facets"], counts["facets"])
            + _reasons(table["reasons"], counts["reasons"])
            + f"<details><summary>The choice as text</summary><pre>{escape(text)}</pre></details>")


def _table(table, ticks, counts):
    width = len(table["years"])
    head = "".join(f"<th>{escape(short)}</th>" for short, _ in table["years"])
    names = [escape(name).replace(" ", "&nbsp;") for name in table["groups"]]
    cells = ["".join(map(_cell, ticks[g * width:], line)) for g, line in enumerate(table["cells"])]
    rows = "".join(f"<tr><th style='text-align: left'>{name}</th>{line}<td>{ticked:,}</td></tr>"
                   for name, line, ticked in zip(names, cells, counts["groups"], strict=True))
    foot = "".join(f"<td>{n:,}</td>" for n in [*counts["years"], counts["all"]])
    return ("<table><caption>Users by user group and year of expiry; ☑ was ticked when this cell ran</caption>"
            f"<thead><tr><th>User group</th>{head}<th>Ticked</th></tr></thead><tbody>{rows}</tbody>"
            f"<tfoot><tr><th>Ticked</th>{foot}</tr></tfoot></table>")


def _cell(on, cell):
    users, may, check = cell
    # Bound to each other: not every place that shows notebooks keeps styles.
    words = f"{'☑' if on == '1' else '☐'}&nbsp;{users:,}{'' if may + check else ' all&nbsp;stay'}"
    return f"<td>{words if users else ''}</td>"


def _facets(facets, counted):
    lines = []
    for facet in facets:
        values = zip(facet["values"], *counted[facet["facet"]], strict=True)
        said = ", ".join(f"{'☑' if on else '☐'} {escape(value)} {n:,}" for value, on, n, _ in values)
        lines.append(f"<li>{escape(facet['name'])}: {said}</li>")
    return f"<p>How many of the ticked users have it; ☐ may not go:</p><ul>{''.join(lines)}</ul>"


def _reasons(reasons, counted):
    values = zip(reasons, *counted, strict=True)
    said = "".join(f"<li>{'☑' if out else '☐'} {escape(one['words'])}: {spared if out else n:,}</li>"
                   for one, out, n, spared in values if one["later"] or out)
    return f"<p>Left out, when ☑: those with this reason.</p><ul>{said}</ul>" if said else ""
