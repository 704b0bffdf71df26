// The page's half of widgets.UserGrid: sends what a person asks for, shows what the kernel answers. It looks nobody up.

const SETTLED = 60; // milliseconds after which rows are asked for when something else has changed the choice
const HINT = "Take a tick off to keep a user by name. A click on a user, or Enter, shows all that is known.";
function drawCounts() {
  const seen = element("p", { class: "users-counts" });
  const spoken = element("div", { class: "users-spoken", role: "status", "aria-live": "polite" });
  const speak = speaking(spoken);
  return { seen, spoken, show: (sentence) => { write(seen, sentence); speak(sentence); } };
}

// Sends what a person does, and says so when nobody answers.
function talkingTo(model, late, said) {
  const who = freshId();
  const { wait, heard } = patience(late);
  let sent = 0;
  const ask = (message) => {
    sent += 1;
    wait();
    // What was said of the last step is not true of the next.
    if (!["rows", "detail", "ready"].includes(message.do)) write(said, "");
    model.send({ ...message, who, number: sent });
  };
  return { ask, heard, mine: (message) => message.who === who };
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
    const [keep, who] = [row.state === "on", `${row.cells[0]} ${row.cells[1]}`.trim()];
    asking.open({ do: keep ? "keep" : "release", place: row.place, primary_id: row.cells[0] },
      keep ? `Why is ${who} to be kept?` : `${who} is kept by name. Why tick this user again?`,
      keep ? "Keep this user" : "Tick again");
    asking.root.style.top = `${Math.min(rows.below(), about.height - 110)}px`;
  };
  let [byKey, whose] = [false, null];
  const open = (row, key) => {
    [byKey, whose] = [key, { do: "detail", place: row.place, primary_id: row.cells[0] }];
    ask(whose);
  };
  const keepPlace = (here) => { model.set("here", here); model.save_changes(); };
  const rows = drawRows({ about, ask, sortBy, keepPlace, onTick: tick, onOpen: open, onEscape: () => detail.close() });
  const asking = drawAsking(ask, () => rows.focus());
  const detail = drawDetail(rows.focus);
  asking.root.classList.add("users-asking");
  rows.root.append(asking.root);
  const showDetail = (user) => { detail.show(user, byKey); byKey = false; };
  return { rows, asking, detail, look, showDetail, renewDetail: () => { if (detail.open()) ask(whose); } };
}

function render({ model, el }) {
  const late = element("div", { class: "users-late", role: "status" });
  const said = element("div", { class: "users-said", role: "status", "aria-live": "polite" });
  const outdated = element("p", { class: "users-outdated", role: "status" },
    "These are the users of earlier exports: run this cell again to see those of now.");
  const talk = talkingTo(model, late, said);
  const grid = buildGrid(model, talk, said);
  const bar = drawBar(model.get("about"), grid.look, talk.ask);
  const [steps, list, log, counts] = [drawSteps(talk.ask), drawList(talk.ask), drawLog(), drawCounts()];
  const root = element("div", { class: "purge-widget purge-users", "data-lm-suppress-shortcuts": "true" }, outdated, bar.root, list.root,
    element("div", { class: "users-line users-under" }, counts.seen, steps.root), counts.spoken, late,
    element("div", { class: "users-words" }, said, element("p", { class: "users-hint" }, HINT)),
    element("div", { class: "users-beside" }, grid.rows.root, grid.detail.root), log.root);
  stepKeys(root, talk.ask);

  const show = () => {
    bar.show(model.get("view"), model.get("listed"));
    outdated.hidden = !model.get("outdated");
    grid.rows.showSort(model.get("view"));
    list.show(model.get("listed"));
    steps.show(model.get("steps"));
    log.show(model.get("said"));
    for (const [, done, , why] of [...model.get("said")].reverse()) {
      grid.asking.offer(done === "kept" ? "keep" : "release", why);
    }
  };
  // A search brings its rows along; what else changes the choice does not.
  let later = 0;
  const renew = (detail) => {
    clearTimeout(later);
    later = setTimeout(() => {
      if (grid.rows.version() !== model.get("version")) grid.rows.again();
      if (detail) grid.renewDetail();
    }, SETTLED);
  };
  // Where somebody is in the list changes nothing that is shown.
  const shown = ["about", "version", "view", "listed", "said", "steps", "outdated"].map((one) => `change:${one}`).join(" ");
  const changed = () => { show(); renew(true); };
  const answers = {
    keep: (answer) => { grid.asking.heard(answer); if (answer.good) write(said, answer.text); },
    release: (answer) => answers.keep(answer), list: list.heard, drop_list: list.heard, keep_list: list.heard,
    detail: (answer) => (answer.good ? grid.showDetail(answer.detail) : write(said, answer.text)),
  };
  const hear = (message) => {
    talk.heard();
    if (message.kind === "rows") {
      grid.rows.take(message);
      bar.count(message.counts);
      counts.show(message.sentence);
      renew();
    }
    else if (talk.mine(message)) answers[message.about]?.(message);
  };
  model.on(shown, changed);
  model.on("msg:custom", hear);
  el.append(root);
  show();
  grid.rows.start(model.get("here"));
  return () => { model.off(shown, changed); model.off("msg:custom", hear); grid.rows.end(); };
}

export default { render };
