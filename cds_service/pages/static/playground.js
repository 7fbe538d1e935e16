// Brings the chart of the patient that is picked, keeps what was typed for each, and copies. All else works without it.
"use strict";
const form = document.getElementById("playground");
const patient = form.elements.patient;
const chart = form.elements.chart;
const loaded = form.elements.loaded;
const typed = new Map(); // by patient: the text as it was left, with what belongs to it
const about = document.getElementById("about");
const fits = document.getElementById("fits"); // the order that suits the patient
let shown = { name: loaded.value, about: about.textContent, order: fits.textContent };

async function read(name) {
  const answer = await fetch(patient.dataset.charts.replace("NAME", encodeURIComponent(name)));
  if (!answer.ok) throw new Error("HTTP " + answer.status);
  return answer.json();
}

function show(name, found) {
  chart.value = found.chart;
  loaded.value = name;
  about.textContent = found.about;
  fits.textContent = found.order;
  form.elements.order.value = "";
  shown = { name: name, about: found.about, order: found.order };
}

function forgetAnswer() {
  // Cards of one patient must not stand beside the name of another.
  document.getElementById("result").hidden = true;
  const raw = document.getElementById("raw");
  if (raw) raw.hidden = true;
  chart.removeAttribute("aria-invalid");
}

patient.addEventListener("change", async () => {
  typed.set(shown.name, { chart: chart.value, about: shown.about, order: shown.order });
  const name = patient.value;
  forgetAnswer();
  try {
    const found = typed.get(name) || (await read(name));
    if (patient.value === name) show(name, found);
  } catch (error) {
    // The server takes the chart of the patient that is picked, whatever text stands here.
    about.textContent = "The chart could not be shown here; it will be opened all the same.";
  }
});

for (const button of document.querySelectorAll("button.copy")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const text = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(text.textContent);
      button.textContent = "Copied";
    } catch (error) {
      window.getSelection().selectAllChildren(text);
      button.textContent = "Selected: copy it with the keyboard";
    }
  });
}
