// The console works without this file. With it, pages show what changed, countdowns run, and buttons answer at once.
"use strict";

// Shows what the server says now in place of the live part of the page.
async function showAnew() {
  const live = document.getElementById("live");
  if (!live || isBusy(live)) return;
  let answer;
  try {
    answer = await fetch(location.href, { headers: { accept: "text/html" }, cache: "no-store" });
  } catch {
    return; // The server is away; the next event tries again.
  }
  if (answer.redirected) return location.reload(); // Logged out.
  if (answer.ok) show(await answer.text());
}

// Puts the live part of a page of ours in place of the one that is shown.
function show(page) {
  const live = document.getElementById("live");
  const fresh = new DOMParser().parseFromString(page, "text/html").getElementById("live");
  if (!fresh || isBusy(live)) return;
  const focused = live.contains(document.activeElement) ? document.activeElement.id : "";
  const open = [...live.querySelectorAll("details[open][id]")].map((one) => one.id);
  live.replaceChildren(...fresh.childNodes);
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  if (focused) document.getElementById(focused)?.focus();
  if (!fresh.dataset.live) stop();
  revive(live);
}

// Whether somebody is typing there, so that it must stay as it is.
function isBusy(part) {
  const at = document.activeElement;
  return part.contains(at) && at.matches("input, textarea, select");
}

let source;
function stop() {
  source?.close();
  source = undefined;
}

function listen() {
  const live = document.getElementById("live");
  if (!live?.dataset.live) return;
  source = new EventSource(live.dataset.live);
  source.addEventListener("change", showAnew);
  source.addEventListener("end", () => location.reload());
  // "3 min ago" grows old, too.
  setInterval(() => {
    if (source && !document.hidden) showAnew();
  }, 30000);
}

function countDown(part) {
  for (const count of part.querySelectorAll("[data-countdown]")) {
    // By this page's steady clock: the browser's date may be off.
    const ends = performance.now() + (Number(count.dataset.countdown) - Number(count.dataset.now));
    const clock = count.querySelector("[data-clock]");
    const tick = () => {
      if (!count.isConnected) return;
      const left = Math.ceil((ends - performance.now()) / 1000);
      if (left <= 0) {
        count.textContent = count.dataset.over;
        const button = document.getElementById(count.dataset.frees);
        if (button) button.disabled = false;
        return;
      }
      clock.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
      setTimeout(tick, 250);
    };
    tick();
  }
}

function revive(part) {
  countDown(part);
  for (const button of part.querySelectorAll("[data-copy]")) {
    if (!navigator.clipboard) continue;
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
      button.textContent = button.dataset.copied;
    });
  }
}

// Sends a form and shows what its page says, without leaving this one.
async function sendFrom(form, button) {
  button.disabled = true;
  button.textContent = button.dataset.busy;
  try {
    const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
    const text = await answer.text();
    const page = new DOMParser().parseFromString(text, "text/html");
    const says = page.getElementById("says");
    if (!answer.ok || !says || !page.getElementById("live")) return location.reload();
    document.getElementById("says").replaceChildren(...says.childNodes);
    show(text);
  } catch {
    location.reload();
  }
}

document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
  if (question && !confirm(question)) return event.preventDefault();
  if (event.target.matches("[data-stay]")) {
    event.preventDefault();
    return void sendFrom(event.target, event.submitter);
  }
  const button = event.submitter;
  if (!button?.dataset.busy) return;
  // After the form was read, so that the button's own value goes with it.
  setTimeout(() => {
    button.disabled = true;
    button.textContent = button.dataset.busy;
  });
});

// Somebody came back by the browser's button: what was disabled above is not busy any more.
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});

document.querySelector(".parts [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
revive(document);
listen();
