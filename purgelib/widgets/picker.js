// The page's half of widgets.Picker: draws, sends what a person does, shows what the kernel counted. It counts nobody.

const TOTALS = [["all", "ticked"], ["may", "may go"], ["check", "to be checked live"], ["rest", "will stay"],
  ["kept", "kept by name"]];
const PATIENCE = 5000; // milliseconds without an answer after which the page says what to do
const PAUSE = 700; // milliseconds of quiet before the totals are read out

function drawTotals() {
  const numbers = TOTALS.map(() => element("b", {}, "0"));
  const tiles = element("div", { class: "purge-tiles" }, ...TOTALS.map(([part, words], at) =>
    element("div", { class: `purge-tile purge-of-${part}` }, numbers[at], element("span", {}, ` ${words}`))));
  const pieces = TOTALS.slice(1).map(([part]) => element("span", { class: `purge-${part}` }));
  const bar = element("div", { class: "purge-bar", "aria-hidden": "true" }, ...pieces);
  const why = element("div", { class: "purge-short-why" });
  const spoken = element("div", { class: "purge-spoken purge-status", role: "status", "aria-live": "polite" });
  let later = 0;
  const show = (counts, anyTick) => {
    numbers.forEach((place, at) => write(place, number(counts.totals[at])));
    pieces.forEach((piece, at) => { piece.style.flexGrow = counts.totals[at + 1]; });
    write(why, inOneLine(counts, anyTick));
    // One sentence after the last of several quick clicks, not one for each.
    clearTimeout(later);
    later = setTimeout(() => write(spoken, counts.sentence), spoken.textContent ? PAUSE : 0);
  };
  return { root: element("div", { class: "purge-numbers" }, tiles, bar, why), spoken, show };
}

// Why ticked users will stay, the most frequent reasons only, or what to do while nobody is ticked.
function inOneLine({ totals, why }, anyTick) {
  if (!totals[0]) {
    return anyTick ? "The boxes beside the table leave out everybody who is ticked."
      : "Nobody is ticked: tick cells, rows or columns of the table.";
  }
  if (!why.length) return "Nobody who is ticked has a reason to stay.";
  const first = why.slice(0, 3).map(([words, n]) => `${words} (${number(n)})`);
  return `Will stay, though ticked: ${first.join(", ")}${why.length > 3 ? ", and more" : ""}`;
}

function drawSteps(ask) {
  const steps = [["undo", "Undo", "Control+Z"], ["redo", "Redo", "Control+Y"], ["start_over", "Start over", ""]];
  const made = steps.map(([what, words, keys]) => button(words, () => able(what) && ask({ do: what }),
    keys ? { "aria-keyshortcuts": keys, title: `${words} (${keys.replace("Control", "Ctrl")})` }
      : { title: "Back to the choice that this cell was given; Undo brings yours back" }));
  let can = {};
  const able = (what) => can[what];
  const show = (words) => {
    can = { undo: words.undo, redo: words.redo, start_over: words.changed };
    // A button that is disabled would lose the focus.
    steps.forEach(([what], at) => made[at].setAttribute("aria-disabled", String(!can[what])));
  };
  return { root: element("div", { class: "purge-steps" }, ...made), show };
}

// In a text field these keys undo what was typed, as everywhere.
function stepKeys(root, ask) {
  root.addEventListener("keydown", (event) => {
    // Else the notebook takes arrow keys and letters for its own commands.
    event.stopPropagation();
    if (!(event.ctrlKey || event.metaKey) || event.altKey) return;
    if (event.target.matches("textarea, input:not([type=checkbox])")) return;
    const key = event.key.toLowerCase();
    const what = key === "y" || (key === "z" && event.shiftKey) ? "redo" : key === "z" ? "undo" : "";
    if (!what) return;
    event.preventDefault();
    ask({ do: what });
  });
}

function drawKeeping(ask) {
  const id = element("input", { type: "text", size: "18", autocomplete: "off", spellcheck: "false" });
  const reason = element("input", { type: "text", size: "36", autocomplete: "off" });
  const form = element("form", { class: "purge-keep" }, element("label", {}, "Primary ID", id),
    element("label", {}, "Reason", reason), element("button", { type: "submit" }, "Keep this user"));
  const said = element("div", { class: "purge-said", role: "status", "aria-live": "polite" });
  const title = element("div");
  const list = element("ul", { class: "purge-kept-list" });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    ask({ do: "keep", primary_id: id.value, reason: reason.value });
  });
  // The reason stands in the same box as that of keeping: nobody is let go without one.
  const drop = (one) => button("Remove", () => ask({ do: "release", primary_id: one.primary_id, reason: reason.value }),
    { "aria-label": `Remove ${one.primary_id} from those kept`, "title": "Write the reason into the box above" });
  const show = ({ kept, all_kept: count, more_kept: more }) => {
    write(title, count ? `Kept by name: ${number(count)}` : "Nobody is kept by name.");
    list.replaceChildren(...kept.map((one) => element("li", {}, element("b", {}, one.primary_id),
      ` ${one.name} (${one.about}): ${one.reason} `, drop(one))),
      ...(more ? [element("li", {}, `and ${number(more)} more`)] : []));
  };
  const heard = (answer) => {
    sayThere(said, answer);
    if (answer.good) id.value = reason.value = "";
    (answer.about === "release" && !answer.good ? reason : id).focus();
  };
  const root = element("fieldset", {}, element("legend", {}, "Keep a user, though ticked"), form, said, title, list);
  return { root, show, heard };
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

const LEGEND = () => element("p", { class: "purge-legend" },
  "Tick whom you want to purge. Each cell: how many users; below, how many ",
  element("span", { class: "purge-key purge-may" }), "may go + ",
  element("span", { class: "purge-key purge-check" }), "are to be checked live in Alma first. The others ",
  element("span", { class: "purge-key purge-rest" }), "stay, ticked or not.");

function build(model, boxes, ask) {
  const table = drawTable(model.get("table"), boxes);
  const parts = { table, ticks: showingTicks(model.get("table"), boxes), totals: drawTotals(), steps: drawSteps(ask),
    facets: drawFacets(model.get("table"), ask), keeping: drawKeeping(ask), text: drawText(ask),
    notes: element("div", { class: "purge-notes" }), late: element("div", { class: "purge-late", role: "status" }) };
  const bar = element("div", { class: "purge-totals" }, parts.totals.root, parts.steps.root, parts.late);
  const work = element("div", { class: "purge-work" }, element("div", { class: "purge-scroll" }, table),
    parts.facets.root);
  parts.root = element("div", { class: "purge-picker", "data-lm-suppress-shortcuts": "true" }, parts.totals.spoken,
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
  parts.steps.show(words);
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
  let [sent, waiting, timer] = [0, false, 0];
  const ask = (message) => {
    sent += 1;
    waiting = true;
    root().setAttribute("aria-busy", "true");
    clearTimeout(timer);
    timer = setTimeout(() => write(late(), "No answer yet: another cell may be running. If the kernel was restarted, "
      + "run this cell again."), PATIENCE);
    model.send({ ...message, who, number: sent });
  };
  // Has the kernel heard of all that was asked here.
  const heard = () => {
    const { who: whom, number: upTo } = model.get("answered");
    if (waiting && !(whom === who && upTo === sent)) return false;
    waiting = false;
    clearTimeout(timer);
    write(late(), "");
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
  const { ask, heard, answer } = talking(model, () => parts.root, () => parts.late);
  const parts = build(model, boxes, ask);
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
