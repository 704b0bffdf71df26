// The table of user group by year of expiry: its boxes, its counts, the keys that move inside it.

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

// Shows the ticks, a text with a 1 or 0 per cell; whole rows and columns leave cells without users alone.
function showingTicks({ cells, years }, boxes) {
  const at = (row, column) => (row - 1) * years.length + column - 1;
  const covered = boxes.map((line) => line.map(() => []));
  cells.forEach((line, g) => line.forEach((cell, y) => {
    const places = [[g + 1, y + 1], [g + 1, 0], [0, y + 1], [0, 0]];
    if (cell[0]) for (const [row, column] of places) covered[row][column].push(at(g + 1, y + 1));
  }));
  let shown = null;
  const show = (ticks) => {
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
  // At once, before the kernel has answered: a click must be seen.
  const change = (box) => {
    const ticks = [...shown];
    for (const cell of covered[+box.dataset.row][+box.dataset.column]) ticks[cell] = box.checked ? "1" : "0";
    show(ticks.join(""));
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
