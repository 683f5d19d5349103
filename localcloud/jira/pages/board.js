// The board: reads /local/board, draws it again when it changed, and moves stories by drag and drop or by the select.
"use strict";

const PAUSE = 1000; // ms between two looks
const byId = (id) => document.getElementById(id);
const chosen = location.pathname.startsWith("/browse/") ? decodeURIComponent(location.pathname.slice(8)).toUpperCase() : "";
let drawn = "";
let dragged = null;
let scrolled = false;

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(attribute, "");
    else if (value !== false && value !== null) made.setAttribute(attribute, value);
  }
  made.append(...children.filter((child) => child !== null && child !== ""));
  return made;
}

async function send(method, path, body) {
  const answer = await fetch(path, {
    method,
    headers: { "Content-Type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (!answer.ok) {
    const error = await answer.json().catch(() => ({}));
    throw new Error([...(error.errorMessages || []), ...Object.values(error.errors || {})].join(" ") || `HTTP ${answer.status}`);
  }
  return answer.status === 204 ? null : answer.json();
}

function report(problem) {
  byId("problem").textContent = problem;
  byId("problem").hidden = !problem;
}

function say(text) {
  byId("said").textContent = text;
}

async function move(key, status) {
  try {
    await send("PUT", `/local/stories/${encodeURIComponent(key)}`, { status, actor: byId("person").value });
    say(`${key} is now in ${status}.`);
    report("");
  } catch (error) {
    report(`${key} was not moved: ${error.message}`);
  }
  await look(`move-${key}`);
}

function time(text) {
  const at = new Date(text.replace(/([+-]\d\d)(\d\d)$/, "$1:$2"));
  return element("time", { datetime: at.toISOString() }, at.toLocaleTimeString([], { hourCycle: "h23", hour: "2-digit", minute: "2-digit", second: "2-digit" }));
}

function card(story, columns) {
  const made = element("li", { class: story.key === chosen ? "card chosen" : "card", draggable: "true", id: `story-${story.key}` });
  const refused = story.resolution && story.resolution !== "Done";
  made.append(
    element("div", { class: "top" }, element("a", { href: `/browse/${story.key}` }, story.key),
      story.resolution ? element("span", { class: refused ? "tag bad" : "tag" }, story.resolution) : ""),
    element("h3", {}, story.summary),
  );
  const select = element("select", { id: `move-${story.key}` },
    ...columns.map((column) => element("option", { selected: column.name === story.status }, column.name)));
  select.addEventListener("change", () => move(story.key, select.value));
  made.append(element("div", { class: "move" }, element("label", { for: select.id }, "Status", element("span", { class: "hidden" }, ` of ${story.key}`)), select));
  if (story.links.length) {
    made.append(element("h4", {}, "Links"), element("ul", { class: "items" }, ...story.links.map((link) =>
      element("li", { class: link.resolved ? "closed" : "open" }, address(link),
        link.summary ? element("small", {}, link.summary) : ""))));
  }
  if (story.comments.length) {
    made.append(element("h4", {}, "Comments"), element("ul", { class: "items" }, ...story.comments.map((comment) =>
      element("li", {}, ...said(comment.text),
        element("small", {}, `${comment.author}${comment.internal ? " (internal)" : ""}, `, time(comment.at))))));
  }
  if (story.history.length) {
    const details = element("details", { id: `history-${story.key}` }, element("summary", {}, "History"), element("ul", {},
      ...story.history.map((change) => element("li", {}, time(change.at), ` ${change.actor}: ${change.changes.join(", ")}`))));
    details.open = Boolean(byId(details.id)?.open);
    made.append(details);
  }
  made.addEventListener("dragstart", (event) => {
    dragged = story;
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", story.key);
    made.classList.add("dragged");
  });
  made.addEventListener("dragend", () => {
    dragged = null;
    made.classList.remove("dragged");
    look();
  });
  return made;
}

function said(text) {
  const [first, ...rest] = text.split("\n");
  return [element("p", {}, element("strong", {}, first)), rest.length ? element("p", {}, rest.join("\n")) : ""];
}

function address(link) {
  const web = /^https?:/.test(link.url);
  return web ? element("a", { href: link.url, target: "_blank", rel: "noreferrer" }, link.title) : element("span", {}, link.title);
}

function column(known, board) {
  const stories = board.stories.filter((story) => story.status === known.name);
  const made = element("section", { class: `column ${known.category}`, "aria-label": known.name },
    element("h2", {}, known.name, element("span", { "aria-label": `${stories.length} stories` }, String(stories.length))));
  made.append(stories.length
    ? element("ul", {}, ...stories.map((story) => card(story, board.columns)))
    : element("p", { class: "empty" }, "No stories"));
  made.addEventListener("dragover", (event) => {
    if (!dragged) return;
    event.preventDefault();
    made.classList.add("over");
  });
  made.addEventListener("dragleave", (event) => {
    if (!made.contains(event.relatedTarget)) made.classList.remove("over");
  });
  made.addEventListener("drop", (event) => {
    event.preventDefault();
    made.classList.remove("over");
    const story = dragged;
    dragged = null;
    if (story && story.status !== known.name) move(story.key, known.name);
  });
  return made;
}

function delivery(attempt) {
  const good = /^2\d\d$/.test(attempt.outcome);
  return element("li", {}, element("b", { class: good ? null : "bad" }, attempt.outcome),
    element("span", {}, attempt.story), element("span", { class: "muted" }, attempt.event),
    element("span", { class: "muted" }, attempt.retry ? `retry ${attempt.retry}` : "first attempt"),
    element("code", {}, attempt.answer.slice(0, 160)));
}

function draw(board, focus) {
  const focused = focus || document.activeElement?.id;
  byId("board").replaceChildren(...board.columns.map((known) => column(known, board)));
  const person = byId("person");
  if (!person.options.length) person.append(...board.people.map((name) => element("option", {}, name)));
  byId("webhooks").checked = board.webhooks.enabled;
  byId("hooks").textContent = board.webhooks.registered.length
    ? board.webhooks.registered.map((hook) => `${hook.name} → ${hook.url}`).join("; ") : "No webhook is registered.";
  byId("deliveries").replaceChildren(...board.deliveries.map(delivery));
  if (focused && focused !== document.activeElement?.id) byId(focused)?.focus();
  if (chosen && !scrolled) {
    byId(`story-${chosen}`)?.scrollIntoView({ block: "center" });
    scrolled = true;
  }
}

// Each look asks for the whole board; it is drawn again only if it changed, and not while a card is dragged.
async function look(focus) {
  try {
    const board = await send("GET", "/local/board");
    const text = JSON.stringify(board);
    if (!dragged && (text !== drawn || focus)) {
      drawn = text;
      draw(board, focus);
    }
    if (byId("problem").dataset.away) {
      delete byId("problem").dataset.away;
      report("");
    }
  } catch {
    byId("problem").dataset.away = "yes";
    report("This Jira does not answer; it has probably been stopped.");
  }
}

byId("find").addEventListener("submit", async (event) => {
  event.preventDefault();
  const key = byId("key").value.trim().toUpperCase();
  try {
    const story = await send("PUT", `/local/stories/${encodeURIComponent(key)}`, {});
    location.assign(`/browse/${encodeURIComponent(story.key)}`);
  } catch (error) {
    report(`${key}: ${error.message}`);
  }
});

byId("webhooks").addEventListener("change", async (event) => {
  const enabled = event.target.checked;
  await send("PUT", "/local/webhooks", { enabled }).catch((error) => report(error.message));
  say(enabled ? "Webhooks are sent." : "Webhooks are lost.");
});

(async function forever() {
  for (;;) {
    if (!document.hidden || !drawn) await look();
    await new Promise((wake) => setTimeout(wake, PAUSE));
  }
})();
