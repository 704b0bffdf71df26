// The page's half of widgets.Picker: draws the table, sends ticks, shows what the kernel counted. It counts nobody.

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name in made && typeof value !== "string") made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

const number = (n) => n.toLocaleString("en-GB");

function inWords([users, may, check]) {
  const stay = users - may - check;
  if (stay === users) return `${number(users)} users, all stay`;
  return `${number(users)} users, ${number(may)} may go, ${number(check)} to be checked live, ${number(stay)} stay`;
}

function inShort([users, may, check]) {
  if (!may && !check) return "all stay";
  if (!check) return `${number(may)} may go`;
  return may ? `${number(may)} + ${number(check)}` : `${number(check)} check`;
}

// A strip under the number: how much of the cell may go, is to be checked, stays.
function strip([users, may, check]) {
  const made = element("span", { class: "purge-strip", "aria-hidden": "true" });
  for (const [part, n] of [["may", may], ["check", check]]) {
    const piece = element("span", { class: `purge-${part}` });
    piece.style.width = `${(100 * n) / users}%`;
    made.append(piece);
  }
  return made;
}

function tickBox(label, children, boxes, row, column) {
  const box = element("input", { type: "checkbox", "aria-label": label });
  box.tabIndex = -1;
  box.dataset.row = row;
  box.dataset.column = column;
  (boxes[row] ||= [])[column] = box;
  return element("label", { title: label }, box, ...children);
}

// Row 0 and column 0 of `boxes` hold the boxes of whole columns, whole rows and everything.
function drawTable(table, boxes) {
  const head = element("tr", {}, element("th", { scope: "col", class: "purge-first" },
    tickBox("All subsets", [element("span", {}, "User group")], boxes, 0, 0)));
  table.years.forEach(([short, long], y) => head.append(element("th", { scope: "col" },
    tickBox(`All groups, ${long}`, [element("span", {}, short)], boxes, 0, y + 1))));
  head.append(element("th", { scope: "col", class: "purge-last" }, "Ticked"));
  const body = element("tbody");
  table.groups.forEach((name, g) => {
    const line = element("tr", {}, element("th", { scope: "row", class: "purge-first" },
      tickBox(`${name}, all years`, [element("span", { class: "purge-name" }, name)], boxes, g + 1, 0)));
    table.cells[g].forEach((cell, y) => line.append(drawCell(name, table.years[y][1], cell, boxes, g + 1, y + 1)));
    line.append(element("td", { class: "purge-last purge-total" }));
    body.append(line);
  });
  const foot = element("tr", {}, element("th", { scope: "row", class: "purge-first" }, "Ticked"));
  table.years.forEach(() => foot.append(element("td", { class: "purge-total" })));
  foot.append(element("td", { class: "purge-last purge-total" }));
  return element("table", { role: "grid", "aria-label": "Users by user group and year of expiry" },
    element("thead", {}, head), body, element("tfoot", {}, foot));
}

function drawCell(group, year, cell, boxes, row, column) {
  if (!cell[0]) return element("td", { class: "purge-nobody", "aria-label": `${group}, ${year}: nobody` });
  const words = `${group}, ${year}: ${inWords(cell)}`;
  const stays = cell[1] + cell[2] === 0;
  return element("td", { class: stays ? "purge-cell purge-stays" : "purge-cell" }, tickBox(words, [
    element("span", { class: "purge-number" }, number(cell[0])),
    element("span", { class: "purge-short" }, inShort(cell)), strip(cell)], boxes, row, column));
}

// Ticks as a text of 0 and 1, a letter per cell; whole rows and columns leave cells without users alone.
function ticking(model, boxes, send) {
  const { cells, years } = model.get("table");
  const at = (row, column) => (row - 1) * years.length + column - 1;
  const covered = boxes.map((line) => line.map(() => []));
  cells.forEach((line, g) => line.forEach((cell, y) => {
    const places = [[g + 1, y + 1], [g + 1, 0], [0, y + 1], [0, 0]];
    if (cell[0]) for (const [row, column] of places) covered[row][column].push(at(g + 1, y + 1));
  }));
  let shown = null;
  const show = () => {
    const ticks = model.get("ticks");
    if (ticks === shown) return;
    shown = ticks;
    boxes.forEach((line, row) => line.forEach((box, column) => {
      const all = covered[row][column];
      const on = all.filter((cell) => ticks[cell] === "1").length;
      box.checked = on > 0 && on === all.length;
      box.indeterminate = on > 0 && on < all.length;
      if (row && column) box.closest("td").classList.toggle("purge-on", box.checked);
    }));
  };
  const change = (box) => {
    const ticks = [...model.get("ticks")];
    for (const cell of covered[+box.dataset.row][+box.dataset.column]) ticks[cell] = box.checked ? "1" : "0";
    send(ticks.join(""));
  };
  return { show, change };
}

// One Tab stop for the whole table; arrow keys, Home and End move inside it and skip cells without users.
function moving(grid, boxes) {
  let here = boxes[0][0];
  const stop = (box) => {
    here.tabIndex = -1;
    here = box;
    here.tabIndex = 0;
  };
  stop(here);
  grid.addEventListener("focusin", (event) => event.target.dataset.row && stop(event.target));
  const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  grid.addEventListener("keydown", (event) => {
    let [row, column] = [+here.dataset.row, +here.dataset.column];
    let next = null;
    if (steps[event.key]) {
      do { row += steps[event.key][0]; column += steps[event.key][1]; }
      while (boxes[row] && column >= 0 && column < boxes[0].length && !boxes[row][column]);
      next = boxes[row]?.[column];
    } else if (event.key === "Home") next = event.ctrlKey ? boxes[0][0] : boxes[row][0];
    else if (event.key === "End") next = (event.ctrlKey ? boxes.at(-1) : boxes[row]).findLast(Boolean);
    else return;
    event.preventDefault();
    if (next) reach(grid, next);
  });
}

// Focuses a box and scrolls its cell out from under the headings, which stay in place.
function reach(grid, box) {
  const size = (part, side) => grid.querySelector(part)[side];
  const [top, right] = [size("thead", "offsetHeight"), size(".purge-last", "offsetWidth")];
  const [bottom, left] = [size("tfoot", "offsetHeight"), size(".purge-first", "offsetWidth")];
  grid.parentElement.style.scrollPadding = `${top}px ${right}px ${bottom}px ${left}px`;
  box.focus({ preventScroll: true });
  box.closest("th, td").scrollIntoView({ block: "nearest", inline: "nearest" });
}

function keepForm(model) {
  const id = element("input", { type: "text", size: "18", autocomplete: "off", spellcheck: "false" });
  const reason = element("input", { type: "text", size: "36", autocomplete: "off" });
  const form = element("form", { class: "purge-keep" }, element("label", {}, "Primary ID", id),
    element("label", {}, "Reason", reason), element("button", { type: "submit" }, "Keep this user"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    model.send({ do: "keep", primary_id: id.value, reason: reason.value });
  });
  const empty = () => { id.value = reason.value = ""; };
  return { form, empty, focus: () => id.focus() };
}

function keptList(model, place, kept) {
  place.list.replaceChildren(...kept.map((one) => {
    const label = `Remove ${one.primary_id} from those kept`;
    const drop = element("button", { type: "button", "aria-label": label }, "Remove");
    drop.addEventListener("click", () => {
      place.asked = "release";
      model.send({ do: "release", primary_id: one.primary_id });
    });
    const who = element("b", {}, one.primary_id);
    return element("li", {}, who, ` ${one.name} (${one.about}): ${one.reason} `, drop);
  }));
}

// Everything that the kernel says, put where it belongs; until it has counted the present ticks, nothing.
function drawState(model, place, form) {
  const state = model.get("state");
  const waiting = state.ticks !== model.get("ticks");
  place.root.setAttribute("aria-busy", String(waiting));
  if (waiting) return;
  write(place.status, `${state.status}.`);
  place.table.querySelectorAll("tbody .purge-total").forEach((cell, g) => write(cell, number(state.groups[g])));
  place.table.querySelectorAll("tfoot .purge-total").forEach((cell, y) =>
    write(cell, number([...state.years, state.all][y])));
  place.notes.replaceChildren(...state.notes.map((note) => element("p", {}, note)));
  const count = state.kept.length;
  write(place.keptTitle, count ? `Kept by name: ${number(count)}` : "Nobody is kept by name.");
  keptList(model, place, state.kept);
  drawAnswer(state.said, place, form);
  write(place.toml, state.text);
}

function drawAnswer(said, place, form) {
  if (said.number === place.heard) return;
  write(place.said, said.text);
  place.said.classList.toggle("purge-refused", !said.good);
  if (place.asked === "keep" && said.good) form.empty();
  if (place.asked) form.focus();
  place.heard = said.number;
  place.asked = "";
}

// Text that is the same must not be read out again.
function write(place, text) {
  if (place.textContent !== text) place.textContent = text;
}

function build(model, boxes, form) {
  const place = {
    table: drawTable(model.get("table"), boxes), heard: -1, asked: "",
    status: element("div", { class: "purge-status", role: "status", "aria-live": "polite" }),
    notes: element("div", { class: "purge-notes" }), toml: element("pre", { tabindex: "0" }),
    keptTitle: element("div"),
    list: element("ul"), said: element("div", { class: "purge-said", role: "status", "aria-live": "polite" }),
  };
  form.form.addEventListener("submit", () => { place.asked = "keep"; });
  const legend = element("p", { class: "purge-legend" },
    "Tick whom you want to purge. Each cell: how many users; below, how many ",
    element("span", { class: "purge-key purge-may" }), "may go + ",
    element("span", { class: "purge-key purge-check" }), "are to be checked live in Alma first. The others ",
    element("span", { class: "purge-key purge-rest" }), "stay, ticked or not.");
  place.root = element("div", { class: "purge-picker", "data-lm-suppress-shortcuts": "true" }, legend,
    element("div", { class: "purge-scroll" }, place.table), place.status, place.notes,
    element("fieldset", {}, element("legend", {}, "Keep a user, though ticked"), form.form, place.said, place.keptTitle,
      place.list),
    element("details", {}, element("summary", {}, "The choice as text"), place.toml));
  return place;
}

function render({ model, el }) {
  const boxes = [];
  const form = keepForm(model);
  const place = build(model, boxes, form);
  const ticks = ticking(model, boxes, (text) => {
    model.set("ticks", text);
    model.save_changes();
  });
  const draw = () => {
    ticks.show();
    drawState(model, place, form);
  };
  place.table.addEventListener("change", (event) => ticks.change(event.target));
  moving(place.table, boxes);
  // Else the notebook takes arrow keys and letters for its own commands.
  place.root.addEventListener("keydown", (event) => event.stopPropagation());
  model.on("change:ticks change:state", draw);
  el.append(place.root);
  draw();
  return () => model.off("change:ticks change:state", draw);
}

export default { render };
