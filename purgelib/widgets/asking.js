// What the pages of picker and grid do alike: waiting for an answer, stepping back, reading out, asking for a reason.

const PATIENCE = 5000; // milliseconds without an answer after which the page says what to do
const SPEAK = 700; // milliseconds of quiet before numbers are read out

// Says so when nobody answers.
function patience(late) {
  let timer = 0;
  const heard = () => { clearTimeout(timer); timer = 0; write(late, ""); };
  const wait = () => {
    timer ||= setTimeout(() => write(late, "No answer yet: another cell may be running. If the kernel was restarted, "
      + "run this cell again."), PATIENCE);
  };
  return { wait, heard };
}

// Numbers are seen at once, and read out once after the last of several changes.
function speaking(place) {
  let later = 0;
  return (sentence, soon = false) => {
    clearTimeout(later);
    later = setTimeout(() => write(place, sentence), soon ? 0 : SPEAK);
  };
}

// The notebook would take these keys for commands of its own; in a text field they undo what was typed.
function stepKeys(root, ask) {
  root.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (!(event.ctrlKey || event.metaKey) || event.altKey) return;
    if (event.target.matches("textarea, select, input:not([type=checkbox])")) return;
    const key = event.key.toLowerCase();
    const what = key === "y" || (key === "z" && event.shiftKey) ? "redo" : key === "z" ? "undo" : "";
    if (!what) return;
    event.preventDefault();
    ask({ do: what });
  });
}

// Buttons for steps; one that can do nothing now is greyed, but keeps the focus.
function drawSteps(ask, more = []) {
  const steps = [["undo", "Undo", "Control+Z"], ["redo", "Redo", "Control+Y"], ...more];
  let can = {};
  const made = steps.map(([what, words, keys, title]) => button(words, () => can[what] && ask({ do: what }),
    keys ? { "aria-keyshortcuts": keys, title: `${words} (${keys.replace("Control", "Ctrl")})` } : { title }));
  const show = (now) => {
    can = now;
    steps.forEach(([what], at) => made[at].setAttribute("aria-disabled", String(!can[what])));
  };
  return { root: element("div", { class: "purge-steps" }, ...made), show };
}

// Asks why; Enter says it, Esc leaves everything as it is. The last reason of either kind is offered again.
function drawAsking(ask, back) {
  const question = element("label", { class: "ask-question" });
  const reason = element("input", { type: "text", autocomplete: "off", required: false });
  const yes = element("button", { type: "submit" });
  const no = button("Leave as it is (Esc)", () => close());
  const said = element("div", { class: "ask-refused", role: "alert" });
  const form = element("form", { class: "ask-form", hidden: true },
    question, element("div", { class: "ask-answer" }, reason, yes, no), said);
  question.htmlFor = reason.id = freshId();
  let about = null;
  const last = {};
  const open = (message, words, does) => {
    about = message;
    write(question, words);
    write(yes, does);
    write(said, "");
    reason.value = last[about.do] ?? "";
    form.hidden = false;
    reason.focus();
    reason.select();
  };
  const close = () => {
    if (form.hidden) return;
    form.hidden = true;
    back(about);
    about = null;
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    ask({ ...about, reason: reason.value });
  });
  form.addEventListener("keydown", (event) => { if (event.key === "Escape") close(); });
  const heard = (answer) => {
    if (answer.good) { close(); return; }
    write(said, answer.text);
    reason.focus();
  };
  return { root: form, open, close, heard, offer: (what, why) => { last[what] = why; }, about: () => about };
}
