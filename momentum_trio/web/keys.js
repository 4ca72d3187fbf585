// Keys that do something by themselves, and the dialog that lists them. They can be turned off there (WCAG 2.1.4).

import { make } from "./words.js";

const PANELS = ["listens", "sessions", "queues", "notices", "rejections", "messages"];

// acts: what t, p and r do.
export function keys({ theme, hold, reach }) {
  const help = document.getElementById("help"), single = document.getElementById("single");
  const find = document.getElementById("find");
  const enter = (id) => {
    const panel = document.getElementById(id);
    (panel.querySelector(".rows [tabindex='0'], .switch, .scroll[tabindex]") ?? panel).focus();
    panel.scrollIntoView({ block: "nearest" });
  };
  const table = [
    ["?", "These keys", () => help.showModal()],
    ["/", "Find a message or a rejection", () => find.focus()],
    ["p", "Hold the lists, or let them go on", hold],
    ["r", "Charts of 5 minutes or of an hour", reach],
    ["t", "Light, dark, or as the system", theme],
    ...PANELS.map((id, at) => [String(at + 1), `To the ${id}`, () => enter(id)]),
  ];
  const also = [["Tab", "From one thing to the next"], ["↑ ↓ Home End", "In a list; Enter opens a row"], ["← →", "In the charts, on «Look back»"], ["Esc", "Close, or leave the list or the search"]];
  const row = ([key, words]) => [make("dt", {}, make("kbd", {}, key)), make("dd", {}, words)];
  help.querySelector("dl").append(...[...table, ...also].flatMap(row));
  help.querySelector(".leave").addEventListener("click", () => help.close());
  document.getElementById("keys").addEventListener("click", () => help.showModal());
  single.checked = stored() !== "off";
  single.addEventListener("change", () => store(single.checked ? "on" : "off"));
  const byKey = new Map(table.map(([key, , act]) => [key, act]));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") return leave(event, find);
    if (event.ctrlKey || event.metaKey || event.altKey || !single.checked) return;
    if (document.querySelector("dialog[open]") || event.target.matches("input[type=search]")) return;
    const act = byKey.get(event.key);
    if (!act) return;
    event.preventDefault();
    act();
  });
}

// Esc outside a dialog: nothing is searched for any more, lists go on.
function leave(event, find) {
  if (document.querySelector("dialog[open]")) return;
  document.activeElement?.blur();
  if (!find.value) return;
  find.value = "";
  find.dispatchEvent(new Event("input"));
}

function stored() {
  try {
    return localStorage.getItem("keys");
  } catch {
    return null;
  }
}

function store(value) {
  try {
    localStorage.setItem("keys", value);
  } catch { /* it holds until the page is left */ }
}
