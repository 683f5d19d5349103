"use strict";
// Live parts, dialogs and notices of the console. Pages can be read without it; decisions need it.

const live = document.getElementById("live");
const said = document.getElementById("said");
const LONGEST_PAUSE = 30000; // milliseconds between two looks while the server or AWS does not answer

// Makes `old` equal to `fresh` by the fewest changes, which keeps focus, scroll positions, open details and selections.
function morph(old, fresh) {
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !kept(old, name)) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value && !kept(old, name)) old.setAttribute(name, value);
  }
  let here = old.firstChild;
  for (const child of [...fresh.childNodes]) {
    if (called(child)) {
      let known = here;
      while (known && !alike(known, child)) known = known.nextSibling;
      while (known && here !== known) here = drop(here);
    }
    // Blanks between elements differ with what the template leaves out.
    while (here && here.nodeType === Node.TEXT_NODE && child.nodeType === Node.ELEMENT_NODE) here = drop(here);
    if (here && alike(here, child)) {
      const next = here.nextSibling;
      if (here.nodeType === Node.ELEMENT_NODE) morph(here, child);
      else if (here.data !== child.data) here.data = child.data;
      here = next;
    } else {
      old.insertBefore(child, here);
    }
  }
  while (here) here = drop(here);
}

// The reader, not the server, opens and closes these.
function kept(element, name) {
  return name === "open" && ["DETAILS", "DIALOG"].includes(element.tagName);
}

function alike(one, other) {
  return one.nodeType === other.nodeType && one.nodeName === other.nodeName && called(one) === called(other);
}

function called(node) {
  return node.id || (node.getAttribute && node.getAttribute("aria-labelledby")) || "";
}

function drop(node) {
  const next = node.nextSibling;
  node.remove();
  return next;
}

// A dialog must not change while the reader confirms it.
function isBusy() {
  return document.hidden || document.querySelector("dialog[open]");
}

async function look() {
  const answer = await fetch(live.dataset.live, { headers: { Accept: "application/json" } });
  const update = await answer.json();
  if (!answer.ok) throw new Error([update.error, update.hint].filter(Boolean).join(" "));
  return update;
}

function show(update) {
  const before = document.activeElement;
  const fresh = live.cloneNode(false);
  fresh.innerHTML = update.html;
  morph(live, fresh);
  // The focused button may be gone, such as Approve once the run has ended: keep the keyboard in the main part.
  if (before && before !== document.body && !before.isConnected) document.getElementById("main").focus({ preventScroll: true });
  if (update.said && update.said !== live.dataset.said) {
    said.textContent = live.dataset.said = update.said;
  }
  if (update.title) document.title = document.title.replace(/^.*?(?= · storygate )/, () => update.title);
}

function complain(text) {
  let line = document.getElementById("trouble");
  if (!text) {
    if (line) line.remove();
    return;
  }
  if (!line) {
    line = document.createElement("p");
    line.id = "trouble";
    line.className = "notice failed";
    live.before(line);
  }
  const full = `Not live: ${text} Trying again.`;
  if (line.textContent !== full) said.textContent = line.textContent = full;
}

async function follow() {
  const every = Number(live.dataset.every);
  let pause = every;
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, pause));
    if (isBusy()) continue;
    try {
      const update = await look();
      complain("");
      if (!isBusy()) {
        show(update);
        if (update.over) return;
      }
      pause = every;
    } catch (error) {
      complain(error instanceof TypeError ? "the console does not answer; is it still running?" : error.message);
      pause = Math.min(pause * 2, LONGEST_PAUSE);
    }
  }
}

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog]");
  if (opener) document.getElementById(opener.dataset.dialog).showModal();
  const closer = event.target.closest("[data-close]");
  if (closer) closer.closest("dialog").close();
});

document.addEventListener("submit", (event) => {
  // One click is enough: do not send the form twice.
  for (const button of event.target.querySelectorAll("button")) button.disabled = true;
});

// Where the server could not redirect: the key stays in the cookie, and off the screen and the bookmarks.
const address = new URL(location.href);
if (address.searchParams.has("key")) {
  address.searchParams.delete("key");
  history.replaceState(null, "", address);
}

// A narrow screen shows a part of the graph: begin with the state that goes on, else with the last one of a run.
function showState() {
  const graph = document.querySelector(".graph");
  if (!graph) return;
  const last = (phases) => [...graph.querySelectorAll(phases)].pop();
  const state = last("[data-phase=waiting], [data-phase=running]") || last("[data-phase=failed]") || last("[data-phase=done]");
  if (!state) return;
  const [box, frame] = [state.getBoundingClientRect(), graph.getBoundingClientRect()];
  graph.scrollLeft += box.left + box.width / 2 - frame.left - frame.width / 2;
  graph.scrollTop += box.top + box.height / 2 - frame.top - frame.height / 2;
}
showState();

const notice = document.querySelector("[data-notice]");
if (notice) notice.focus({ preventScroll: true });
if (live && live.dataset.live) follow();
