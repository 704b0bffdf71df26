// The page's half of widgets.UserGrid: sends what a person asks for, shows what the kernel answers. It looks nobody up.

const QUIET = 200; // milliseconds without a key after which a search is sent
const SETTLED = 60; // milliseconds after which rows are asked for when something else has changed the choice
const SPEAK = 700; // milliseconds of quiet before the counts are read out
const PATIENCE = 5000; // milliseconds without an answer after which the page says what to do
const HINT = "Take a tick off to keep a user by name. A click on a user, or Enter, shows all that is known.";
const WHICH = [["ticked", "Users in ticked subsets"], ["planned", "Only those who will be in the plan"],
  ["kept", "Only those kept by name"], ["everybody", "Everybody"], ["listed", "The list of IDs"]];

function choosing(words, options, onChange) {
  const box = element("select", {}, ...options.map(([value, text]) => element("option", { value }, text)));
  box.addEventListener("change", () => onChange(box.value));
  // Around the box, a label would be read out with the value of the box in its name.
  const label = element("label", {}, words);
  label.htmlFor = box.id = freshId();
  return { box, root: element("span", { class: "users-labelled" }, label, box) };
}

// A value may be empty itself (no user group), so that the options are numbered.
function narrowing(words, options, onChange) {
  const made = choosing(words, [["", "all"], ...options.map(([, text], at) => [String(at), text])],
    (at) => onChange(at === "" ? null : options[+at][0]));
  const show = (value) => {
    const at = options.findIndex(([one]) => one === value);
    made.box.value = at < 0 ? "" : String(at);
  };
  return { root: made.root, show };
}

function drawBar(about, look, ask) {
  const which = choosing("Show", WHICH, (value) => look({ which: value }));
  const filters = {
    verdict: narrowing("Verdict", about.verdicts.map((one) => [one, one]), (value) => look({ verdict: value })),
    user_group: narrowing("User group", about.groups, (value) => look({ user_group: value })),
    reason: narrowing("Reason", about.reasons, (value) => look({ reason: value })),
  };
  const search = element("input", { type: "search", autocomplete: "off", spellcheck: "false" });
  let later = 0;
  const send = () => { clearTimeout(later); look({ search: search.value }); };
  // While somebody types the first letters the kernel makes ready for them.
  search.addEventListener("focus", () => ask({ do: "ready" }), { once: true });
  search.addEventListener("input", () => { clearTimeout(later); later = setTimeout(send, QUIET); });
  search.addEventListener("keydown", (event) => { if (event.key === "Enter") send(); });
  const clear = button("Clear search and filters", () => {
    search.value = "";
    look({ search: "", verdict: null, user_group: null, reason: null });
    search.focus();
  });
  const root = element("div", { class: "users-line users-bar" },
    element("label", { class: "users-search" }, "Search primary ID or name ", search), which.root,
    ...Object.values(filters).map((one) => one.root), clear);
  const show = (view, listed) => {
    which.box.value = view.which;
    which.box.querySelector("[value=listed]").hidden = !listed.sentence;
    for (const [name, one] of Object.entries(filters)) one.show(view[name]);
    // What somebody types just now is newer than what the kernel knows.
    if (document.activeElement !== search) search.value = view.search;
    clear.hidden = !(view.search || view.verdict !== null || view.user_group !== null || view.reason !== null);
  };
  return { root, show };
}

function drawUserSteps(ask) {
  const made = [["undo", "Undo", "Control+Z"], ["redo", "Redo", "Control+Y"]].map(([what, words, keys]) =>
    [what, button(words, () => can[what] && ask({ do: what }), { "aria-keyshortcuts": keys })]);
  let can = {};
  const show = (steps) => {
    can = steps;
    for (const [what, one] of made) one.setAttribute("aria-disabled", String(!can[what]));
  };
  return { root: element("div", { class: "users-line" }, ...made.map(([, one]) => one)), show };
}

// The counts are seen at once, and read out once after the last of several changes.
function drawCounts() {
  const seen = element("p", { class: "users-counts" });
  const spoken = element("div", { class: "users-spoken", role: "status", "aria-live": "polite" });
  let later = 0;
  const show = (sentence) => {
    write(seen, sentence);
    clearTimeout(later);
    later = setTimeout(() => write(spoken, sentence), SPEAK);
  };
  return { seen, spoken, show };
}

// Sends what a person does, and says so when nobody answers.
function talkingTo(model, late, said) {
  const who = freshId();
  let [sent, timer] = [0, 0];
  const ask = (message) => {
    sent += 1;
    timer ||= setTimeout(() => write(late, "No answer yet: another cell may be running. If the kernel was restarted, "
      + "run this cell again."), PATIENCE);
    // What was said of the last step is not true of the next.
    if (!["rows", "detail", "ready"].includes(message.do)) write(said, "");
    model.send({ ...message, who, number: sent });
  };
  const heard = () => { clearTimeout(timer); timer = 0; write(late, ""); };
  return { ask, heard, mine: (message) => message.who === who };
}

// JupyterLab would take these keys for commands of its own; in a text field they undo what was typed.
function keysOf(root, ask) {
  root.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (!(event.ctrlKey || event.metaKey) || event.altKey || event.target.matches("textarea, input")) return;
    const key = event.key.toLowerCase();
    const what = key === "y" || (key === "z" && event.shiftKey) ? "redo" : key === "z" ? "undo" : "";
    if (!what) return;
    event.preventDefault();
    ask({ do: what });
  });
}

function buildGrid(model, talk, said) {
  const { ask } = talk;
  const about = model.get("about");
  const look = (view) => { rows.home(); ask({ do: "look", view }); };
  const sortBy = (name) => {
    const { sort, down } = model.get("view");
    look({ sort: name, down: name === sort && !down });
  };
  const tick = (row) => {
    if (row.why) { write(said, `${row.cells[0]} ${row.cells[1]}: ${row.why}.`); return; }
    asking.open(row, row.state === "on");
    asking.root.style.top = `${Math.min(rows.below(), about.height - 110)}px`;
  };
  let [byKey, whose] = [false, null];
  const open = (row, key) => {
    [byKey, whose] = [key, { do: "detail", place: row.place, primary_id: row.cells[0] }];
    ask(whose);
  };
  const rows = drawRows({ about, ask, sortBy, onTick: tick, onOpen: open, onEscape: () => detail.close() });
  const asking = drawAsking(ask, rows.focus);
  const detail = drawDetail(rows.focus);
  rows.root.append(asking.root);
  const showDetail = (user) => { detail.show(user, byKey); byKey = false; };
  return { rows, asking, detail, look, showDetail, renewDetail: () => { if (detail.open()) ask(whose); } };
}

function render({ model, el }) {
  const late = element("div", { class: "users-late", role: "status" });
  const said = element("div", { class: "users-said", role: "status", "aria-live": "polite" });
  const talk = talkingTo(model, late, said);
  const grid = buildGrid(model, talk, said);
  const bar = drawBar(model.get("about"), grid.look, talk.ask);
  const [steps, list, log, counts] = [drawUserSteps(talk.ask), drawList(talk.ask), drawLog(), drawCounts()];
  const root = element("div", { class: "purge-users", "data-lm-suppress-shortcuts": "true" }, bar.root, list.root,
    element("div", { class: "users-line users-under" }, counts.seen, steps.root), counts.spoken, late,
    element("div", { class: "users-words" }, said, element("p", { class: "users-hint" }, HINT)),
    element("div", { class: "users-beside" }, grid.rows.root, grid.detail.root), log.root);
  keysOf(root, talk.ask);

  const show = () => {
    bar.show(model.get("view"), model.get("listed"));
    grid.rows.showSort(model.get("view"));
    list.show(model.get("listed"));
    steps.show(model.get("steps"));
    log.show(model.get("said"));
    grid.asking.remember(model.get("said"));
  };
  // A search brings its rows along; what else changes the choice does not.
  let later = 0;
  const renew = () => {
    clearTimeout(later);
    later = setTimeout(() => { if (grid.rows.version() !== model.get("version")) grid.rows.again(); }, SETTLED);
  };
  const changed = () => { show(); renew(); grid.renewDetail(); };
  const answers = {
    keep: (answer) => { grid.asking.heard(answer); if (answer.good) write(said, answer.text); },
    release: (answer) => answers.keep(answer), list: list.heard, drop_list: list.heard, keep_list: list.heard,
    detail: (answer) => (answer.good ? grid.showDetail(answer.detail) : write(said, answer.text)),
  };
  const hear = (message) => {
    talk.heard();
    if (message.kind === "rows") { grid.rows.take(message); counts.show(message.sentence); renew(); }
    else if (talk.mine(message)) answers[message.about]?.(message);
  };
  model.on("change", changed);
  model.on("msg:custom", hear);
  el.append(root);
  show();
  grid.rows.again();
  return () => { model.off("change", changed); model.off("msg:custom", hear); grid.rows.end(); };
}

export default { render };
