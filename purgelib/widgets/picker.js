// The page's half of widgets.Picker: draws, sends what a person does, shows what the kernel counted. It counts nobody.

const TOTALS = [["all", "ticked"], ["may", "may go"], ["check", "to be checked live"], ["rest", "will stay"],
  ["kept", "kept by name"]];

function drawTotals() {
  const numbers = TOTALS.map(() => element("b", {}, "0"));
  const tiles = element("div", { class: "purge-tiles" }, ...TOTALS.map(([part, words], at) =>
    element("div", { class: `purge-tile purge-of-${part}` }, numbers[at], element("span", {}, ` ${words}`))));
  const pieces = TOTALS.slice(1).map(([part]) => element("span", { class: `purge-${part}` }));
  const bar = element("div", { class: "purge-bar", "aria-hidden": "true" }, ...pieces);
  const why = element("div", { class: "purge-short-why" });
  const spoken = element("div", { class: "purge-spoken purge-status", role: "status", "aria-live": "polite" });
  const next = element("div", { class: "purge-next" });
  const speak = speaking(spoken);
  const show = (counts, anyTick) => {
    numbers.forEach((place, at) => write(place, number(counts.totals[at])));
    pieces.forEach((piece, at) => { piece.style.flexGrow = counts.totals[at + 1]; });
    write(why, inOneLine(counts, anyTick));
    write(next, whatNext(counts, anyTick));
    speak(counts.sentence, !spoken.textContent);
  };
  return { root: element("div", { class: "purge-numbers" }, tiles, bar, why, next), spoken, show };
}

// Why ticked users will stay, the most frequent reasons only, or what to do while nobody is ticked.
function inOneLine({ totals, why }, anyTick) {
  if (!totals[0]) return anyTick ? "The boxes beside the table leave out everybody who is ticked." : "Nobody is ticked.";
  if (!why.length) return "Nobody who is ticked has a reason to stay.";
  const first = why.slice(0, 3).map(([words, n]) => `${words} (${number(n)})`);
  return `Will stay, though ticked: ${first.join(", ")}${why.length > 3 ? ", and more" : ""}`;
}

function whatNext({ totals }, anyTick) {
  if (!anyTick) return "Next: tick cells, rows or columns of the table.";
  if (!(totals[1] + totals[2])) return "Next: tick others, as nobody of these may go; or allow more in the boxes.";
  return "Next: look at single users below, then run the cells that follow, down to Save.";
}

function drawKeeping(ask) {
  const id = element("input", { type: "text", size: "18", autocomplete: "off", spellcheck: "false" });
  const reason = element("input", { type: "text", size: "40", autocomplete: "off" });
  const form = element("form", { class: "purge-keep" }, element("label", {}, "Primary ID", id),
    element("label", {}, "Reason", reason), element("button", { type: "submit" }, "Keep this user"));
  const said = element("div", { class: "purge-said", role: "status", "aria-live": "polite" });
  const kept = drawKept(ask, id);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    ask({ do: "keep", primary_id: id.value, reason: reason.value });
  });
  const heard = (answer) => {
    if (answer.about === "release") kept.heard(answer);
    if (answer.about === "keep" || answer.good) sayThere(said, answer);
    if (answer.about === "release") return;
    if (answer.good) id.value = reason.value = "";
    (answer.good || !id.value.trim() || reason.value.trim() ? id : reason).focus();
  };
  const root = element("fieldset", {}, element("legend", {}, "Keep a user, though ticked"),
    element("p", {}, "Whoever is kept by name stays, whatever is ticked. The reason is kept with the choice."),
    form, said, kept.root);
  return { root, show: kept.show, heard };
}

// Those kept by name. Whoever is taken off is asked about in the user's own line: nobody is let go without a reason.
function drawKept(ask, otherwise) {
  const title = element("h4");
  const list = element("ul", { class: "purge-kept-list" });
  let lines = new Map();
  const back = (about) => (lines.get(about?.primary_id)?.querySelector("button") ?? otherwise).focus();
  const asking = drawAsking(ask, back);
  const remove = (one) => button("Remove …", () => {
    lines.get(one.primary_id).after(asking.line);
    asking.open({ do: "release", primary_id: one.primary_id },
      `Why is ${`${one.primary_id} ${one.name}`.trim()} no longer to be kept?`, "Remove from those kept");
  }, { "aria-label": `Remove ${one.primary_id} from those kept` });
  asking.line = element("li", { class: "purge-asked" }, asking.root);
  const show = ({ kept, all_kept: count, more_kept: more }) => {
    const open = asking.about()?.primary_id;
    write(title, count ? `Kept by name: ${number(count)}` : "Nobody is kept by name.");
    lines = new Map(kept.map((one) => [one.primary_id, element("li", {}, remove(one), element("span", {},
      element("b", {}, `${one.primary_id} ${one.name}`.trim()), ` (${one.about}): ${one.reason}`))]));
    const focused = asking.root.contains(document.activeElement) && document.activeElement;
    list.replaceChildren(...[...lines.values()].flatMap((line) => (line === lines.get(open) ? [line, asking.line] : [line])),
      ...(more ? [element("li", {}, `and ${number(more)} more`)] : []));
    if (open && !lines.has(open)) asking.close();
    else if (focused) focused.focus();
  };
  return { root: element("div", {}, title, list), show, heard: asking.heard };
}

function sayThere(place, { text, good }) {
  write(place, text);
  place.classList.toggle("purge-refused", !good);
}

// The choice as text: follows the ticks until somebody types in it, and is then left alone.
function drawText(ask) {
  const area = element("textarea", { rows: "14", spellcheck: "false", autocomplete: "off", wrap: "off",
    "aria-label": "The choice as text" });
  const said = element("div", { class: "purge-said", role: "status", "aria-live": "polite" });
  let given = "";
  const use = button("Use this text", () => ask({ do: "use", text: area.value }));
  const forget = button("Drop my changes to the text", () => { area.value = given; typed(); area.focus(); });
  const typed = () => {
    const changed = area.value !== given;
    forget.hidden = !changed;
    area.removeAttribute("aria-invalid");
    sayThere(said, { text: changed ? "You have changed this text. It counts once you press “Use this text”." : "",
      good: true });
  };
  area.addEventListener("input", typed);
  const show = ({ text, whole }) => {
    const untouched = area.value === given;
    given = text;
    area.readOnly = use.hidden = !whole;
    if (untouched && area.value !== text) area.value = text;
    forget.hidden = area.value === given;
    if (!whole) sayThere(said, { text: "Only the beginning is shown: this text is too long to be edited here.", good: true });
  };
  const heard = (answer) => {
    // What is used is what stands here; the same, as the kernel writes it, comes next.
    if (answer.good) { given = area.value; typed(); }
    else { area.setAttribute("aria-invalid", "true"); selectLine(area, answer.line); }
    sayThere(said, answer);
  };
  const root = element("details", { open: true }, element("summary", {}, "The choice as text (TOML)"),
    element("p", {}, "This text is the choice. Read it, change it, or give it to a colleague; it runs again without any "
      + "widget."), area, element("div", { class: "purge-steps" }, use, forget), said);
  return { root, show, heard };
}

function selectLine(area, line) {
  area.focus();
  if (!line) return;
  const lines = area.value.split("\n");
  const start = lines.slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
  area.setSelectionRange(start, start + (lines[line - 1] ?? "").length);
}

function drawNotes(place, words) {
  const again = words.continued ? ["This goes on with what was ticked here before. “Start over” goes back to the choice "
    + "that this cell was given."] : [];
  place.replaceChildren(...[...again, ...words.notes].map((note) => element("p", {}, note)));
}

const START_OVER = [["start_over", "Start over", "", "Back to the choice that this cell was given; Undo brings yours back"]];

const LEGEND = () => element("p", { class: "purge-legend" },
  "Tick whom you want to purge. Each cell: how many users; below, how many ",
  element("span", { class: "purge-key purge-may" }), "may go + ",
  element("span", { class: "purge-key purge-check" }), "are to be checked live in Alma first. The others ",
  element("span", { class: "purge-key purge-rest" }), "stay, ticked or not.");

function build(model, boxes, ask, late) {
  const table = drawTable(model.get("table"), boxes);
  const parts = { table, ticks: showingTicks(model.get("table"), boxes), totals: drawTotals(), steps: drawSteps(ask, START_OVER),
    facets: drawFacets(model.get("table"), ask), keeping: drawKeeping(ask), text: drawText(ask), notes: element("div", { class: "purge-notes" }) };
  const bar = element("div", { class: "purge-totals" }, parts.totals.root, parts.steps.root, late);
  const work = element("div", { class: "purge-work" }, element("div", { class: "purge-scroll" }, table),
    parts.facets.root);
  parts.root = element("div", { class: "purge-widget purge-picker", "data-lm-suppress-shortcuts": "true" }, parts.totals.spoken,
    bar, parts.notes, LEGEND(), work, parts.keeping.root, parts.text.root);
  return parts;
}

// Everything that the kernel says, put where it belongs.
function drawState(model, parts) {
  const [counts, words] = [model.get("counts"), model.get("words")];
  const rows = parts.table.querySelectorAll("tbody .purge-total");
  const columns = parts.table.querySelectorAll("tfoot .purge-total");
  parts.ticks.show(model.get("ticks"));
  rows.forEach((cell, g) => write(cell, number(counts.groups[g])));
  columns.forEach((cell, y) => write(cell, number([...counts.years, counts.all][y])));
  parts.totals.show(counts, model.get("ticks").includes("1"));
  parts.facets.show(counts);
  parts.steps.show({ undo: words.undo, redo: words.redo, start_over: words.changed });
  parts.keeping.show(words);
  drawNotes(parts.notes, words);
}

// The sentence with which the kernel answers stands where the question was asked.
function drawAnswer(parts, said) {
  if (["keep", "release"].includes(said.about)) parts.keeping.heard(said);
  if (said.about === "use") parts.text.heard(said);
}

// Sends what a person does, and holds back what the kernel said before it had heard of the last of it.
function talking(model, root, late) {
  const who = freshId();
  let [sent, waiting] = [0, false];
  const quiet = patience(late);
  const ask = (message) => {
    sent += 1;
    waiting = true;
    root().setAttribute("aria-busy", "true");
    quiet.wait();
    model.send({ ...message, who, number: sent });
  };
  // Has the kernel heard of all that was asked here.
  const heard = () => {
    const { who: whom, number: upTo } = model.get("answered");
    if (waiting && !(whom === who && upTo === sent)) return false;
    waiting = false;
    quiet.heard();
    root().setAttribute("aria-busy", "false");
    return true;
  };
  let last = model.get("said").number;
  const answer = () => {
    const said = model.get("said");
    if (said.number === last || said.who !== who) return null;
    last = said.number;
    return said;
  };
  return { ask, heard, answer };
}

function render({ model, el }) {
  const boxes = [];
  const late = element("div", { class: "purge-late", role: "status" });
  const { ask, heard, answer } = talking(model, () => parts.root, late);
  const parts = build(model, boxes, ask, late);
  parts.table.addEventListener("change", ({ target }) => {
    const [row, column] = [+target.dataset.row, +target.dataset.column];
    parts.ticks.change(target);
    ask({ do: "tick", row: row ? row - 1 : null, column: column ? column - 1 : null, on: target.checked });
  });
  moving(parts.table, boxes);
  stepKeys(parts.root, ask);
  const draw = () => {
    if (!heard()) return;
    drawState(model, parts);
    const said = answer();
    if (said) drawAnswer(parts, said);
    parts.text.show(model.get("toml"));
  };
  model.on("change", draw);
  el.append(parts.root);
  draw();
  return () => model.off("change", draw);
}

export default { render };
