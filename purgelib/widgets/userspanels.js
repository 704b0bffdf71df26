// Beside the rows: a user's detail, the list of IDs, the reasons given.

function pairs(list) {
  return element("dl", {}, ...list.flatMap(([label, words]) =>
    [element("dt", {}, label), element("dd", words === "not known" ? { class: "users-unknown" } : {}, words)]));
}

function bullets(title, list) {
  return list.length ? [element("h5", {}, title), element("ul", {}, ...list.map((one) => element("li", {}, one)))] : [];
}

function rulesTable(rules) {
  const head = element("tr", {}, ...["What is asked", "Answer"].map((one) => element("th", { scope: "col" }, one)));
  const lines = rules.map(([asked, answer, why]) => element("tr", { class: answer === "may go" ? "" : "users-against" },
    element("td", {}, asked), element("td", {}, element("b", {}, answer), why ? `: ${why}` : "")));
  return element("table", {}, element("thead", {}, head), element("tbody", {}, ...lines));
}

// All that is known of one user.
function drawDetail(back) {
  const title = element("h4", { tabIndex: -1 });
  const body = element("div");
  const root = element("section", { class: "users-detail", "aria-label": "A user's detail", hidden: true },
    element("div", { class: "users-title" }, title, button("Close (Esc)", () => close())), body);
  const close = () => {
    if (root.hidden) return false;
    root.hidden = true;
    back();
    return true;
  };
  root.addEventListener("keydown", (event) => { if (event.key === "Escape") close(); });
  const show = (user, focus) => {
    write(title, user.title);
    body.replaceChildren(element("p", {}, user.sentence), ...bullets("What staff said", user.staff),
      ...bullets("Reasons", user.reasons), element("div", { class: "users-pair" },
        element("div", {}, element("h5", {}, "Facts"), pairs(user.facts)),
        element("div", {}, element("h5", {}, "Every rule's answer"), rulesTable(user.rules))));
    root.hidden = false;
    root.scrollTop = 0;
    if (focus) title.focus();
  };
  return { root, show, close, open: () => !root.hidden };
}

const BIG = 5_000_000; // bytes; a list of IDs is smaller

// Alma, Analytics and Excel write different alphabets; the first bytes, or a wrong letter, tell which.
async function textOf(file) {
  if (file.size > BIG) throw new Error(`${file.name} is too large for a list of IDs.`);
  const bytes = new Uint8Array(await file.arrayBuffer());
  if (bytes[0] === 0x50 && bytes[1] === 0x4b) {
    throw new Error(`${file.name} is an Excel workbook: copy the column of IDs and paste it here, or save it as CSV.`);
  }
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return new TextDecoder("utf-16le").decode(bytes);
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return new TextDecoder("utf-16be").decode(bytes);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("windows-1252").decode(bytes);
  }
}

function drawList(ask) {
  let read = "";
  const text = element("textarea", { rows: "5", spellcheck: "false", autocomplete: "off" });
  const file = element("input", { type: "file", accept: ".txt,.csv,.tsv,text/plain,text/csv" });
  const said = element("div", { class: "users-said", role: "status", "aria-live": "polite" });
  const reason = element("input", { type: "text", size: "36", autocomplete: "off" });
  const keep = element("form", { class: "users-line" }, element("label", {}, "Reason", reason),
    element("button", { type: "submit" }, "Keep all of these"));
  const drop = button("Put the list away", () => { text.value = read = ""; ask({ do: "drop_list" }); });
  const tell = (words, good) => { write(said, words); said.classList.toggle("users-refused", !good); };
  file.addEventListener("change", async () => {
    if (!file.files.length) return;
    try {
      text.value = await textOf(file.files[0]);
      send();
    } catch (error) {
      tell(error.message, false);
    }
    // The same file, changed since, can be loaded again.
    file.value = "";
  });
  keep.addEventListener("submit", (event) => {
    event.preventDefault();
    ask({ do: "keep_list", reason: reason.value });
  });
  const root = element("details", { class: "users-list" }, element("summary", {}, "Paste or load a list of IDs"),
    element("label", { class: "users-above" }, "Primary IDs, one per line", text),
    element("div", { class: "users-line" }, button("Show these users", () => send()),
      element("label", {}, "or load a text or CSV file (its first column)", file), drop), said, keep);
  // Only those are kept who are shown: a list that was changed since is shown first.
  const show = (listed = now) => {
    now = listed;
    keep.hidden = !listed.users || text.value !== read;
    drop.hidden = !listed.sentence;
    if (listed.sentence && !said.textContent) { tell(listed.sentence, true); root.open = true; }
  };
  let now = {};
  const send = () => { read = text.value; ask({ do: "list", text: read }); show(); };
  text.addEventListener("input", () => show());
  const heard = (answer) => {
    tell(answer.text, answer.good);
    if (answer.good && answer.about === "keep_list") reason.value = "";
  };
  return { root, show, heard };
}

// The reasons given in this session, also those of ticking again, which the choice does not hold.
function drawLog() {
  const title = element("summary");
  const list = element("ul");
  const root = element("details", {}, title, list);
  const show = (log) => {
    root.hidden = !log.length;
    write(title, `Reasons given in this session: ${number(log.length)}`);
    list.replaceChildren(...log.map(([when, done, whom, why]) =>
      element("li", {}, `${when} `, element("b", {}, whom), ` ${done}: ${why}`)));
  };
  return { root, show };
}
