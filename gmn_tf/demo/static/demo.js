"use strict";

// All that this page keeps: the samples with their features, and the classes
// that were added. The server keeps nothing between two requests.
const samples = [];
const added = [];
let description = null; // what the sliders say: { values, strongest }
let drawn = 0; // number of the last question, whose answer counts

const byId = (id) => document.getElementById(id);
const largest = Number(document.body.dataset.largest); // megabytes

function element(tag, options = {}, ...children) {
  const { text, ...others } = options;
  const made = Object.assign(document.createElement(tag), others);
  if (text !== undefined) made.textContent = text;
  made.append(...children);
  return made;
}

async function ask(address, content) {
  const options = { method: "POST" };
  if (content instanceof FormData) options.body = content;
  else {
    options.headers = { "Content-Type": "application/json" };
    options.body = JSON.stringify(content ?? {});
  }
  let response;
  try {
    response = await fetch(address, options);
  } catch {
    throw { problem: "The server does not answer.", action: "Is bin/demo still running?" };
  }
  let found = null;
  try {
    found = await response.json();
  } catch {
    /* as of a server that fails */
  }
  if (!response.ok) {
    throw found?.problem ? found : { problem: "The server failed.", action: "See what bin/demo printed." };
  }
  return found;
}

function sentence(error) {
  if (!error.problem) return String(error);
  const lines = [error.problem];
  if (error.expected) lines.push(`Expected: ${error.expected}. Received: ${error.received}.`);
  lines.push(error.action);
  return lines.filter(Boolean).join("\n");
}

// For screen readers: the cards are drawn anew each time, and not read out.
function tell(text) {
  byId("news").textContent = text;
}

// A button that cannot be pressed twice, and keeps the keyboard.
async function pressed(button, work) {
  const focused = document.activeElement === button;
  button.disabled = true;
  try {
    await work();
  } finally {
    button.disabled = false;
    if (focused) button.focus();
  }
}

function percent(share) {
  if (share < 0.0005) return "< 0.1 %";
  if (share > 0.995 && share < 0.9995) return `${(100 * share).toFixed(1)} %`;
  return share >= 0.0995 ? `${Math.round(100 * share)} %` : `${(100 * share).toFixed(1)} %`;
}

const short = (number) => String(Number(number.toPrecision(3)));

// ---- samples and their answers ---------------------------------------------

function bar(name, kind, share, text, key, rank = 0) {
  const label = kind === "added"
    ? element("span", { text: name })
    : element("button", { type: "button", className: "link", text: name });
  if (kind !== "added") label.dataset.class = key;
  const fill = element("span", { className: `fill ${kind ?? "other"}` });
  fill.style.width = `${Math.max(0.5, 100 * share)}%`;
  return element(
    "li",
    {},
    element("span", { className: "name" }, label, kind ? element("span", { className: `kind ${kind}`, text: kind }) : "",
      rank > 5 ? element("span", { className: "hint", text: `place ${rank}` }) : ""),
    element("span", { className: "number", text }),
    element("span", { className: "track" }, fill),
  );
}

function draw() {
  const boxes = samples.map((sample) => {
    const remove = element("button", { type: "button", className: "remove", text: "×", ariaLabel: `Remove ${sample.name}` });
    remove.addEventListener("click", () => {
      samples.splice(samples.indexOf(sample), 1);
      if (sample.picture) URL.revokeObjectURL(sample.picture);
      draw();
      (document.querySelector(".result .remove") ?? files).focus();
    });
    const body = element("div", {}, element("p", { className: "title" }, element("span", { text: sample.name, title: sample.name }), remove));
    if (sample.error) body.append(element("p", { className: "error", text: sample.error }));
    else if (!sample.answers) body.append(element("p", { className: "hint", text: "…" }));
    else {
      if (sample.truth) {
        const right = sample.answers[0].name === sample.truth;
        body.append(element("p", { className: "truth", text: `It is ${sample.shown}: ${right ? "right." : "wrong."}` }));
      }
      body.append(element("ul", { className: "bars" }, ...sample.answers.map((one) =>
        bar(one.shown, one.kind, one.probability, percent(one.probability), one.name, one.rank))));
    }
    const box = element("article", { className: `result ${sample.error ? "bad" : ""}` });
    if (sample.picture && !sample.error) {
      const image = element("img", { src: sample.picture, alt: sample.name });
      image.addEventListener("error", () => { // as of TIFF, which browsers do not show
        image.remove();
        box.classList.add("plain");
      });
      box.append(image);
    } else box.classList.add("plain");
    box.append(body);
    return box;
  });
  byId("results").replaceChildren(...boxes);
  byId("clear").hidden = !samples.length;
}

async function answer() {
  const asked = samples.filter((one) => one.features);
  const number = ++drawn;
  try {
    const found = await ask("/answers", {
      features: asked.map((one) => one.features),
      added: added.map(({ name, values }) => ({ name, values })),
    });
    if (number !== drawn) return; // a later question is under way
    asked.forEach((one, place) => { one.answers = found.answers[place]; });
    const [first] = asked;
    if (first) tell(`${first.name}: ${first.answers[0].shown}, ${percent(first.answers[0].probability)}`);
  } catch (error) {
    for (const one of asked) if (!one.answers) one.error = sentence(error);
    draw();
    throw error;
  }
  draw();
}

async function take(files) {
  for (const file of files) {
    const waiting = { name: file.name, picture: URL.createObjectURL(file) };
    samples.unshift(waiting);
    draw();
    try {
      if (file.size > largest * 2 ** 20) throw { problem: `${file.name} is larger than ${largest} MB.`, action: "Make it smaller." };
      const form = new FormData();
      form.append("file", file);
      const found = await ask("/features", form);
      const place = samples.indexOf(waiting);
      const made = found.samples.map((one) => ({ ...one, picture: /\.(csv|npy|npz)$/i.test(file.name) ? null : waiting.picture }));
      if (place >= 0) samples.splice(place, 1, ...made);
      await answer();
    } catch (error) {
      waiting.error ??= sentence(error);
      tell(waiting.error);
      draw();
    }
  }
}

const files = byId("files");
files.addEventListener("change", async () => {
  const chosen = [...files.files];
  files.value = ""; // so that the same file can be chosen again
  await take(chosen);
});

const drop = byId("drop");
for (const name of ["dragenter", "dragover"]) {
  drop.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
}
for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  take([...event.dataTransfer.files]);
});
// A file that misses the field would replace the page.
for (const name of ["dragover", "drop"]) window.addEventListener(name, (event) => event.preventDefault());

byId("clear").addEventListener("click", () => {
  for (const one of samples) if (one.picture) URL.revokeObjectURL(one.picture);
  samples.length = 0;
  draw();
  files.focus();
});

byId("held-back")?.addEventListener("click", (event) => pressed(event.currentTarget, async () => {
  try {
    samples.unshift(...(await ask("/held_back")).samples);
    await answer();
  } catch (error) {
    samples.unshift({ name: "samples held back", error: sentence(error) });
    draw();
  }
}));

// ---- added classes ----------------------------------------------------------

function drawSliders() {
  const sliders = description.strongest.map((one, place) => {
    const id = `slider-${place}`;
    const value = element("output", { htmlFor: id, text: short(one.value) });
    const input = element("input", {
      type: "range", id, min: one.least, max: one.most, step: "any", value: one.value, ariaValueText: short(one.value),
    });
    input.dataset.number = one.number;
    input.addEventListener("input", () => {
      description.values[one.number] = Number(input.value);
      description.moved = true;
      value.textContent = input.ariaValueText = short(Number(input.value));
    });
    return element("div", { className: "slider" }, element("label", { htmlFor: id, text: one.name }), value, input);
  });
  byId("sliders").replaceChildren(...sliders);
}

async function loadSliders() {
  const like = byId("like");
  if (!like) return;
  try {
    description = await ask("/sliders", { like: like.value });
    description.moved = like.value !== "";
    drawSliders();
  } catch (error) {
    showAddError(sentence(error));
  }
}

function showAddError(text) {
  const place = byId("add-error");
  place.textContent = text;
  place.hidden = !text;
}

function drawAdded() {
  byId("added").replaceChildren(...added.map((one) => {
    const remove = element("button", { type: "button", text: "Remove", ariaLabel: `Remove ${one.name}` });
    remove.addEventListener("click", () => {
      added.splice(added.indexOf(one), 1);
      drawAdded();
      (document.querySelector("#added button") ?? byId("new-name")).focus();
      answer().catch((error) => showAddError(sentence(error)));
    });
    return element("li", {}, element("span", {}, `${one.name} `, element("span", { className: "kind added", text: "added" })), remove);
  }));
}

byId("add")?.addEventListener("submit", (event) => {
  event.preventDefault();
  pressed(event.currentTarget.querySelector("[type=submit]"), addClass);
});

async function addClass() {
  showAddError("");
  const name = byId("new-name").value.trim();
  const words = byId("sentence");
  const open = byId("by-sliders")?.open;
  try {
    if (!name) throw { problem: "The class has no name.", action: "Give it one." };
    if (added.some((one) => one.name === name)) {
      throw { problem: `${name} is added already.`, action: "Choose another name, or remove it first." };
    }
    let values;
    if (words && !(open && description?.moved)) {
      ({ values } = await ask("/describe", { name, sentence: words.value }));
    } else values = [...description.values];
    added.push({ name, values });
    try {
      await answer();
    } catch (error) {
      added.pop();
      throw error;
    }
    drawAdded();
    byId("new-name").value = "";
  } catch (error) {
    showAddError(sentence(error));
  }
}

byId("like")?.addEventListener("change", loadSliders);
loadSliders();

// ---- one class ---------------------------------------------------------------

function pairs(title, those) {
  if (!those.length) return "";
  return element("div", {}, element("h3", { text: title }), element("ul", { className: "bars" }, ...those.map((one) =>
    bar(one.shown, one.kind, one.percent / 100, `${short(one.percent)} %`, one.name))));
}

async function look(name) {
  const place = byId("look-content");
  try {
    const one = await ask("/class", { name });
    const rows = one.strongest.map((each) => element("tr", {},
      element("td", { text: each.name }), element("td", { text: short(each.value) }), element("td", { text: short(each.mean) })));
    const heading = element("tr", {}, ...["Most unusual about it", "value", "average"].map((text) => element("th", { text, scope: "col" })));
    place.replaceChildren(
      element("h2", { id: "look-title" }, `${one.shown} `, element("span", { className: `kind ${one.kind}`, text: one.kind })),
      element("p", { text: one.accuracy === null
        ? "None of its samples was held back, so its accuracy is not known."
        : `${short(one.accuracy)} % of its samples held back are recognised, all classes being possible answers.` }),
      rows.length
        ? element("table", {}, element("thead", {}, heading), element("tbody", {}, ...rows))
        : element("p", { className: "hint", text: `Its description cannot be shown. ${one.missing}` }),
      pairs("Taken for", one.taken_for),
      pairs("Taken for it", one.taken_from),
      ...one.notes.map((text) => element("p", { className: "hint", text })),
    );
  } catch (error) {
    place.replaceChildren(element("h2", { id: "look-title", text: name }), element("p", { className: "error", text: sentence(error) }));
  }
  if (!byId("look").open) byId("look").showModal();
  byId("look").scrollTop = 0;
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-class]");
  if (button) look(button.dataset.class);
  else if (event.target === byId("look")) byId("look").close();
});

byId("filter").addEventListener("input", (event) => {
  const text = event.target.value.trim().toLowerCase();
  // "seen" is a part of "unseen"; a kind is meant as a whole word.
  const kind = ["seen", "unseen"].includes(text);
  for (const one of byId("classes").children) {
    const words = one.dataset.text;
    one.hidden = kind ? !words.endsWith(` ${text}`) : !words.includes(text);
  }
});
