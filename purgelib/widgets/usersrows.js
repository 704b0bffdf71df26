// The rows of the grid: only those on screen exist; moving, ticking and opening by mouse and by keyboard.

const ROW = 30; // pixels
const TALLEST = 8_000_000; // pixels; browsers cut off what is taller, so that a pixel then stands for more than one row
const SETTLE = 250; // milliseconds without moving after which the kernel is told where one is
const AHEAD = 40; // rows asked for beyond those on screen
const TICKS = {
  on: "ticked, will be in the plan", kept: "not ticked, kept by name", stays: "cannot be ticked, must stay",
  out: "not ticked, is not in what was ticked in the table of subsets",
};

function drawHead(columns, sortBy) {
  const cells = columns.map(([name, words], at) => {
    const press = button(words, () => sortBy(name), { tabIndex: -1 });
    return element("div", { role: "columnheader", "aria-colindex": String(at + 1), class: `users-of-${name}` }, press);
  });
  const root = element("div", { role: "row", "aria-rowindex": "1", class: "users-row users-head" }, ...cells);
  // As in a spreadsheet, a column that is filtered is marked.
  const filters = { primary_id: ["search"], name: ["search"], expiry_date: ["expires_from", "expires_to"],
    reasons: ["reason"] };
  const show = (view) => columns.forEach(([name, words], at) => {
    const filtered = (filters[name] ?? [name]).some((one) => (one === "search" ? view[one] : (view[one] ?? null) !== null));
    cells[at].setAttribute("aria-sort", name !== view.sort ? "none" : view.down ? "descending" : "ascending");
    cells[at].classList.toggle("users-filtered", filtered);
    cells[at].firstChild.title = `Sort by ${words.toLowerCase()}${filtered ? "; filtered above" : ""}`;
  });
  return { root, cells, show };
}

function tickCell({ state, why, cells }) {
  const box = element("input", { type: "checkbox", tabIndex: -1, checked: state === "on",
    disabled: state === "stays" || state === "out", "aria-hidden": "true" });
  return element("div", { role: "gridcell", class: "users-of-tick", title: why || TICKS[state],
    "aria-label": `${cells[0]}: ${TICKS[state]}` }, box);
}

function drawRow(row, at, columns, base, here) {
  const cells = row.cells.map((words, index) => {
    const name = columns[index + 1][0];
    const cell = element("div", { role: "gridcell", class: `users-of-${name}`, title: words });
    if (name === "verdict") cell.append(element("span", { class: `users-mark users-${words.split(" ").at(-1)}` }));
    cell.append(element("span", { class: "users-cut" }, words));
    return cell;
  });
  const all = [tickCell(row), ...cells];
  all.forEach((cell, index) => { cell.id = `${base}-${at}-${index}`; cell.setAttribute("aria-colindex", index + 1); });
  const made = element("div", { role: "row", class: `users-row users-is-${row.state}`,
    "aria-rowindex": String(at + 2) }, ...all);
  if (!row.why) made.setAttribute("aria-selected", String(row.state === "on"));
  if (here !== null) { made.classList.add("users-here"); all[here].classList.add("users-cursor"); }
  made.dataset.at = at;
  return made;
}

// Which row is at the top, and what the scroll bar shows; a row may be less than a pixel of the scroll bar.
function scrolling(view, pad, count, inner) {
  let [top, set] = [0, -1];
  const rowsIn = () => inner() / ROW;
  const last = () => Math.max(0, count() - rowsIn());
  const tall = () => Math.min(count() * ROW, TALLEST);
  const range = () => Math.max(1, tall() - inner());
  const to = (row) => {
    top = Math.max(0, Math.min(last(), row));
    view.scrollTop = last() ? (top / last()) * range() : 0;
    set = view.scrollTop;
  };
  const size = () => { pad.style.height = `${tall()}px`; if (top > last()) to(top); };
  const follow = () => {
    // What was set here is more exact than what the scroll bar can say.
    if (Math.abs(view.scrollTop - set) < 1) return;
    set = view.scrollTop;
    top = tall() < TALLEST ? set / ROW : (set / range()) * last();
  };
  view.addEventListener("wheel", (event) => {
    if (tall() < TALLEST || event.ctrlKey || !event.deltaY) return;
    event.preventDefault();
    to(top + (event.deltaMode ? event.deltaY : event.deltaY / ROW));
    view.dispatchEvent(new Event("scroll"));
  }, { passive: false });
  const reveal = (row) => {
    if (row < top) to(row);
    else if (row > top + rowsIn() - 1) to(row - rowsIn() + 1);
  };
  return { top: () => Math.max(0, Math.min(top, last())), to, size, follow, reveal, rowsIn };
}

// Rows that the kernel has sent, by where they stand in the list; old ones stay to be seen until new ones come.
function remembering() {
  let [rows, version] = [new Map(), -1];
  const take = (message) => {
    if (message.version !== version || rows.size > 3000) rows = new Map();
    version = message.version;
    message.rows.forEach(([place, state, why, cells], at) =>
      rows.set(message.start + at, { place, state, why, cells }));
  };
  return { take, get: (at) => rows.get(at), version: () => version };
}

function drawRows({ about, ask, onTick, onOpen, sortBy, keepPlace, onEscape }) {
  const { columns } = about;
  const base = freshId();
  const head = drawHead(columns, sortBy);
  const body = element("div", { role: "rowgroup", class: "users-layer" });
  const pad = element("div", { class: "users-pad", role: "presentation" }, body);
  const view = element("div", { role: "grid", tabIndex: 0, class: "users-grid", "aria-label": "Users",
    "aria-colcount": String(columns.length), "aria-multiselectable": "true" },
    element("div", { role: "rowgroup", class: "users-top" }, head.root), pad);
  const nobody = element("p", { class: "users-nobody" });
  const root = element("div", { class: "users-frame" }, view, nobody);
  view.style.height = `${about.height}px`;

  const rows = remembering();
  const cursor = { row: 0, column: 0 };
  let [shown, asked, waiting] = [0, 0, 0];
  const inner = () => Math.max(ROW, view.clientHeight - head.root.offsetHeight);
  const scroll = scrolling(view, pad, () => shown, inner);

  // One question at a time: whoever drags the scroll bar is answered where the bar is, not where it was.
  const request = (start, end) => {
    if (waiting && performance.now() - asked < 2000) return;
    [waiting, asked] = [1, performance.now()];
    ask({ do: "rows", start: Math.max(0, start - AHEAD), end: end + AHEAD });
  };
  const draw = () => {
    const top = scroll.top();
    const [start, end] = [Math.floor(top), Math.min(shown, Math.ceil(top + scroll.rowsIn()) + 1)];
    const made = [];
    let missing = false;
    for (let at = start; at < end; at += 1) {
      const row = rows.get(at);
      if (!row) { missing = true; continue; }
      made.push(drawRow(row, at, columns, base, cursor.row === at ? cursor.column : null));
      made.at(-1).style.top = `${(at - top) * ROW}px`;
    }
    // While rows are on their way those of before are better than an empty page.
    if (made.length || !shown) body.replaceChildren(...made);
    head.cells.forEach((cell, at) => {
      cell.id = `${base}-head-${at}`;
      cell.classList.toggle("users-cursor", cursor.row < 0 && cursor.column === at);
    });
    const id = cursor.row < 0 ? `${base}-head-${cursor.column}` : `${base}-${cursor.row}-${cursor.column}`;
    if (view.querySelector(`#${CSS.escape(id)}`)) view.setAttribute("aria-activedescendant", id);
    else view.removeAttribute("aria-activedescendant");
    if (missing) request(start, end);
  };
  let saving = 0;
  const settle = () => {
    clearTimeout(saving);
    saving = setTimeout(() => keepPlace({ top: scroll.top(), ...cursor }), SETTLE);
  };
  // Where one was before the page was loaded anew, as soon as it is known how many users there are.
  let before = null;
  const start = (here) => { before = here; again(Math.floor(here?.top ?? 0)); };
  const resume = () => {
    Object.assign(cursor, { row: before.row ?? 0, column: before.column ?? 0 });
    cursor.row = Math.min(cursor.row, Math.max(0, shown - 1));
    scroll.to(before.top ?? 0);
    before = null;
  };
  const take = (message) => {
    waiting = 0;
    shown = message.shown;
    rows.take(message);
    cursor.row = Math.min(cursor.row, Math.max(0, shown - 1));
    view.setAttribute("aria-rowcount", String(shown + 1));
    write(nobody, message.empty);
    nobody.hidden = !message.empty;
    scroll.size();
    if (before) resume();
    draw();
  };
  // The choice has changed: the same places of the list, as they are now.
  const again = (top = scroll.top()) => request(Math.floor(top), Math.ceil(top + scroll.rowsIn()));
  // Whoever sorts by the keyboard stays in the headings, to turn the order round.
  const home = () => { cursor.row = Math.min(cursor.row, 0); scroll.to(0); settle(); };

  const move = (row, column) => {
    cursor.row = Math.max(-1, Math.min(shown - 1, row));
    cursor.column = Math.max(0, Math.min(columns.length - 1, column));
    if (cursor.row >= 0) scroll.reveal(cursor.row);
    settle();
    draw();
    view.querySelector(".users-cursor")?.scrollIntoView?.({ block: "nearest", inline: "nearest" });
  };
  const page = () => Math.max(1, Math.floor(scroll.rowsIn()) - 1);
  const keys = {
    ArrowDown: () => move(cursor.row + 1, cursor.column), ArrowUp: () => move(cursor.row - 1, cursor.column),
    ArrowRight: () => move(cursor.row, cursor.column + 1), ArrowLeft: () => move(cursor.row, cursor.column - 1),
    PageDown: () => move(cursor.row + page(), cursor.column),
    PageUp: () => move(Math.max(0, cursor.row - page()), cursor.column),
    Home: () => move(0, cursor.column), End: () => move(shown - 1, cursor.column),
    " ": () => (cursor.row < 0 ? sortBy(columns[cursor.column][0]) : act(onTick)),
    Enter: () => (cursor.row < 0 ? sortBy(columns[cursor.column][0]) : act(onOpen, true)),
    Escape: onEscape,
  };
  const act = (what, byKey = false) => { const row = rows.get(cursor.row); if (row) what(row, byKey); };
  view.addEventListener("keydown", (event) => {
    if (!keys[event.key] || event.target !== view || event.altKey) return;
    event.preventDefault();
    keys[event.key]();
  });
  body.addEventListener("click", (event) => {
    const [line, cell] = [event.target.closest(".users-row"), event.target.closest("[role=gridcell]")];
    if (!line || !cell || String(getSelection())) return;
    [cursor.row, cursor.column] = [+line.dataset.at, [...line.children].indexOf(cell)];
    settle();
    view.focus({ preventScroll: true });
    draw();
    act(cursor.column ? onOpen : onTick);
  });
  // A press on the head must not take the focus from the grid: it is one Tab stop.
  head.root.addEventListener("mousedown", (event) => { event.preventDefault(); view.focus({ preventScroll: true }); });
  let drawing = 0;
  view.addEventListener("scroll", () => {
    scroll.follow();
    settle();
    cancelAnimationFrame(drawing);
    drawing = requestAnimationFrame(draw);
  });
  const watch = new ResizeObserver(() => { scroll.size(); draw(); });
  watch.observe(view);
  const showSort = (looking) => head.show(looking);
  // Where the row of a place stands in the frame, for the form that asks about it.
  const below = () => {
    const line = body.querySelector(".users-here");
    return line ? line.getBoundingClientRect().bottom - root.getBoundingClientRect().top : root.clientHeight;
  };
  return { root, take, again, start, home, showSort, below, version: rows.version,
    focus: () => view.focus({ preventScroll: true }), end: () => watch.disconnect() };
}
