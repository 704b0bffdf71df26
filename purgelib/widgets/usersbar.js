// Above the rows: which users are shown, the search, a filter per column with counts.

const QUIET = 200; // milliseconds without a key after which a search is sent
const WHICH = [["ticked", "Users in ticked subsets"], ["planned", "Only those who will be in the plan"],
  ["kept", "Only those kept by name"], ["everybody", "Everybody"], ["listed", "The list of IDs"]];

function labelled(words, box) {
  // Around the box, a label would be read out with the value of the box in its name.
  const label = element("label", {}, words);
  label.htmlFor = box.id = freshId();
  return element("span", { class: "users-labelled" }, label, box);
}

function choosing(words, options, onChange) {
  const box = element("select", {}, ...options.map(([value, text]) => element("option", { value }, text)));
  box.addEventListener("change", () => onChange(box.value));
  return { box, root: labelled(words, box) };
}

// As the filter of a spreadsheet: each value with how many users it would show; those with none are not offered.
function valueFilter([name, words, options], look) {
  const box = element("select", {}, element("option", { value: "all" }, "all"),
    ...options.map(([, text]) => element("option", { value: text }, text)));
  box.addEventListener("change", () =>
    look({ [name]: box.selectedIndex ? options[box.selectedIndex - 1][0] : null }));
  const show = (view) => {
    box.selectedIndex = 1 + options.findIndex(([value]) => value === view[name]);
    box.classList.toggle("users-filtering", box.selectedIndex > 0);
  };
  const count = (counts) => counts[name].forEach((n, at) => {
    const option = box.options[at];
    write(option, `${at ? options[at - 1][1] : "all"} (${number(n)})`);
    option.hidden = at > 0 && !n && at !== box.selectedIndex;
  });
  return { root: labelled(words, box), show, count };
}

// What is typed is sent after a pause, and not written over while somebody is in the box.
function typing(box, name, look) {
  let later = 0;
  const send = () => {
    clearTimeout(later);
    later = 0;
    look({ [name]: name === "search" ? box.value : box.value || null });
  };
  box.addEventListener("input", () => { clearTimeout(later); later = setTimeout(send, QUIET); });
  box.addEventListener("keydown", (event) => { if (event.key === "Enter") send(); });
  const show = (view) => {
    // What somebody types just now is newer than what the kernel knows.
    if (!later && document.activeElement !== box) box.value = view[name] ?? "";
    box.classList.toggle("users-filtering", Boolean(view[name]));
  };
  return { show, forget: () => { clearTimeout(later); later = 0; box.value = ""; } };
}

function drawBar(about, look, ask) {
  const which = choosing("Show", WHICH, (value) => look({ which: value }));
  const search = element("input", { type: "search", autocomplete: "off", spellcheck: "false" });
  // While somebody types the first letters the kernel makes ready for them.
  search.addEventListener("focus", () => ask({ do: "ready" }), { once: true });
  const [from, to] = [0, 1].map(() => element("input", { type: "date", max: "9999-12-31",
    title: "Whoever has no expiry date is not shown then" }));
  to.setAttribute("aria-label", "Expiry date to");
  const typed = [typing(search, "search", look), typing(from, "expires_from", look), typing(to, "expires_to", look)];
  const values = about.filters.map((one) => valueFilter(one, look));
  const nothing = Object.fromEntries([...about.filters.map(([name]) => [name, null]),
    ["expires_from", null], ["expires_to", null], ["search", ""]]);
  const clear = button("Clear search and filters", () => {
    for (const one of typed) one.forget();
    look(nothing);
    search.focus();
  });
  const root = element("div", { role: "search", "aria-label": "Users to show" },
    element("div", { class: "users-line users-bar" }, which.root,
      element("label", { class: "users-search" }, "Search primary ID or name ", search)),
    element("div", { class: "users-line users-filters", role: "group", "aria-label": "Filters" },
      ...values.map((one) => one.root), element("span", { class: "users-labelled" },
        labelled("Expiry date from", from), labelled("to", to)), clear));
  const show = (view, listed) => {
    which.box.value = view.which;
    which.box.querySelector("[value=listed]").hidden = !listed.sentence;
    for (const one of [...values, ...typed]) one.show(view);
    clear.hidden = Object.entries(nothing).every(([name, value]) => view[name] === value);
  };
  return { root, show, count: (counts) => { for (const one of values) one.count(counts); } };
}
