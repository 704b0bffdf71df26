// What every widget's page needs: making elements, writing numbers and texts.

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

// Text that is the same must not be read out again.
function write(place, text) {
  if (place.textContent !== text) place.textContent = text;
}

function button(words, act, attributes = {}) {
  const made = element("button", { type: "button", ...attributes }, words);
  made.addEventListener("click", act);
  return made;
}

let numbered = 0;
const freshId = () => `purge-${Date.now().toString(36)}-${(numbered += 1)}`;
