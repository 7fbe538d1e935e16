// The companion's page: the SINS total while it is filled in, and every change kept on the server.
"use strict";

const work = document.getElementById("work");
const total = document.getElementById("total-sins");
const saved = document.getElementById("saved");

// The points stand on the answers and the meaning of each total on the output: nothing of the score is written here.
function items() {
  return [...work.querySelectorAll("fieldset")]
    .map((item) => [...item.querySelectorAll("input[name^='sins.'][data-points]")])
    .filter((answers) => answers.length);
}

function showTotal() {
  let lowest = 0, highest = 0, open = 0;
  for (const answers of items()) {
    const points = answers.map((one) => Number(one.dataset.points));
    const chosen = answers.find((one) => one.checked);
    lowest += chosen ? Number(chosen.dataset.points) : Math.min(...points);
    highest += chosen ? Number(chosen.dataset.points) : Math.max(...points);
    open += chosen ? 0 : 1;
  }
  const bands = JSON.parse(total.dataset.bands);
  const meaning = bands[lowest] === bands[highest] ? `, ${bands[lowest]}` : "";
  const missing = open ? ` (${open} of ${items().length} items open)` : "";
  total.textContent = `${lowest === highest ? lowest : `${lowest} to ${highest}`}${meaning}${missing}`;
}

// Only where nobody has answered: what a clinician has chosen stays, and a contradiction is shown beside it.
function followLevel(level) {
  const points = level.selectedOptions[0].dataset.location;
  const answered = work.querySelector("input[name='sins.location'][data-points]:checked");
  const answer = points && work.querySelector(`input[name='sins.location'][value='${CSS.escape(points)}']`);
  if (answer && !answered) answer.checked = true;
}

function showWrong(found) {
  for (const place of work.querySelectorAll(".wrong")) {
    const name = place.id.replace(/-wrong$/, "");
    const said = found.querySelector(`li[data-wrong="${CSS.escape(name)}"]`);
    const field = document.getElementById(name);
    place.textContent = said ? said.textContent : "";
    if (field && said) field.setAttribute("aria-invalid", "true");
    if (field && !said) field.removeAttribute("aria-invalid");
  }
}

function showTotals(html) {
  const found = new DOMParser().parseFromString(html, "text/html");
  showWrong(found);
  for (const one of found.querySelectorAll("li[data-section]")) {
    const output = document.getElementById(`total-${one.dataset.section}`);
    if (output && output !== total) output.textContent = one.textContent.trim();
  }
}

let waiting, sending = Promise.resolve(), changed = false, newest;

// One save after the other: what was sent last must also arrive last.
function save() {
  clearTimeout(waiting);
  if (!changed) return sending;
  changed = false;
  const body = newest = new URLSearchParams(new FormData(work));
  sending = sending.then(() => send(body));
  return sending;
}

async function send(body) {
  try {
    const answer = await fetch(work.dataset.save, {
      method: "POST", body, keepalive: true, headers: { "X-Requested-With": "fetch" },
    });
    if (!answer.ok) throw new Error(answer.status);
    const found = await answer.text();
    if (changed || body !== newest) return;  // there is something newer, which is not saved yet
    showTotals(found);
    saved.textContent = "Saved.";
  } catch {
    saved.textContent = "Not saved. Press Save to see why.";
  }
}

if (work) {
  work.addEventListener("change", (event) => {
    if (event.target.name === "sins.level") followLevel(event.target);
    showTotal();
    changed = true;
    saved.textContent = "";
    clearTimeout(waiting);
    waiting = setTimeout(save, 300);
  });
  work.addEventListener("submit", () => { changed = false; clearTimeout(waiting); });  // the form itself is sent
  addEventListener("pagehide", save);
  for (const one of work.querySelectorAll(".unscripted")) one.hidden = true;
  showTotal();
}

// A second press would be a second request. The server sends each result once, but one press is enough.
for (const form of document.querySelectorAll("form[data-once]")) {
  const press = (ready) => {
    for (const button of form.querySelectorAll("button")) button.disabled = !ready;
  };
  form.addEventListener("submit", () => setTimeout(press, 0, false));
  addEventListener("pageshow", () => press(true));  // who comes back by the browser's button can press again
}
