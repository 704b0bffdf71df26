// The facets beside the table: which values may go, which reasons are left out, and how many of the ticked have each.

// A box with its words and a place for its number; the number is read as the description of the box.
function counted(words, boxLabel, change) {
  const id = freshId();
  const box = element("input", { type: "checkbox", "aria-describedby": id });
  if (boxLabel) box.setAttribute("aria-label", boxLabel);
  box.addEventListener("change", () => change(box.checked));
  const count = element("span", { class: "purge-count", id });
  const line = element("div", { class: "purge-value" }, element("label", { title: words }, box,
    element("span", {}, words)), count);
  return { box, count, line };
}

// What is not allowed any more says how many it leaves out, so that nobody wonders where they went.
function showCount({ box, count, line }, on, ticked, leftOut, crossed) {
  box.checked = on;
  line.classList.toggle("purge-left-out", crossed && leftOut > 0);
  write(count, crossed && leftOut ? `${number(leftOut)} left out` : number(ticked));
}

function drawFacet({ facet, name, values, users }, ask) {
  const lines = values.map((words, value) => counted(words, "", (on) => ask({ do: "narrow", facet, value, on })));
  // As the filter of a spreadsheet has it: one box for all of a long list.
  const all = counted("(all)", `All of ${name}`, (on) => ask({ do: "narrow", facet, value: null, on }));
  const held = users.filter(Boolean).length;
  all.line.hidden = held < 3;
  const list = element("div", { class: "purge-values" }, all.line, ...lines.map((one) => one.line));
  const root = element("fieldset", {}, element("legend", {}, name), list);
  const same = element("li", {}, `${name}: ${values[users.findIndex(Boolean)] ?? ""}`);
  const show = ([on, ticked, leftOut]) => {
    lines.forEach((one, at) => {
      showCount(one, on[at], ticked[at], leftOut[at], !on[at]);
      one.line.hidden = !users[at] && on[at];
    });
    const many = on.filter(Boolean).length;
    all.box.checked = many === on.length;
    all.box.indeterminate = many > 0 && many < on.length;
    // A facet in which all are alike narrows nothing, unless the text says so.
    root.hidden = held < 2 && on.every(Boolean);
    same.hidden = !root.hidden || !held;
  };
  return { facet, root, same, show };
}

function drawReasons(reasons, ask) {
  const lines = reasons.map(({ words }, reason) =>
    counted(words, `Leave out: ${words}`, (on) => ask({ do: "leave_out", reason, on })));
  const root = element("fieldset", {}, element("legend", {}, "Leave out, of those to be checked live"),
    element("div", { class: "purge-values" }, ...lines.map((one) => one.line)));
  const show = ([out, ticked, spared]) => {
    lines.forEach((one, at) => {
      showCount(one, out[at], ticked[at], spared[at], out[at]);
      // What makes users stay needs no box, unless the text leaves it out.
      one.line.hidden = !reasons[at].later && !out[at];
    });
    root.hidden = lines.every((one) => one.line.hidden);
  };
  return { root, show };
}

function drawFacets(table, ask) {
  const facets = table.facets.map((one) => drawFacet(one, ask));
  const reasons = drawReasons(table.reasons, ask);
  const why = element("ul", { class: "purge-why" });
  const whyBox = element("section", {}, element("h4", {}, "Why ticked users will stay"), why);
  const same = element("section", {}, element("h4", {}, "The same for everybody"),
    element("ul", {}, ...facets.map((one) => one.same)));
  const root = element("div", { class: "purge-facets", role: "group", "aria-label": "Narrow what is ticked" },
    element("p", {}, "Untick what must not go. Numbers: how many of the ticked users."),
    element("div", { class: "purge-columns" }, ...facets.map((one) => one.root), reasons.root, whyBox, same));
  const show = (counts) => {
    facets.forEach((one) => one.show(counts.facets[one.facet]));
    reasons.show(counts.reasons);
    why.replaceChildren(...counts.why.map(([words, n]) => element("li", {}, element("span", {}, words),
      element("span", { class: "purge-count" }, number(n)))));
    whyBox.hidden = !counts.why.length;
    same.hidden = facets.every((one) => one.same.hidden);
  };
  return { root, show };
}
