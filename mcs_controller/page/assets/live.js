// Keeps the page up to date: it is fetched again, and only what differs is changed, so that focus, selection,
// scroll positions and what is being typed stay. Without this script the link "Refresh" does the same.
"use strict";

(() => {
  const EVERY_MS = 1000 * Number(document.body.dataset.everySeconds);
  const WITHIN_MS = 10_000;
  const SLOWEST_MS = 30_000;
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const link = document.getElementById("link");
  let paused = false;
  let failures = 0;
  let lastSeen = Date.now();
  let timer = 0;

  // Whoever fills in a form has not sent it yet, and an opened part stays open.
  const untouched = (node) => ["INPUT", "SELECT", "TEXTAREA"].includes(node.nodeName);

  function sameKind(one, other) {
    return one.nodeType === other.nodeType && one.nodeName === other.nodeName && one.id === other.id;
  }

  function flash(node) {
    const place = node.parentElement?.closest("[data-flash]");
    if (place && !calm.matches) {
      const colour = getComputedStyle(document.body).getPropertyValue("--flash").trim();
      place.animate([{ backgroundColor: colour }, { backgroundColor: "transparent" }], { duration: 1500 });
    }
  }

  function update(old, wanted) {
    if (old.nodeType === Node.TEXT_NODE) {
      if (old.data !== wanted.data) {
        old.data = wanted.data;
        flash(old);
      }
      return;
    }
    if (old.nodeType !== Node.ELEMENT_NODE || untouched(old) || old.isEqualNode(wanted)) return;
    for (const { name } of [...old.attributes]) {
      if (!wanted.hasAttribute(name)) old.removeAttribute(name);
    }
    for (const { name, value } of wanted.attributes) {
      if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
    updateChildren(old, wanted);
  }

  // Children with an id are found by it, so that a line that comes or goes does not change all others.
  function updateChildren(old, wanted) {
    const ids = new Set([...wanted.children].map((one) => one.id).filter(Boolean));
    let at = old.firstChild;
    for (const next of [...wanted.childNodes]) {
      while (at && at.id && !ids.has(at.id)) {
        const gone = at;
        at = at.nextSibling;
        gone.remove();
      }
      if (at && sameKind(at, next)) {
        update(at, next);
        at = at.nextSibling;
        continue;
      }
      const elsewhere = next.id ? [...old.children].find((one) => one.id === next.id) : null;
      if (elsewhere && sameKind(elsewhere, next)) {
        old.insertBefore(elsewhere, at);
        update(elsewhere, next);
      } else {
        old.insertBefore(document.importNode(next, true), at);
      }
    }
    while (at) {
      const gone = at;
      at = at.nextSibling;
      gone.remove();
    }
  }

  function show(text) {
    const page = new DOMParser().parseFromString(text, "text/html");
    if (!page.getElementById("main")) throw new Error("this is not the status page");
    for (const id of ["main", "asof", "said", "cluster", "footer"]) {
      const wanted = page.getElementById(id);
      if (wanted) update(document.getElementById(id), wanted);
    }
    if (document.title !== page.title) document.title = page.title;
  }

  function tell(text) {
    if (link.textContent !== text) link.textContent = text;
    link.hidden = !text;
  }

  async function look() {
    clearTimeout(timer);
    if (paused || document.hidden) return;
    try {
      const answer = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(WITHIN_MS) });
      show(await answer.text());
      failures = 0;
      lastSeen = Date.now();
      tell("");
    } catch {
      failures += 1;
      // Once may be a change of the network; the words stay the same, so that they are said only once.
      if (failures > 1) tell(`The agent does not answer since ${new Date(lastSeen).toLocaleTimeString()}. What is shown is from then.`);
    }
    clearTimeout(timer);
    timer = setTimeout(look, Math.min(EVERY_MS * 2 ** Math.min(failures, 4), SLOWEST_MS));
  }

  const button = document.createElement("button");
  button.type = "button";
  button.id = "pause";
  button.textContent = "Pause";
  button.addEventListener("click", () => {
    paused = !paused;
    button.textContent = paused ? "Go on" : "Pause";
    look();
  });
  document.getElementById("refresh").replaceWith(button);
  document.addEventListener("visibilitychange", look);
  addEventListener("pageshow", (event) => event.persisted && look());
  timer = setTimeout(look, EVERY_MS);
})();
